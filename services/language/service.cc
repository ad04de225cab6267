#include "services/language/service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/language.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "services/language/validate.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "LanguageService";
constexpr std::string_view kSegment = "language.segment";
constexpr std::string_view kEmbed = "language.embed";
constexpr std::string_view kClassify = "language.classify";
constexpr std::string_view kClassifySentiment = "language.classify-sentiment";
constexpr std::string_view kFindEntities = "language.find-entities";

// Gathers one result for each text, in whatever order they come.
template <typename Response>
class ResultsHandler : public JobHandler {
 public:
  ResultsHandler(std::shared_ptr<UnaryCall> call, int texts)
      : call_(std::move(call)), filled_(static_cast<size_t>(texts), false) {}

  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return call_->End(status);
    for (const bool filled : filled_) {
      if (filled) continue;
      return call_->End(
          MakeError(Reason::kEngineFailure, "The model has left a text without an answer."));
    }
    *response_.mutable_usage() = call_->usage().ToProto();
    call_->NoteOutput(response_.ByteSizeLong());
    call_->Respond(response_);
  }

 protected:
  // The place for the result of a text in `results`, once, or again where `several` results of a
  // text make one. Null for one that was never asked for.
  template <typename Results>
  auto* PlaceFor(uint32_t index, Results* results, bool several = false) {
    while (results->size() < static_cast<int>(filled_.size())) results->Add();
    if (index >= filled_.size() || (filled_[index] && !several)) {
      return static_cast<decltype(results->Mutable(0))>(nullptr);
    }
    filled_[index] = true;
    return results->Mutable(static_cast<int>(index));
  }

  Response response_;

 private:
  const std::shared_ptr<UnaryCall> call_;
  std::vector<bool> filled_;
};

class SegmentHandler final : public ResultsHandler<v1::SegmentTextResponse> {
 public:
  using ResultsHandler::ResultsHandler;
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_segments()) return;
    const engine_proto::SegmentsResult& result = event.segments();
    v1::TextSegments* place = PlaceFor(result.index(), response_.mutable_texts(), /*several=*/true);
    if (place == nullptr) return;
    for (int i = 0; i < result.starts_size() && i < result.ends_size(); ++i) {
      v1::TextRange& range = *place->add_segments();
      range.set_start(result.starts(i));
      range.set_end(result.ends(i));
    }
  }
};

class EmbedHandler final : public ResultsHandler<v1::EmbedTextResponse> {
 public:
  using ResultsHandler::ResultsHandler;
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_embedding()) return;
    v1::TextEmbedding* place = PlaceFor(event.embedding().index(), response_.mutable_embeddings());
    if (place == nullptr) return;
    *place->mutable_values() = event.embedding().values();
    place->set_input_tokens(event.embedding().input_tokens());
  }
};

class ClassifyHandler final : public ResultsHandler<v1::ClassifyTextResponse> {
 public:
  using ResultsHandler::ResultsHandler;
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_classes()) return;
    v1::TextLabels* place = PlaceFor(event.classes().index(), response_.mutable_texts());
    if (place == nullptr) return;
    for (const engine_proto::TextClass& one : event.classes().classes()) {
      v1::TextLabel& label = *place->add_labels();
      label.set_label(one.label());
      label.set_confidence(one.confidence());
    }
  }
};

class EntitiesHandler final : public ResultsHandler<v1::FindEntitiesResponse> {
 public:
  EntitiesHandler(std::shared_ptr<UnaryCall> call, std::vector<std::string> texts)
      : ResultsHandler(std::move(call), static_cast<int>(texts.size())), texts_(std::move(texts)) {}

  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_entities()) return;
    const uint32_t index = event.entities().index();
    v1::NamedEntities* place = PlaceFor(index, response_.mutable_texts());
    if (place == nullptr) return;
    for (const engine_proto::TextEntity& one : event.entities().entities()) {
      if (one.start() >= one.end() || one.end() > texts_[index].size()) continue;
      v1::NamedEntity& entity = *place->add_entities();
      entity.set_start(one.start());
      entity.set_end(one.end());
      entity.set_text(texts_[index].substr(one.start(), one.end() - one.start()));
      entity.set_label(one.label());
      entity.set_confidence(one.confidence());
    }
  }

 private:
  const std::vector<std::string> texts_;
};

using Base = v1::LanguageService::WithRawCallbackMethod_SegmentText<
    v1::LanguageService::WithRawCallbackMethod_EmbedText<
        v1::LanguageService::WithRawCallbackMethod_ClassifyText<
            v1::LanguageService::WithRawCallbackMethod_FindEntities<
                v1::LanguageService::Service>>>>;

class LanguageService final : public Base {
 public:
  explicit LanguageService(const ServiceEnvironment& environment) : environment_(environment) {}

  grpc::ServerUnaryReactor* SegmentText(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Serve<v1::SegmentTextRequest>(
        context, bytes, response, "SegmentText",
        [](const std::shared_ptr<UnaryCall>& call, v1::SegmentTextRequest request) {
          const int texts = request.texts_size();
          engine_proto::Task task;
          engine_proto::SegmentTextTask& segment = *task.mutable_segment_text();
          segment.mutable_texts()->Swap(request.mutable_texts());
          segment.set_unit(static_cast<engine_proto::TextUnit>(request.unit()));
          segment.set_language(request.language());
          return Start(call, kSegment, request.options(), std::move(task),
                       std::make_shared<SegmentHandler>(call, texts));
        });
  }

  grpc::ServerUnaryReactor* EmbedText(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* bytes,
                                      grpc::ByteBuffer* response) override {
    return Serve<v1::EmbedTextRequest>(
        context, bytes, response, "EmbedText",
        [](const std::shared_ptr<UnaryCall>& call, v1::EmbedTextRequest request) {
          const int texts = request.texts_size();
          engine_proto::Task task;
          engine_proto::EmbedTextTask& embed = *task.mutable_embed_text();
          embed.mutable_texts()->Swap(request.mutable_texts());
          embed.set_purpose(static_cast<engine_proto::EmbeddingPurpose>(request.purpose()));
          embed.set_dimensions(request.dimensions());
          return Start(call, kEmbed, request.options(), std::move(task),
                       std::make_shared<EmbedHandler>(call, texts));
        });
  }

  grpc::ServerUnaryReactor* ClassifyText(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* bytes,
                                         grpc::ByteBuffer* response) override {
    return Serve<v1::ClassifyTextRequest>(
        context, bytes, response, "ClassifyText",
        [](const std::shared_ptr<UnaryCall>& call, v1::ClassifyTextRequest request) {
          const int texts = request.texts_size();
          const bool sentiment = request.classification() == v1::TEXT_CLASSIFICATION_SENTIMENT;
          engine_proto::Task task;
          task.mutable_classify_text()->mutable_texts()->Swap(request.mutable_texts());
          return Start(call, sentiment ? kClassifySentiment : kClassify, request.options(),
                       std::move(task), std::make_shared<ClassifyHandler>(call, texts));
        });
  }

  grpc::ServerUnaryReactor* FindEntities(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* bytes,
                                         grpc::ByteBuffer* response) override {
    return Serve<v1::FindEntitiesRequest>(
        context, bytes, response, "FindEntities",
        [](const std::shared_ptr<UnaryCall>& call, v1::FindEntitiesRequest request) {
          std::vector<std::string> texts(request.texts().begin(), request.texts().end());
          engine_proto::Task task;
          task.mutable_find_entities()->mutable_texts()->Swap(request.mutable_texts());
          return Start(call, kFindEntities, request.options(), std::move(task),
                       std::make_shared<EntitiesHandler>(call, std::move(texts)));
        });
  }

 private:
  // Parses, validates and calls start(call, request).
  template <typename Request, typename Work>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                  std::string_view method, Work work) {
    return ServeUnary(environment_, context, response, kService, method,
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        call->NoteInput(bytes->Length());
                        Request request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (status.ok()) status = Validate(request);
                        if (!status.ok()) return status;
                        return work(call, std::move(request));
                      });
  }

  static absl::Status Start(const std::shared_ptr<UnaryCall>& call, std::string_view capability,
                            const v1::RequestOptions& options, engine_proto::Task task,
                            std::shared_ptr<JobHandler> handler) {
    const absl::StatusOr<Manifest> model = FindModelFor(call->runtime(), capability, options);
    if (!model.ok()) return model.status();
    const uint64_t bytes = task.ByteSizeLong();
    std::make_shared<JobGroup>(call, call->MakeJob(options, model->name), 1)
        ->Add(std::move(task), bytes, std::move(handler));
    return absl::OkStatus();
  }

  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLanguageService(const ServiceEnvironment& environment) {
  return std::make_unique<LanguageService>(environment);
}

}  // namespace intelligenced

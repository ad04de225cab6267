#include "services/vision/service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/vision.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/task_picture.h"
#include "services/vision/capabilities.h"
#include "services/vision/describe.h"
#include "services/vision/frame_streams.h"
#include "services/vision/frames.h"
#include "services/vision/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Jobs of different models that run side by side; each decodes the picture.
constexpr int kWindow = 2;
constexpr uint64_t kProgressTotal = 1000;

// The API's messages and the engine's are the same field by field.
template <typename To, typename From>
void Convert(const From& from, To* to) {
  to->ParseFromString(from.SerializeAsString());
}

// The requests that one model serves, by their places in the call.
struct Share {
  Manifest model;
  std::vector<int> places;
  // A language model answers, and only the one request.
  bool describes = false;
};

absl::StatusOr<std::vector<Share>> Route(const Runtime& runtime,
                                         const v1::AnalyzeImageRequest& request) {
  std::vector<Share> shares;
  for (int i = 0; i < request.requests_size(); ++i) {
    absl::StatusOr<Manifest> model =
        FindModelFor(runtime, VisionCapability(request.requests(i)), request.options());
    if (!model.ok()) {
      const std::optional<Reason> reason = ReasonOf(model.status());
      if (reason != Reason::kNoCapableModel) return model.status();
      ErrorFacts facts = FactsOf(model.status());
      facts.field = absl::StrCat("requests[", i, "]");
      return MakeError(*reason, model.status().message(), facts);
    }
    auto share = shares.begin();
    const bool describes = request.requests(i).has_describe_image();
    while (share != shares.end() &&
           (describes || share->describes || share->model.name != model->name)) {
      ++share;
    }
    if (share == shares.end()) {
      share = shares.insert(share, Share{*std::move(model), {}, describes});
    }
    share->places.push_back(i);
  }
  return shares;
}

class AnalyzeRun final : public TypedModelRun<v1::AnalyzeImageResponse> {
 public:
  AnalyzeRun(std::shared_ptr<StreamCall> call, const v1::AnalyzeImageRequest& request,
             std::vector<Share> shares)
      : TypedModelRun(std::move(call), request.options(), shares.front().model, kWindow),
        shares_(std::move(shares)),
        done_(shares_.size(), 0.0),
        descriptions_(shares_.size()),
        requests_(request.requests_size()) {}

  void Start(const v1::AnalyzeImageRequest& request, const TaskPicture& picture) {
    Bind();
    const auto self = std::static_pointer_cast<AnalyzeRun>(shared_from_this());
    for (size_t i = 0; i < shares_.size(); ++i) {
      engine_proto::Task task;
      Attachments attachments;
      if (shares_[i].describes) {
        *task.mutable_generate() =
            DescriptionTask(request.requests(shares_[i].places[0]).describe_image());
        engine_proto::Conversation& talk = *task.mutable_generate()->mutable_conversation();
        PutPicture(picture, talk.mutable_messages()->rbegin()->add_images(), &attachments);
      } else {
        engine_proto::VisionTask& vision = *task.mutable_vision();
        PutPicture(picture, vision.mutable_image(), &attachments);
        for (const int place : shares_[i].places) {
          Convert(request.requests(place), vision.add_requests());
        }
      }
      AddJob(std::move(task), picture.input_bytes,
             {.model = shares_[i].model.name,
              .on_event = [self, i](const engine_proto::Event& event) { self->OnEvent(i, event); },
              .on_end = [self, i](const absl::Status& status,
                                  const JobUsage&) { self->OnEnd(i, status); }},
             std::move(attachments));
    }
  }

 private:
  void OnEvent(size_t share, const engine_proto::Event& event) {
    v1::AnalyzeImageResponse response;
    if (event.has_image()) {
      // All models look at the same picture.
      if (std::exchange(told_image_, true)) return;
      Convert(event.image(), response.mutable_image());
      call().Write(response);
    } else if (event.has_delta()) {
      descriptions_[share] += event.delta();
    } else if (event.has_vision()) {
      v1::VisionResult& result = *response.mutable_result();
      Convert(event.vision(), &result);
      const std::vector<int>& places = shares_[share].places;
      if (event.vision().request_index() >= places.size()) return;
      result.set_request_index(static_cast<uint32_t>(places[event.vision().request_index()]));
      result.set_model(ModelResourceName(shares_[share].model.name));
      ++answered_;
      call().Write(response);
    } else if (event.has_progress() && event.progress().total() > 0) {
      done_[share] = static_cast<double>(event.progress().done()) /
                     static_cast<double>(event.progress().total());
      WriteWholeProgress();
    } else if (event.has_completed()) {
      completed_.set_decodes(completed_.decodes() + event.completed().images_decoded());
      if (shares_[share].describes) Describe(share, event.completed());
    }
  }

  void Describe(size_t share, const engine_proto::Completed& completed) {
    const bool cut = completed.finish_reason() == engine_proto::FINISH_REASON_LENGTH;
    std::string text = DescriptionOf(descriptions_[share], cut);
    if (text.empty()) {
      Fail(MakeError(Reason::kEngineFailure, absl::StrCat("The model ", shares_[share].model.name,
                                                          " says nothing of the picture.")));
      return;
    }
    v1::AnalyzeImageResponse response;
    v1::VisionResult& result = *response.mutable_result();
    result.set_request_index(static_cast<uint32_t>(shares_[share].places[0]));
    result.set_model(ModelResourceName(shares_[share].model.name));
    result.mutable_description()->set_text(std::move(text));
    ++answered_;
    call().Write(response);
  }

  // The engine knows its own list of requests only: its errors name places in it.
  void OnEnd(size_t share, const absl::Status& status) {
    if (status.ok()) return;
    ErrorFacts facts = FactsOf(status);
    for (size_t i = 0; i < shares_[share].places.size(); ++i) {
      const std::string local = absl::StrCat("requests[", i, "]");
      if (!facts.field.starts_with(local)) continue;
      facts.field = absl::StrCat("requests[", shares_[share].places[i], "]",
                                 facts.field.substr(local.size()));
      Fail(MakeError(*ReasonOf(status), status.message(), facts));
      return;
    }
    Fail(status);
  }

  void WriteWholeProgress() {
    double sum = 0;
    for (size_t i = 0; i < shares_.size(); ++i) {
      sum += done_[i] * static_cast<double>(shares_[i].places.size());
    }
    const auto done = static_cast<uint64_t>(sum / requests_ * kProgressTotal);
    if (done <= told_progress_) return;
    told_progress_ = done;
    WriteProgress(done, kProgressTotal);
  }

  void Complete() override {
    if (answered_ != requests_) {
      Fail(MakeError(Reason::kEngineFailure, "The model left a request without an answer."));
      return;
    }
    v1::AnalyzeImageResponse response;
    *completed_.mutable_usage() = call().usage().ToProto();
    *response.mutable_completed() = std::move(completed_);
    call().Write(response);
  }

  const std::vector<Share> shares_;
  std::vector<double> done_;
  // By share: what the language model has said.
  std::vector<std::string> descriptions_;
  const int requests_;
  int answered_ = 0;
  bool told_image_ = false;
  uint64_t told_progress_ = 0;
  v1::AnalyzeImageCompleted completed_;
};

using Base = v1::VisionService::WithRawCallbackMethod_AnalyzeImage<
    v1::VisionService::WithRawCallbackMethod_AnalyzeFrames<v1::VisionService::Service>>;

class VisionService final : public Base {
 public:
  explicit VisionService(const ServiceEnvironment& environment) : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* AnalyzeImage(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return ServeStream(
        environment_, context, "VisionService", "AnalyzeImage",
        [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
          call->NoteInput(bytes->Length());
          v1::AnalyzeImageRequest request;
          absl::Status status = ParseRequest(*bytes, request);
          NotePictures(*call, request);
          if (status.ok()) status = Validate(request);
          if (!status.ok()) return status;
          absl::StatusOr<std::vector<Share>> shares = Route(call->runtime(), request);
          if (!shares.ok()) return shares.status();
          absl::StatusOr<TaskPicture> picture =
              TakePicture(*call, "image", std::move(*request.mutable_image()));
          if (!picture.ok()) return picture.status();
          std::make_shared<AnalyzeRun>(call, request, *std::move(shares))->Start(request, *picture);
          return absl::OkStatus();
        });
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AnalyzeFrames(
      grpc::CallbackServerContext* context) override {
    return ServeDuplex(environment_, context, "VisionService", "AnalyzeFrames",
                       [&](const std::shared_ptr<StreamCall>& call)
                           -> absl::StatusOr<std::shared_ptr<DuplexHandler>> {
                         return MakeFramesHandler(call, &streams_);
                       });
  }

 private:
  const ServiceEnvironment environment_;
  FrameStreams streams_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeVisionService(const ServiceEnvironment& environment) {
  return std::make_unique<VisionService>(environment);
}

}  // namespace intelligenced

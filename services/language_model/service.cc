#include "services/language_model/service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "services/language_model/validate.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "LanguageModelService";
constexpr std::string_view kCapability = "language.generate";

void ToTask(const v1::Conversation& from, engine_proto::Conversation* to) {
  for (const v1::Message& message : from.messages()) {
    engine_proto::Message* added = to->add_messages();
    // The values of both enums are the same.
    added->set_role(static_cast<engine_proto::Role>(message.role()));
    added->set_text(message.text());
  }
}

engine_proto::Task ToTask(const v1::GenerateTextRequest& request) {
  engine_proto::Task task;
  engine_proto::GenerateTask* generate = task.mutable_generate();
  if (request.has_prompt()) {
    generate->set_prompt(request.prompt());
  } else {
    ToTask(request.conversation(), generate->mutable_conversation());
  }
  const v1::SamplingOptions& from = request.sampling();
  engine_proto::Sampling* to = generate->mutable_sampling();
  if (from.has_temperature()) to->set_temperature(from.temperature());
  if (from.has_top_p()) to->set_top_p(from.top_p());
  if (from.has_top_k()) to->set_top_k(from.top_k());
  if (from.has_min_p()) to->set_min_p(from.min_p());
  if (from.has_seed()) to->set_seed(from.seed());
  generate->set_max_output_tokens(request.max_output_tokens());
  *generate->mutable_stop() = request.stop();
  return task;
}

class GenerateRun final : public TypedModelRun<v1::GenerateTextResponse> {
 public:
  GenerateRun(std::shared_ptr<StreamCall> call, Manifest model,
              const v1::GenerateTextRequest& request)
      : TypedModelRun(std::move(call), request.options(), std::move(model), 1) {
    completed_.set_finish_reason(v1::FINISH_REASON_STOP);
  }

  void Start(const v1::GenerateTextRequest& request) {
    Bind();
    const auto self = std::static_pointer_cast<GenerateRun>(shared_from_this());
    AddJob(ToTask(request), request.ByteSizeLong(),
           {.on_event = [self](const engine_proto::Event& event) { self->OnEvent(event); },
            .on_end = nullptr});
  }

 private:
  void OnEvent(const engine_proto::Event& event) {
    if (event.has_delta()) {
      completed_.mutable_text()->append(event.delta());
      v1::GenerateTextResponse response;
      response.set_delta(event.delta());
      call().Write(response);
    } else if (event.has_progress()) {
      WriteProgress(event.progress().done(), event.progress().total());
    } else if (event.has_completed()) {
      completed_.set_finish_reason(ToFinishReason(event.completed().finish_reason()));
    }
  }

  void Complete() override {
    v1::GenerateTextResponse response;
    *completed_.mutable_usage() = call().usage().ToProto();
    *response.mutable_completed() = std::move(completed_);
    call().Write(response);
  }

  v1::GenerateTextCompleted completed_;
};

class CountHandler final : public JobHandler {
 public:
  CountHandler(std::shared_ptr<UnaryCall> call, std::string_view model) : call_(std::move(call)) {
    response_.set_model(ModelResourceName(model));
  }
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_token_count()) return;
    response_.set_tokens(event.token_count().tokens());
    response_.set_context_tokens(event.token_count().context_tokens());
  }
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (status.ok()) {
      call_->Respond(response_);
    } else {
      call_->End(status);
    }
  }

 private:
  const std::shared_ptr<UnaryCall> call_;
  v1::CountTokensResponse response_;
};

using Base = v1::LanguageModelService::WithRawCallbackMethod_GenerateText<
    v1::LanguageModelService::WithRawCallbackMethod_CountTokens<v1::LanguageModelService::Service>>;

class LanguageModelService final : public Base {
 public:
  explicit LanguageModelService(const ServiceEnvironment& environment)
      : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* GenerateText(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return ServeStream(
        environment_, context, kService, "GenerateText",
        [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
          call->NoteInput(bytes->Length());
          v1::GenerateTextRequest request;
          absl::Status status = ParseRequest(*bytes, request);
          if (status.ok()) status = Validate(request);
          if (!status.ok()) return status;
          call->NoteRequestClass(ToRequestClass(request.options().request_class()));
          absl::StatusOr<Manifest> model =
              FindModelFor(call->runtime(), kCapability, request.options());
          if (!model.ok()) return model.status();
          std::make_shared<GenerateRun>(call, *std::move(model), request)->Start(request);
          return absl::OkStatus();
        });
  }

  grpc::ServerUnaryReactor* CountTokens(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return ServeUnary(
        environment_, context, response, kService, "CountTokens",
        [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
          call->NoteInput(bytes->Length());
          v1::CountTokensRequest request;
          absl::Status status = ParseRequest(*bytes, request);
          if (status.ok()) status = Validate(request);
          if (!status.ok()) return status;
          const absl::StatusOr<Manifest> model =
              FindModelFor(call->runtime(), kCapability, request.options());
          if (!model.ok()) return model.status();
          engine_proto::Task task;
          if (request.has_text()) {
            task.mutable_count_tokens()->set_text(request.text());
          } else {
            ToTask(request.conversation(), task.mutable_count_tokens()->mutable_conversation());
          }
          std::make_shared<JobGroup>(call, call->MakeJob(request.options(), model->name), 1)
              ->Add(std::move(task), bytes->Length(),
                    std::make_shared<CountHandler>(call, model->name));
          return absl::OkStatus();
        });
  }

 private:
  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLanguageModelService(const ServiceEnvironment& environment) {
  return std::make_unique<LanguageModelService>(environment);
}

}  // namespace intelligenced

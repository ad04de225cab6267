#include "services/tensor/service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/tensor.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/tensor_check.h"
#include "services/rpc/job_group.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/serve_request.h"
#include "services/tensor/convert.h"
#include "services/tensor/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "TensorService";

// FIELD_INVALID for a model without tensors, instead of an offer of others: nobody else's network
// takes the same ones.
absl::StatusOr<Manifest> FindNetwork(const Runtime& runtime, const v1::RequestOptions& options) {
  absl::StatusOr<Manifest> model = FindModelFor(runtime, kTensorCapability, options);
  if (model.ok() || !HasReason(model.status(), Reason::kNoCapableModel)) return model;
  const absl::StatusOr<ModelReference> reference =
      ParseModelReference("options.model", options.model());
  if (!reference.ok()) return reference.status();
  const absl::StatusOr<Manifest> manifest = runtime.store().Get(reference->model);
  // Its engine is missing here: that is what the error says.
  if (!manifest.ok() || manifest->HasCapability(kTensorCapability)) return model;
  return FieldError("options.model",
                    absl::StrCat("The model ", reference->model,
                                 " is no network that can be run on tensors: it is one of the "
                                 "engine ",
                                 manifest->engine, "."));
}

// Gathers the one answer of a job.
template <typename Response>
class AnswerHandler : public JobHandler {
 public:
  AnswerHandler(std::shared_ptr<UnaryCall> call, Response response)
      : response_(std::move(response)), call_(std::move(call)) {}

  void OnEnd(const absl::Status& status, const JobUsage&) override {
    if (!status.ok()) return call_->End(status);
    if (!answered_) {
      return call_->End(MakeError(Reason::kEngineFailure, "The model has not answered."));
    }
    Finish(*call_);
    call_->NoteOutput(response_.ByteSizeLong());
    call_->Respond(response_);
  }

 protected:
  virtual void Finish(const UnaryCall& call) { static_cast<void>(call); }

  Response response_;
  bool answered_ = false;

 private:
  const std::shared_ptr<UnaryCall> call_;
};

class SignatureHandler final : public AnswerHandler<v1::GetModelSignatureResponse> {
 public:
  using AnswerHandler::AnswerHandler;
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_signature() || answered_) return;
    FromEngine(event.signature(), &response_);
    answered_ = true;
  }
};

class RunHandler final : public AnswerHandler<v1::RunModelResponse> {
 public:
  using AnswerHandler::AnswerHandler;
  void OnEvent(const engine_proto::Event& event) override {
    if (!event.has_tensors() || answered_) return;
    FromEngine(event.tensors(), &response_);
    answered_ = true;
  }

 private:
  void Finish(const UnaryCall& call) override {
    *response_.mutable_usage() = call.usage().ToProto();
  }
};

using Base = v1::TensorService::WithRawCallbackMethod_GetModelSignature<
    v1::TensorService::WithRawCallbackMethod_RunModel<v1::TensorService::Service>>;

class TensorService final : public Base {
 public:
  explicit TensorService(const ServiceEnvironment& environment) : environment_(environment) {}

  grpc::ServerUnaryReactor* GetModelSignature(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* bytes,
                                              grpc::ByteBuffer* response) override {
    return Serve<v1::GetModelSignatureRequest>(
        context, bytes, response, "GetModelSignature",
        [](const std::shared_ptr<UnaryCall>& call, v1::GetModelSignatureRequest& request) {
          engine_proto::Task task;
          task.mutable_run_model()->set_signature_only(true);
          return Start(call, request.options(), std::move(task),
                       [&](const Manifest& model) -> std::shared_ptr<JobHandler> {
                         v1::GetModelSignatureResponse response;
                         response.set_model(ModelResourceName(model.name));
                         return std::make_shared<SignatureHandler>(call, std::move(response));
                       });
        });
  }

  grpc::ServerUnaryReactor* RunModel(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* bytes,
                                     grpc::ByteBuffer* response) override {
    return Serve<v1::RunModelRequest>(
        context, bytes, response, "RunModel",
        [](const std::shared_ptr<UnaryCall>& call, v1::RunModelRequest& request) {
          const v1::RequestOptions options = request.options();
          engine_proto::Task task;
          *task.mutable_run_model() = ToTask(std::move(request));
          if (absl::Status status = CheckTensors(task.run_model()); !status.ok()) return status;
          return Start(call, options, std::move(task),
                       [&](const Manifest&) -> std::shared_ptr<JobHandler> {
                         return std::make_shared<RunHandler>(call, v1::RunModelResponse());
                       });
        });
  }

 private:
  // Parses, validates and calls start(call, request).
  template <typename Request, typename Work>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                  std::string_view method, Work work) {
    return ServeRequest<Request>(
        environment_, context, bytes, response, kService, method,
        [](const Request& request) { return Validate(request); }, work);
  }

  template <typename MakeHandler>
  static absl::Status Start(const std::shared_ptr<UnaryCall>& call,
                            const v1::RequestOptions& options, engine_proto::Task task,
                            const MakeHandler& make_handler) {
    const absl::StatusOr<Manifest> model = FindNetwork(call->runtime(), options);
    if (!model.ok()) return model.status();
    uint64_t bytes = 0;
    for (const engine_proto::Tensor& tensor : task.run_model().inputs()) {
      bytes += tensor.data().size();
      for (const std::string& text : tensor.strings()) bytes += text.size();
    }
    std::make_shared<JobGroup>(call, call->MakeJob(options, model->name), 1)
        ->Add(std::move(task), bytes, make_handler(*model));
    return absl::OkStatus();
  }

  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTensorService(const ServiceEnvironment& environment) {
  return std::make_unique<TensorService>(environment);
}

}  // namespace intelligenced

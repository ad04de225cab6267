#include "services/models/service.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/models.grpc.pb.h"
#include "runtime/base/reasons.h"
#include "services/models/import.h"
#include "services/models/install.h"
#include "services/models/model_watch.h"
#include "services/models/validate.h"
#include "services/rpc/model_message.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/proto_time.h"
#include "services/rpc/serve.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "ModelService";

using Service = v1::ModelService;
using Queries = Service::WithRawCallbackMethod_ListModels<
    Service::WithRawCallbackMethod_GetModel<Service::WithRawCallbackMethod_GetAvailability<
        Service::WithRawCallbackMethod_WatchModels<Service::Service>>>>;
using Changes =
    Service::WithRawCallbackMethod_InstallModel<Service::WithRawCallbackMethod_ImportModel<
        Service::WithRawCallbackMethod_RemoveModel<Queries>>>;
using Base = Service::WithRawCallbackMethod_LoadModel<Service::WithRawCallbackMethod_UnloadModel<
    Service::WithRawCallbackMethod_UpdateModel<Changes>>>;

// Validated names are well-formed.
std::string BareName(const std::string& name) {
  return ParseModelName("name", name).value_or(name);
}

// Without the function.
std::string ModelOf(const std::string& name) {
  const absl::StatusOr<ModelReference> reference = ParseModelReference("name", name);
  return reference.ok() ? reference->model : name;
}

absl::StatusOr<v1::ListModelsResponse> List(const Runtime& runtime,
                                            const v1::ListModelsRequest& request) {
  v1::ListModelsResponse response;
  const auto wanted = [&](const Manifest& manifest) {
    return request.capability().empty() || manifest.HasCapability(request.capability());
  };
  std::vector<std::string> installed;
  for (const ModelStatus& status : runtime.models().Snapshot()) {
    installed.push_back(status.manifest.name);
    if (wanted(status.manifest)) *response.add_models() = ToModelMessage(status, runtime.clock());
  }
  const std::vector<std::string> coming = runtime.installer().InProgress();
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const Manifest& manifest : runtime.catalogue().models()) {
    const bool downloading = has(coming, manifest.name);
    if (!(request.include_catalogue() || downloading) || has(installed, manifest.name)) continue;
    if (wanted(manifest)) *response.add_models() = ToModelMessage(manifest, downloading);
  }
  std::sort(response.mutable_models()->begin(), response.mutable_models()->end(),
            [](const v1::Model& a, const v1::Model& b) { return a.name() < b.name(); });
  return response;
}

absl::StatusOr<v1::GetAvailabilityResponse> Availability(
    const Runtime& runtime, const v1::GetAvailabilityRequest& request) {
  const AvailabilityAnswer answer = runtime.GetAvailability(request.capability(), request.model());
  v1::GetAvailabilityResponse response;
  // The values of both enums are the same.
  response.set_availability(static_cast<v1::Availability>(answer.availability));
  if (!answer.model.empty()) response.set_model(ModelResourceName(answer.model));
  response.set_reason(answer.reason);
  return response;
}

absl::Status Update(const Runtime& runtime, const v1::UpdateModelRequest& request) {
  const std::string name = BareName(request.name());
  const absl::StatusOr<Manifest> manifest = runtime.store().Get(name);
  if (!manifest.ok()) return manifest.status();
  const std::string& capability = request.set_default_for();
  if (!capability.empty() && !manifest->HasCapability(capability)) {
    return FieldError("set_default_for",
                      absl::StrCat("names a capability that ", name, " does not have."));
  }
  const std::string& cleared = request.clear_default_for();
  if (!cleared.empty()) {
    const auto defaults = runtime.store().Defaults();
    const auto found = defaults.find(cleared);
    if (found == defaults.end() || found->second != name) {
      return FieldError("clear_default_for", absl::StrCat("names a capability for which ", name,
                                                          " is not the default."));
    }
  }
  absl::Status status;
  if (request.has_pinned()) status = runtime.models().SetPinned(name, request.pinned());
  if (status.ok() && request.has_keep_alive()) {
    status = runtime.models().SetKeepAlive(name, GetDuration(request.keep_alive()));
  }
  if (status.ok() && !capability.empty()) status = runtime.store().SetDefault(capability, name);
  if (status.ok() && !cleared.empty()) status = runtime.store().ClearDefault(cleared);
  return status;
}

// A model, or one function of it.
absl::StatusOr<uint64_t> Remove(const Runtime& runtime, const std::string& name) {
  const absl::StatusOr<ModelReference> reference = ParseModelReference("name", name);
  if (!reference.ok()) return reference.status();
  if (reference->function.empty()) return runtime.models().Remove(reference->model);
  const absl::StatusOr<Manifest> before = runtime.store().Get(reference->model);
  if (!before.ok()) return before.status();
  const absl::StatusOr<Manifest> after =
      runtime.installer().RemoveFunction(reference->model, reference->function);
  if (!after.ok()) return after.status();
  return before->size_bytes() - std::min(before->size_bytes(), after->size_bytes());
}

class ModelService final : public Base {
 public:
  explicit ModelService(const ServiceEnvironment& environment) : environment_(environment) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* bytes,
                                       grpc::ByteBuffer* response) override {
    return Query<v1::ListModelsRequest, v1::ListModelsResponse>(context, bytes, response,
                                                                "ListModels", List);
  }
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* bytes,
                                     grpc::ByteBuffer* response) override {
    return Query<v1::GetModelRequest, v1::Model>(
        context, bytes, response, "GetModel",
        [](const Runtime& runtime, const v1::GetModelRequest& request) {
          return DescribeModel(runtime, BareName(request.name()));
        });
  }
  grpc::ServerUnaryReactor* GetAvailability(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* bytes,
                                            grpc::ByteBuffer* response) override {
    return Query<v1::GetAvailabilityRequest, v1::GetAvailabilityResponse>(
        context, bytes, response, "GetAvailability", Availability);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchModels(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer*) override {
    return ServeStream(environment_, context, kService, "WatchModels",
                       [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
                         call->RecordFailureOnly();
                         const auto watch = std::make_shared<ModelWatch>(call);
                         watchers_.Add(watch);
                         watch->Start();
                         return absl::OkStatus();
                       });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* InstallModel(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return ServeStream(environment_, context, kService, "InstallModel",
                       [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
                         v1::InstallModelRequest request;
                         absl::Status status = ParseRequest(*bytes, request);
                         if (status.ok()) status = Validate(request);
                         if (!status.ok()) return status;
                         return StartInstall(call, request, &watchers_, &installs_);
                       });
  }

  grpc::ServerReadReactor<grpc::ByteBuffer>* ImportModel(grpc::CallbackServerContext* context,
                                                         grpc::ByteBuffer* response) override {
    return ServeImport(environment_, context, response, &watchers_);
  }

  grpc::ServerUnaryReactor* RemoveModel(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Change<v1::RemoveModelRequest, v1::RemoveModelResponse>(
        context, bytes, response, "RemoveModel",
        [](const Runtime& runtime, const v1::RemoveModelRequest& request,
           const CancelToken&) -> absl::StatusOr<v1::RemoveModelResponse> {
          const absl::StatusOr<uint64_t> freed = Remove(runtime, request.name());
          if (!freed.ok()) return freed.status();
          v1::RemoveModelResponse removed;
          removed.set_freed_bytes(*freed);
          return removed;
        });
  }

  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* bytes,
                                      grpc::ByteBuffer* response) override {
    return ServeUnary(environment_, context, response, kService, "LoadModel",
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        v1::LoadModelRequest request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (status.ok()) status = Validate(request);
                        if (!status.ok()) return status;
                        const std::string name = BareName(request.name());
                        call->NoteModel(name);
                        AcquireOptions options;
                        options.cancel = call->cancel_token();
                        if (request.has_keep_alive())
                          options.keep_alive = GetDuration(request.keep_alive());
                        call->runtime().models().Acquire(
                            name, std::move(options),
                            [call, name](absl::StatusOr<ModelLease> lease) {
                              absl::Status loaded = lease.status();
                              if (loaded.ok())
                                lease = ModelLease();  // the answer shows what others hold
                              call->Run([call, name, loaded] {
                                if (!loaded.ok()) return call->End(loaded);
                                Answer(*call, DescribeModel(call->runtime(), name));
                              });
                            });
                        return absl::OkStatus();
                      });
  }

  grpc::ServerUnaryReactor* UnloadModel(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Change<v1::UnloadModelRequest, v1::Model>(
        context, bytes, response, "UnloadModel",
        [](const Runtime& runtime, const v1::UnloadModelRequest& request,
           const CancelToken& cancel) -> absl::StatusOr<v1::Model> {
          const std::string name = BareName(request.name());
          absl::Status status = runtime.models().Unload(name, cancel);
          if (!status.ok()) return status;
          return DescribeModel(runtime, name);
        });
  }

  grpc::ServerUnaryReactor* UpdateModel(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    return Change<v1::UpdateModelRequest, v1::Model>(
        context, bytes, response, "UpdateModel",
        [this](const Runtime& runtime, const v1::UpdateModelRequest& request,
               const CancelToken&) -> absl::StatusOr<v1::Model> {
          absl::Status status = Update(runtime, request);
          if (!status.ok()) return status;
          absl::StatusOr<v1::Model> model = DescribeModel(runtime, BareName(request.name()));
          if (model.ok()) watchers_.Tell(*model);
          return model;
        });
  }

 private:
  template <typename Response>
  static void Answer(UnaryCall& call, const absl::StatusOr<Response>& response) {
    if (response.ok()) {
      call.Respond(*response);
    } else {
      call.End(response.status());
    }
  }

  // Answered at once, from memory.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Query(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
      grpc::ByteBuffer* response, std::string_view method,
      std::function<absl::StatusOr<Response>(const Runtime&, const Request&)> work) {
    return ServeUnary(environment_, context, response, kService, method,
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        call->RecordFailureOnly();
                        Request request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (status.ok()) status = Validate(request);
                        if (!status.ok()) return status;
                        Answer(*call, work(call->runtime(), request));
                        return absl::OkStatus();
                      });
  }

  // Waits or writes to disk: on the blocking executor.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Change(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
      grpc::ByteBuffer* response, std::string_view method,
      std::function<absl::StatusOr<Response>(const Runtime&, const Request&, const CancelToken&)>
          work) {
    return ServeUnary(environment_, context, response, kService, method,
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        Request request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (status.ok()) status = Validate(request);
                        if (!status.ok()) return status;
                        call->NoteModel(ModelOf(request.name()));
                        call->runtime().blocking().Run([call, request, work = std::move(work)] {
                          const absl::StatusOr<Response> answer =
                              work(call->runtime(), request, call->cancel_token());
                          call->Run([call, answer] { Answer(*call, answer); });
                        });
                        return absl::OkStatus();
                      });
  }

  const ServiceEnvironment environment_;
  ModelWatchers watchers_;
  std::atomic<int> installs_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelService(const ServiceEnvironment& environment) {
  return std::make_unique<ModelService>(environment);
}

}  // namespace intelligenced

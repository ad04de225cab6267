#include "services/image_generation/service.h"

#include <memory>
#include <random>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/image_generation.grpc.pb.h"
#include "services/image_generation/engine_task.h"
#include "services/image_generation/image_run.h"
#include "services/image_generation/model_info.h"
#include "services/image_generation/validate.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"
#include "services/rpc/serve_request.h"
#include "services/rpc/task_picture.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "ImageGenerationService";
constexpr std::string_view kGenerate = "image.generate";
constexpr std::string_view kRestyle = "image.restyle";
constexpr std::string_view kUpscale = "image.upscale";

std::string_view CapabilityOf(v1::ImageTask task) {
  switch (task) {
    case v1::IMAGE_TASK_RESTYLE:
      return kRestyle;
    case v1::IMAGE_TASK_UPSCALE:
      return kUpscale;
    default:
      return kGenerate;
  }
}

absl::Status AddPicture(StreamCall& call, std::string_view field, v1::VisionImage&& from,
                        engine_proto::VisionImage* to, ImageWork* work) {
  absl::StatusOr<TaskPicture> picture = TakePicture(call, field, std::move(from));
  if (!picture.ok()) return picture.status();
  work->input_bytes += picture->input_bytes;
  PutPicture(*picture, to, &work->attachments);
  return absl::OkStatus();
}

absl::Status AddPictures(StreamCall& call, v1::GenerateImageRequest& request, ImageWork* work) {
  engine_proto::GenerateImageTask& task = *work->task.mutable_generate_image();
  const int place = PictureConcept(request);
  absl::Status status;
  if (request.has_source_image()) {
    status = AddPicture(call, "source_image", std::move(*request.mutable_source_image()),
                        task.mutable_source_image(), work);
  } else if (place >= 0) {
    status = AddPicture(call, absl::StrCat("concepts[", place, "].image"),
                        std::move(*request.mutable_concepts(place)->mutable_image()),
                        task.mutable_source_image(), work);
  }
  if (status.ok() && request.has_mask()) {
    status =
        AddPicture(call, "mask", std::move(*request.mutable_mask()), task.mutable_mask(), work);
  }
  return status;
}

absl::Status StartGenerate(const std::shared_ptr<StreamCall>& call,
                           v1::GenerateImageRequest& request) {
  absl::StatusOr<Manifest> model = FindModelFor(call->runtime(), kGenerate, request.options());
  if (!model.ok()) return model.status();
  ImageWork work;
  engine_proto::GenerateImageTask& task = *work.task.mutable_generate_image();
  // Short enough to be typed again.
  task = ToTask(request, std::random_device()());
  work.pictures = task.count();
  work.format = task.format();
  work.picture_concept = PictureConcept(request);
  v1::GenerateImageCompleted completed;
  completed.set_seed(task.seed());
  work.fit = [runtime = &call->runtime()](const engine_proto::ModelInfo& info,
                                          engine_proto::Task* whole) {
    return FitToModel(info.image_generation(), runtime->models().MemorySnapshot().ceiling_bytes,
                      whole->mutable_generate_image());
  };
  if (absl::Status status = AddPictures(*call, request, &work); !status.ok()) return status;
  std::make_shared<ImageRun<v1::GenerateImageResponse>>(call, request.options(), *std::move(model),
                                                        std::move(work))
      ->Start(std::move(completed));
  return absl::OkStatus();
}

absl::Status StartRestyle(const std::shared_ptr<StreamCall>& call,
                          v1::RestyleImageRequest& request) {
  absl::StatusOr<Manifest> model = FindModelFor(call->runtime(), kRestyle, request.options());
  if (!model.ok()) return model.status();
  ImageWork work;
  engine_proto::RestyleImageTask& task = *work.task.mutable_restyle_image();
  task = ToTask(request);
  work.format = task.format();
  work.fit = [](const engine_proto::ModelInfo& info, engine_proto::Task* whole) {
    return FitToModel(info.image_generation(), whole->mutable_restyle_image());
  };
  absl::Status status =
      AddPicture(*call, "image", std::move(*request.mutable_image()), task.mutable_image(), &work);
  if (!status.ok()) return status;
  std::make_shared<ImageRun<v1::RestyleImageResponse>>(call, request.options(), *std::move(model),
                                                       std::move(work))
      ->Start(v1::RestyleImageCompleted());
  return absl::OkStatus();
}

absl::Status StartUpscale(const std::shared_ptr<StreamCall>& call,
                          v1::UpscaleImageRequest& request) {
  absl::StatusOr<Manifest> model = FindModelFor(call->runtime(), kUpscale, request.options());
  if (!model.ok()) return model.status();
  ImageWork work;
  engine_proto::UpscaleImageTask& task = *work.task.mutable_upscale_image();
  task = ToTask(request);
  work.format = task.format();
  work.fit = [](const engine_proto::ModelInfo&, engine_proto::Task*) { return absl::OkStatus(); };
  absl::Status status =
      AddPicture(*call, "image", std::move(*request.mutable_image()), task.mutable_image(), &work);
  if (!status.ok()) return status;
  std::make_shared<ImageRun<v1::UpscaleImageResponse>>(call, request.options(), *std::move(model),
                                                       std::move(work))
      ->Start(v1::UpscaleImageCompleted());
  return absl::OkStatus();
}

absl::Status StartGetModel(const std::shared_ptr<UnaryCall>& call,
                           const v1::GetImageModelRequest& request) {
  const absl::StatusOr<Manifest> model =
      FindModelFor(call->runtime(), CapabilityOf(request.task()), request.options());
  if (!model.ok()) return model.status();
  call->NoteModel(model->name);
  call->NoteRequestClass(ToRequestClass(request.options().request_class()));
  AcquireOptions options;
  options.cancel = call->cancel_token();
  call->runtime().models().Acquire(
      model->name, std::move(options),
      [call, name = model->name](absl::StatusOr<ModelLease> lease) {
        v1::GetImageModelResponse response;
        if (lease.ok()) {
          response.set_model(ModelResourceName(name));
          FromEngine(lease->model->info().image_generation(), &response);
        }
        call->Run([call, status = lease.status(), response = std::move(response)] {
          if (!status.ok()) return call->End(status);
          call->Respond(response);
        });
      });
  return absl::OkStatus();
}

using Base = v1::ImageGenerationService::WithRawCallbackMethod_GenerateImage<
    v1::ImageGenerationService::WithRawCallbackMethod_RestyleImage<
        v1::ImageGenerationService::WithRawCallbackMethod_UpscaleImage<
            v1::ImageGenerationService::WithRawCallbackMethod_GetImageModel<
                v1::ImageGenerationService::Service>>>>;

class ImageGenerationService final : public Base {
 public:
  explicit ImageGenerationService(const ServiceEnvironment& environment)
      : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* GenerateImage(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) override {
    return Serve<v1::GenerateImageRequest>(context, bytes, "GenerateImage", StartGenerate);
  }
  grpc::ServerWriteReactor<grpc::ByteBuffer>* RestyleImage(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return Serve<v1::RestyleImageRequest>(context, bytes, "RestyleImage", StartRestyle);
  }
  grpc::ServerWriteReactor<grpc::ByteBuffer>* UpscaleImage(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* bytes) override {
    return Serve<v1::UpscaleImageRequest>(context, bytes, "UpscaleImage", StartUpscale);
  }
  grpc::ServerUnaryReactor* GetImageModel(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* bytes,
                                          grpc::ByteBuffer* response) override {
    return ServeRequest<v1::GetImageModelRequest>(
        environment_, context, bytes, response, kService, "GetImageModel",
        [](const v1::GetImageModelRequest& request) { return Validate(request); }, StartGetModel);
  }

 private:
  template <typename Request>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Serve(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes, std::string_view method,
      absl::Status (*start)(const std::shared_ptr<StreamCall>&, Request&)) {
    return ServeStream(environment_, context, kService, method,
                       [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
                         call->NoteInput(bytes->Length());
                         Request request;
                         absl::Status status = ParseRequest(*bytes, request);
                         if (status.ok()) status = Validate(request);
                         return status.ok() ? start(call, request) : status;
                       });
  }

  const ServiceEnvironment environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeImageGenerationService(const ServiceEnvironment& environment) {
  return std::make_unique<ImageGenerationService>(environment);
}

}  // namespace intelligenced

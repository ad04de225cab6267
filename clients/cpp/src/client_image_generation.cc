// Pictures that are made.
#include <intelligence/image_generation.h>

#include <string>
#include <utility>
#include <variant>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"
#include "protos/intelligence/v1/image_generation.pb.h"

namespace intelligence {
namespace {

absl::Status CheckTexts(const GenerateImageRequest& request, const CallOptions& options) {
  absl::Status status = CheckUtf8("prompt", request.prompt);
  if (status.ok()) status = CheckUtf8("negative_prompt", request.negative_prompt);
  for (const ImageConcept& one : request.concepts) {
    if (status.ok()) status = CheckUtf8("concepts", one.text);
  }
  if (status.ok()) status = CheckUtf8("style", request.style);
  if (status.ok()) status = CheckUtf8("scheduler", request.scheduler);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  return status;
}

// As bytes, or as a descriptor that is handed over.
template <typename Connection>
absl::Status AddPicture(Connection& connection, const VisionImage& image, v1::VisionImage* to) {
  ToProto(image, to);
  if (!image.attachment.has_value()) return absl::OkStatus();
  return connection.attachments.Attach(*image.attachment, to);
}

v1::GenerateImageRequest WordsToProto(const GenerateImageRequest& request,
                                      const CallOptions& options) {
  v1::GenerateImageRequest proto;
  proto.set_prompt(request.prompt);
  proto.set_negative_prompt(request.negative_prompt);
  proto.set_style(request.style);
  if (request.strength.has_value()) proto.set_strength(*request.strength);
  proto.set_width(request.width);
  proto.set_height(request.height);
  proto.set_count(request.count);
  if (request.steps.has_value()) proto.set_steps(*request.steps);
  if (request.guidance_scale.has_value()) proto.set_guidance_scale(*request.guidance_scale);
  if (request.seed.has_value()) proto.set_seed(*request.seed);
  proto.set_scheduler(request.scheduler);
  proto.set_preview_interval(request.preview_interval);
  proto.set_format(EnumToProto<v1::ImageFileFormat>(request.format));
  ToProto(options, proto.mutable_options());
  return proto;
}

template <typename Connection>
absl::Status AddPictures(Connection& connection, const GenerateImageRequest& request,
                         v1::GenerateImageRequest* proto) {
  absl::Status status;
  for (const ImageConcept& one : request.concepts) {
    v1::ImageConcept& to = *proto->add_concepts();
    if (!one.image.has_value()) {
      to.set_text(one.text);
    } else if (status.ok()) {
      status = AddPicture(connection, *one.image, to.mutable_image());
    }
  }
  if (status.ok() && request.source_image.has_value()) {
    status = AddPicture(connection, *request.source_image, proto->mutable_source_image());
  }
  if (status.ok() && request.mask.has_value()) {
    status = AddPicture(connection, *request.mask, proto->mutable_mask());
  }
  return status;
}

uint64_t SeedOf(const v1::GenerateImageCompleted& completed) { return completed.seed(); }
template <typename Completed>
uint64_t SeedOf(const Completed&) {
  return 0;
}

// The three responses have the same events.
template <typename Response>
std::optional<ImageEvent> EventFromProto(const Response& response) {
  switch (response.event_case()) {
    case Response::kQueued:
      return FromProto(response.queued());
    case Response::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case Response::kProgress: {
      ImageProgress progress;
      progress.step = response.progress().step();
      progress.steps = response.progress().steps();
      if (response.progress().has_expected_remaining()) {
        progress.expected_remaining = FromProto(response.progress().expected_remaining());
      }
      progress.preview = response.progress().preview();
      return progress;
    }
    case Response::kImage:
      return GeneratedImage{
          .index = response.image().index(),
          .seed = response.image().seed(),
          .width = response.image().width(),
          .height = response.image().height(),
          .format = EnumFromProto(response.image().format(), ImageFileFormat::kWebp),
          .data = response.image().data()};
    case Response::kCompleted:
      return ImagesCompleted{.seed = SeedOf(response.completed()),
                             .usage = FromProto(response.completed().usage())};
    default:
      return std::nullopt;
  }
}

void Tell(const ImageEvent& event, const ImageCallbacks& callbacks) {
  if (const auto* queued = std::get_if<Queued>(&event)) {
    if (callbacks.on_queued) callbacks.on_queued(*queued);
  } else if (const auto* loading = std::get_if<ModelLoading>(&event)) {
    if (callbacks.on_model_loading) callbacks.on_model_loading(*loading);
  } else if (const auto* progress = std::get_if<ImageProgress>(&event)) {
    if (callbacks.on_progress) callbacks.on_progress(*progress);
    if (callbacks.on_preview && !progress->preview.empty()) {
      callbacks.on_preview(progress->preview, progress->step);
    }
  } else if (const auto* image = std::get_if<GeneratedImage>(&event)) {
    if (callbacks.on_image) callbacks.on_image(*image);
  }
}

absl::StatusOr<GenerateImageResult> Gather(Stream<ImageEvent> stream,
                                           const ImageCallbacks& callbacks) {
  GenerateImageResult result;
  absl::StatusOr<ImagesCompleted> completed = ReadResult<ImagesCompleted>(
      std::move(stream), std::function<void(const ImageEvent&)>([&](const ImageEvent& event) {
        Tell(event, callbacks);
        const auto* image = std::get_if<GeneratedImage>(&event);
        if (image != nullptr) result.images.push_back(*image);
      }));
  if (!completed.ok()) return completed.status();
  result.seed = completed->seed;
  result.usage = std::move(completed->usage);
  return result;
}

absl::StatusOr<ChangedImageResult> GatherOne(Stream<ImageEvent> stream,
                                             const ImageCallbacks& callbacks) {
  absl::StatusOr<GenerateImageResult> result = Gather(std::move(stream), callbacks);
  if (!result.ok()) return result.status();
  if (result->images.size() != 1) {
    return absl::InternalError("The daemon ended the answer without a picture; look at its log.");
  }
  return ChangedImageResult{.image = std::move(result->images[0]),
                            .usage = std::move(result->usage)};
}

}  // namespace

Stream<ImageEvent> ImageGenerator::StreamGenerate(const GenerateImageRequest& request,
                                                  const CallOptions& options) const {
  absl::Status status = CheckTexts(request, options);
  if (!status.ok()) return FailedStream<ImageEvent>(std::move(status));
  v1::GenerateImageRequest proto = WordsToProto(request, options);
  status = AddPictures(*client_.connection_, request, &proto);
  if (!status.ok()) return FailedStream<ImageEvent>(std::move(status));
  return StartStream<ImageEvent, v1::GenerateImageResponse>(
      client_.connection_, options,
      [&](grpc::ClientContext* context) {
        return client_.connection_->image_generation->GenerateImage(context, proto);
      },
      &EventFromProto<v1::GenerateImageResponse>);
}

absl::StatusOr<GenerateImageResult> ImageGenerator::Generate(
    const GenerateImageRequest& request, const CallOptions& options,
    const ImageCallbacks& callbacks) const {
  return Gather(StreamGenerate(request, options), callbacks);
}

absl::StatusOr<ChangedImageResult> ImageGenerator::Restyle(const RestyleImageRequest& request,
                                                           const CallOptions& options,
                                                           const ImageCallbacks& callbacks) const {
  absl::Status status = CheckUtf8("style", request.style);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  v1::RestyleImageRequest proto;
  if (status.ok()) {
    status = AddPicture(*client_.connection_, request.image, proto.mutable_image());
  }
  if (!status.ok()) return status;
  proto.set_style(request.style);
  proto.set_format(EnumToProto<v1::ImageFileFormat>(request.format));
  ToProto(options, proto.mutable_options());
  return GatherOne(StartStream<ImageEvent, v1::RestyleImageResponse>(
                       client_.connection_, options,
                       [&](grpc::ClientContext* context) {
                         return client_.connection_->image_generation->RestyleImage(context, proto);
                       },
                       &EventFromProto<v1::RestyleImageResponse>),
                   callbacks);
}

absl::StatusOr<ChangedImageResult> ImageGenerator::Upscale(const UpscaleImageRequest& request,
                                                           const CallOptions& options,
                                                           const ImageCallbacks& callbacks) const {
  absl::Status status = CheckUtf8("options.model", options.model);
  v1::UpscaleImageRequest proto;
  if (status.ok()) {
    status = AddPicture(*client_.connection_, request.image, proto.mutable_image());
  }
  if (!status.ok()) return status;
  proto.set_width(request.width);
  proto.set_height(request.height);
  proto.set_format(EnumToProto<v1::ImageFileFormat>(request.format));
  ToProto(options, proto.mutable_options());
  return GatherOne(StartStream<ImageEvent, v1::UpscaleImageResponse>(
                       client_.connection_, options,
                       [&](grpc::ClientContext* context) {
                         return client_.connection_->image_generation->UpscaleImage(context, proto);
                       },
                       &EventFromProto<v1::UpscaleImageResponse>),
                   callbacks);
}

absl::StatusOr<ImageModel> ImageGenerator::GetModel(ImageTask task,
                                                    const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("options.model", options.model); !status.ok()) return status;
  v1::GetImageModelRequest proto;
  proto.set_task(EnumToProto<v1::ImageTask>(task));
  ToProto(options, proto.mutable_options());
  const absl::StatusOr<v1::GetImageModelResponse> response = CallUnary<v1::GetImageModelResponse>(
      *client_.connection_, options,
      [&](grpc::ClientContext* context, v1::GetImageModelResponse* out) {
        return client_.connection_->image_generation->GetImageModel(context, proto, out);
      });
  if (!response.ok()) return response.status();
  ImageModel model;
  model.model = response->model();
  model.width = response->width();
  model.height = response->height();
  model.size_multiple = response->size_multiple();
  model.styles = {response->styles().begin(), response->styles().end()};
  model.schedulers = {response->schedulers().begin(), response->schedulers().end()};
  model.default_steps = response->default_steps();
  model.default_guidance_scale = response->default_guidance_scale();
  model.bytes_per_image = response->bytes_per_image();
  model.takes_source_image = response->takes_source_image();
  model.takes_mask = response->takes_mask();
  model.fixed_size = response->fixed_size();
  return model;
}

}  // namespace intelligence

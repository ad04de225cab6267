// Pictures.
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <variant>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {

Stream<AnalyzeImageEvent> Client::StreamAnalyzeImage(const AnalyzeImageRequest& request,
                                                     const CallOptions& options) const {
  v1::AnalyzeImageRequest proto = ToProto(request, options);
  if (request.image.attachment.has_value()) {
    const absl::Status status =
        connection_->attachments.Attach(*request.image.attachment, proto.mutable_image());
    if (!status.ok()) return FailedStream<AnalyzeImageEvent>(status);
  }
  return StartStream<AnalyzeImageEvent, v1::AnalyzeImageResponse>(
      connection_, options,
      [&](grpc::ClientContext* context) {
        return connection_->vision->AnalyzeImage(context, proto);
      },
      static_cast<std::optional<AnalyzeImageEvent> (*)(const v1::AnalyzeImageResponse&)>(
          &FromProto));
}

absl::StatusOr<AnalyzeImageResult> Client::AnalyzeImage(
    const AnalyzeImageRequest& request, const CallOptions& options,
    const OnEvent<AnalyzeImageEvent>& on_event) const {
  AnalyzeImageResult result;
  result.results.resize(request.requests.size());
  absl::StatusOr<AnalyzeImageCompleted> completed = ReadResult<AnalyzeImageCompleted>(
      StreamAnalyzeImage(request, options),
      OnEvent<AnalyzeImageEvent>([&](const AnalyzeImageEvent& event) {
        if (const auto* image = std::get_if<ImageInfo>(&event)) result.image = *image;
        if (const auto* one = std::get_if<VisionResult>(&event)) {
          if (one->request_index < result.results.size()) {
            result.results[one->request_index] = *one;
          }
        }
        if (on_event) on_event(event);
      }));
  if (!completed.ok()) return completed.status();
  result.decodes = completed->decodes;
  result.usage = std::move(completed->usage);
  return result;
}

std::optional<Point> Mapped(const ImageAlignment& alignment, Point place) {
  if (!alignment.transform.has_value()) return std::nullopt;
  const std::array<float, 9>& m = *alignment.transform;
  const float w = m[6] * place.x + m[7] * place.y + m[8];
  if (std::abs(w) < 1e-9F) return std::nullopt;
  return Point{.x = (m[0] * place.x + m[1] * place.y + m[2]) / w,
               .y = (m[3] * place.x + m[4] * place.y + m[5]) / w};
}

absl::StatusOr<VisionImage> VisionImage::FromFile(const std::string& path) {
  absl::StatusOr<Attachment> attachment = Attachment::FromFile(path);
  if (!attachment.ok()) return attachment.status();
  VisionImage image;
  image.attachment = *std::move(attachment);
  return image;
}

absl::StatusOr<VisionImage> VisionImage::FromDescriptor(int fd) {
  absl::StatusOr<Attachment> attachment = Attachment::FromDescriptor(fd);
  if (!attachment.ok()) return attachment.status();
  VisionImage image;
  image.attachment = *std::move(attachment);
  return image;
}

absl::StatusOr<VisionImage> VisionImage::FromSharedMemory(SharedMemory memory, PixelBuffer layout) {
  absl::StatusOr<Attachment> attachment = std::move(memory).Seal();
  if (!attachment.ok()) return attachment.status();
  layout.data.clear();
  VisionImage image;
  image.pixels = std::move(layout);
  image.attachment = *std::move(attachment);
  return image;
}

std::optional<float> Distance(const FeaturePrint& a, const FeaturePrint& b) {
  if (a.kind != b.kind || a.values.size() != b.values.size()) return std::nullopt;
  float sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const float difference = a.values[i] - b.values[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace intelligence

#include "runtime/engines/task_image/task_image.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"

namespace intelligenced {
namespace {

// Sums of two floats that should be 1.
constexpr float kRounding = 1e-4F;

bool HasPicture(const vision_proto::VisionImage& image) {
  return image.content_case() != vision_proto::VisionImage::CONTENT_NOT_SET ||
         !image.attachment().empty();
}

absl::Span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

absl::StatusOr<PixelFormat> FormatOf(vision_proto::PixelFormat format) {
  switch (format) {
    case vision_proto::PIXEL_FORMAT_RGB:
      return PixelFormat::kRgb;
    case vision_proto::PIXEL_FORMAT_RGBA:
      return PixelFormat::kRgba;
    case vision_proto::PIXEL_FORMAT_BGRA:
      return PixelFormat::kBgra;
    case vision_proto::PIXEL_FORMAT_GREY:
      return PixelFormat::kGrey;
    case vision_proto::PIXEL_FORMAT_NV12:
      return PixelFormat::kNv12;
    default:
      return FieldError("image.pixels.format", "The format of the pixels is required.");
  }
}

// A picture's bytes, wherever they are.
struct Source {
  absl::Span<const uint8_t> bytes;
  // Null: the task's message holds them.
  std::shared_ptr<const SealedMapping> mapping;
};

absl::StatusOr<Source> BytesOf(const vision_proto::VisionImage& from,
                               const Attachments& attachments) {
  if (from.attachment().empty()) {
    return Source{BytesOf(from.has_pixels() ? from.pixels().data() : from.encoded()), nullptr};
  }
  size_t place = 0;
  if (!absl::SimpleAtoi(from.attachment(), &place) || place >= attachments.size()) {
    return FieldError("image.attachment", "There is no such attachment.");
  }
  absl::StatusOr<SealedMapping> mapping = attachments[place]->Map();
  if (!mapping.ok()) return mapping.status();
  auto kept = std::make_shared<const SealedMapping>(*std::move(mapping));
  return Source{kept->bytes(), kept};
}

absl::StatusOr<DecodedImage> Read(const vision_proto::VisionImage& from,
                                  const Attachments& attachments) {
  if (!HasPicture(from)) return FieldError("image", "A picture is required.");
  const absl::StatusOr<Source> source = BytesOf(from, attachments);
  if (!source.ok()) return source.status();
  if (!from.has_pixels()) return DecodeImage(source->bytes);
  const vision_proto::PixelBuffer& pixels = from.pixels();
  const absl::StatusOr<PixelFormat> format = FormatOf(pixels.format());
  if (!format.ok()) return format.status();
  absl::StatusOr<Image> image = ImageFromPixels({.format = *format,
                                                 .width = pixels.width(),
                                                 .height = pixels.height(),
                                                 .stride = pixels.stride(),
                                                 .data = source->bytes},
                                                {}, source->mapping);
  if (!image.ok()) return image.status();
  DecodedImage decoded;
  decoded.image = *std::move(image);
  return decoded;
}

absl::Status CheckRegion(const vision_proto::VisionRequest& request) {
  if (!request.has_region_of_interest()) return absl::OkStatus();
  const vision_proto::Rect& region = request.region_of_interest();
  // Written so that NaN fails.
  const bool inside = region.x() >= 0 && region.y() >= 0 && region.width() > 0 &&
                      region.height() > 0 && region.x() + region.width() <= 1 + kRounding &&
                      region.y() + region.height() <= 1 + kRounding;
  if (inside) return absl::OkStatus();
  return FieldError("region_of_interest",
                    "The region must lie inside the picture (0 to 1) and have an extent.");
}

template <typename List>
void Limit(const vision_proto::VisionRequest& request, List* list) {
  std::stable_sort(list->begin(), list->end(),
                   [](const auto& a, const auto& b) { return a.confidence() > b.confidence(); });
  int count = list->size();
  while (count > 0 && list->Get(count - 1).confidence() < request.min_confidence()) --count;
  if (request.max_results() > 0) {
    count = static_cast<int>(std::min<uint32_t>(request.max_results(), count));
  }
  list->DeleteSubrange(count, list->size() - count);
}

}  // namespace

void LimitResult(const vision_proto::VisionRequest& request, vision_proto::VisionResult* result) {
  if (result->has_faces()) Limit(request, result->mutable_faces()->mutable_faces());
  if (result->has_regions()) Limit(request, result->mutable_regions()->mutable_regions());
  if (result->has_poses()) Limit(request, result->mutable_poses()->mutable_poses());
  if (result->has_classifications()) {
    Limit(request, result->mutable_classifications()->mutable_classifications());
  }
}

absl::Status AtRequest(int index, const absl::Status& status) {
  if (status.ok() || !HasReason(status, Reason::kFieldInvalid)) return status;
  ErrorFacts facts = FactsOf(status);
  const std::string place = absl::StrCat("requests[", index, "]");
  facts.field = facts.field.empty() ? place : absl::StrCat(place, ".", facts.field);
  return MakeError(Reason::kFieldInvalid, status.message(), facts);
}

absl::Status CheckVisionTask(
    const vision_proto::Task& task,
    absl::FunctionRef<absl::Status(const vision_proto::VisionRequest&)> check) {
  if (!task.has_vision()) return FieldError("kind", "This model only takes vision tasks.");
  const vision_proto::VisionTask& vision = task.vision();
  if (!HasPicture(vision.image())) {
    return FieldError("image", "A picture is required.");
  }
  if (!vision_proto::ImageOrientation_IsValid(vision.image().orientation())) {
    return FieldError("image.orientation", "There is no such orientation.");
  }
  if (vision.requests().empty() || vision.requests_size() > kMaxVisionRequests) {
    return FieldError("requests",
                      absl::StrCat("There must be 1 to ", kMaxVisionRequests, " requests."));
  }
  if (vision.has_stream() && vision.stream().request_ids_size() != vision.requests_size()) {
    return FieldError("stream.request_ids", "There must be as many as requests.");
  }
  for (int i = 0; i < vision.requests_size(); ++i) {
    absl::Status status = CheckRegion(vision.requests(i));
    if (status.ok()) status = check(vision.requests(i));
    if (!status.ok()) return AtRequest(i, status);
  }
  return absl::OkStatus();
}

absl::StatusOr<Image> DecodeTaskImage(const vision_proto::VisionImage& from,
                                      const Attachments& attachments,
                                      vision_proto::ImageInfo* info) {
  absl::StatusOr<DecodedImage> decoded = Read(from, attachments);
  if (!decoded.ok()) return decoded.status();
  const Orientation orientation = from.orientation() == vision_proto::IMAGE_ORIENTATION_UNSPECIFIED
                                      ? decoded->orientation
                                      : static_cast<Orientation>(from.orientation());
  absl::StatusOr<Image> upright = Upright(std::move(decoded->image), orientation);
  if (!upright.ok()) return upright.status();
  info->set_width(static_cast<uint32_t>(upright->width()));
  info->set_height(static_cast<uint32_t>(upright->height()));
  info->set_format(from.has_pixels() ? "pixels" : std::string(ImageFormatName(decoded->format)));
  info->set_orientation(static_cast<vision_proto::ImageOrientation>(orientation));
  info->set_dots_per_inch(decoded->dots_per_inch);
  return upright;
}

PixelBox RegionOf(const vision_proto::VisionRequest& request, int width, int height) {
  if (!request.has_region_of_interest()) return {0, 0, width, height};
  const vision_proto::Rect& region = request.region_of_interest();
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  const int left = std::clamp(static_cast<int>(std::floor(region.x() * w)), 0, width - 1);
  const int top = std::clamp(static_cast<int>(std::floor(region.y() * h)), 0, height - 1);
  const int right =
      std::clamp(static_cast<int>(std::ceil((region.x() + region.width()) * w)), left + 1, width);
  const int bottom =
      std::clamp(static_cast<int>(std::ceil((region.y() + region.height()) * h)), top + 1, height);
  return {left, top, right - left, bottom - top};
}

}  // namespace intelligenced

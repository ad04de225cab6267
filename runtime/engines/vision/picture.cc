#include "runtime/engines/vision/picture.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"

namespace intelligenced {
namespace {

// Sums of two floats that should be 1.
constexpr float kRounding = 1e-4F;

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

absl::StatusOr<DecodedImage> Read(const vision_proto::VisionImage& from) {
  if (from.has_encoded()) return DecodeImage(BytesOf(from.encoded()));
  if (!from.has_pixels()) return FieldError("image", "A picture is required.");
  const vision_proto::PixelBuffer& pixels = from.pixels();
  const absl::StatusOr<PixelFormat> format = FormatOf(pixels.format());
  if (!format.ok()) return format.status();
  absl::StatusOr<Image> image = ImageFromPixels({.format = *format,
                                                 .width = pixels.width(),
                                                 .height = pixels.height(),
                                                 .stride = pixels.stride(),
                                                 .data = BytesOf(pixels.data())});
  if (!image.ok()) return image.status();
  DecodedImage decoded;
  decoded.image = *std::move(image);
  return decoded;
}

}  // namespace

absl::StatusOr<Picture> Picture::Decode(const vision_proto::VisionImage& from,
                                        vision_proto::ImageInfo* info) {
  absl::StatusOr<DecodedImage> decoded = Read(from);
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
  Picture picture;
  picture.image_ = *std::move(upright);
  picture.dots_per_inch_ = decoded->dots_per_inch;
  // The pixels stay where they are when the picture is moved.
  picture.pixels_ =
      cv::Mat(picture.image_.height(), picture.image_.width(),
              picture.image_.channels() == 1 ? CV_8UC1 : CV_8UC3, picture.image_.data());
  return picture;
}

const cv::Mat& Picture::grey() {
  if (pixels_.channels() == 1) return pixels_;
  if (grey_.empty()) cv::cvtColor(pixels_, grey_, cv::COLOR_RGB2GRAY);
  return grey_;
}

const cv::Mat& Picture::rgb() {
  if (pixels_.channels() == 3) return pixels_;
  if (rgb_.empty()) cv::cvtColor(pixels_, rgb_, cv::COLOR_GRAY2RGB);
  return rgb_;
}

View::View(Picture* picture, const vision_proto::VisionRequest& request) : picture_(picture) {
  const cv::Size size = picture->size();
  rect_ = cv::Rect({0, 0}, size);
  if (!request.has_region_of_interest()) return;
  const vision_proto::Rect& region = request.region_of_interest();
  const auto left = static_cast<int>(std::floor(region.x() * size.width));
  const auto top = static_cast<int>(std::floor(region.y() * size.height));
  const auto right = static_cast<int>(std::ceil((region.x() + region.width()) * size.width));
  const auto bottom = static_cast<int>(std::ceil((region.y() + region.height()) * size.height));
  rect_ =
      cv::Rect(cv::Point(std::clamp(left, 0, size.width - 1), std::clamp(top, 0, size.height - 1)),
               cv::Point(std::clamp(right, 1, size.width), std::clamp(bottom, 1, size.height)));
  // A sliver keeps one pixel.
  rect_.width = std::max(rect_.width, 1);
  rect_.height = std::max(rect_.height, 1);
}

void View::SetPoint(cv::Point2f from, vision_proto::Point* to) const {
  const cv::Size size = picture_->size();
  to->set_x(std::clamp((from.x + rect_.x) / size.width, 0.0F, 1.0F));
  to->set_y(std::clamp((from.y + rect_.y) / size.height, 0.0F, 1.0F));
}

void View::SetRect(cv::Rect2f from, vision_proto::Rect* to) const {
  vision_proto::Point first, last;
  SetPoint(from.tl(), &first);
  SetPoint(from.br(), &last);
  to->set_x(first.x());
  to->set_y(first.y());
  to->set_width(last.x() - first.x());
  to->set_height(last.y() - first.y());
}

void View::SetQuad(const cv::Point2f (&corners)[4], vision_proto::Quad* to) const {
  SetPoint(corners[0], to->mutable_top_left());
  SetPoint(corners[1], to->mutable_top_right());
  SetPoint(corners[2], to->mutable_bottom_right());
  SetPoint(corners[3], to->mutable_bottom_left());
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

}  // namespace intelligenced

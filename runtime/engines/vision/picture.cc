#include "runtime/engines/vision/picture.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "runtime/engines/task_image/task_image.h"

namespace intelligenced {

absl::StatusOr<Picture> Picture::Decode(const vision_proto::VisionImage& from,
                                        const Attachments& attachments,
                                        vision_proto::ImageInfo* info) {
  absl::StatusOr<Image> image = DecodeTaskImage(from, attachments, info);
  if (!image.ok()) return image.status();
  Picture picture;
  picture.image_ = *std::move(image);
  picture.dots_per_inch_ = info->dots_per_inch();
  // The pixels stay where they are when the picture is moved.
  // Only read, as everything that hands these out says; the library's type knows no constant
  // pixels.
  picture.pixels_ =
      cv::Mat(picture.image_.height(), picture.image_.width(),
              picture.image_.channels() == 1 ? CV_8UC1 : CV_8UC3,
              const_cast<uint8_t*>(std::as_const(picture.image_).data()), picture.image_.stride());
  return picture;
}

const cv::Mat& Picture::grey() {
  if (pixels_.channels() == 1) return pixels_;
  if (grey_.empty()) cv::cvtColor(pixels_, grey_, cv::COLOR_RGB2GRAY);
  return grey_;
}

cv::Mat Picture::grey(const cv::Rect& part) {
  // A small part is not worth the conversion of the whole.
  if (pixels_.channels() != 1 && grey_.empty() && part.area() < size().area() / 4) {
    cv::Mat grey;
    cv::cvtColor(pixels_(part), grey, cv::COLOR_RGB2GRAY);
    return grey;
  }
  return grey()(part);
}

const cv::Mat& Picture::rgb() {
  if (pixels_.channels() == 3) return pixels_;
  if (rgb_.empty()) cv::cvtColor(pixels_, rgb_, cv::COLOR_GRAY2RGB);
  return rgb_;
}

View::View(Picture* picture, const vision_proto::VisionRequest& request) : picture_(picture) {
  const cv::Size size = picture->size();
  const PixelBox box = RegionOf(request, size.width, size.height);
  rect_ = {box.x, box.y, box.width, box.height};
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

}  // namespace intelligenced

// The decoded picture of a task and the views of it that requests work on.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_PICTURE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_PICTURE_H_

#include <functional>
#include <opencv2/core.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/vision.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/media/image.h"

namespace intelligenced {

namespace vision_proto = ::intelligence::engine::v1;

// Upright pixels. Not thread-safe: views are made when they are first asked for.
class Picture {
 public:
  // Decodes, or takes raw pixels, and turns upright; fills `info`. Errors: IMAGE_UNDECODABLE,
  // MEMORY_INSUFFICIENT, FIELD_INVALID (no content).
  static absl::StatusOr<Picture> Decode(const vision_proto::VisionImage& image,
                                        const Attachments& attachments,
                                        vision_proto::ImageInfo* info);

  const Image& image() const { return image_; }
  cv::Size size() const { return {image_.width(), image_.height()}; }
  uint32_t dots_per_inch() const { return dots_per_inch_; }
  // Grey (one channel) or RGB, without a copy. Nothing may write to it: it may be a client's own.
  const cv::Mat& pixels() const { return pixels_; }
  const cv::Mat& grey();
  cv::Mat grey(const cv::Rect& part);
  // Three channels.
  const cv::Mat& rgb();

 private:
  Picture() = default;

  Image image_;
  uint32_t dots_per_inch_ = 0;
  cv::Mat pixels_;
  cv::Mat grey_;
  cv::Mat rgb_;
};

// Part of a picture as a request sees it, and the way back to the whole picture's coordinates.
class View {
 public:
  // The region of interest; the whole picture when the request has none. It has been checked.
  View(Picture* picture, const vision_proto::VisionRequest& request);

  const cv::Rect& rect() const { return rect_; }
  cv::Mat grey() const { return picture_->grey(rect_); }
  cv::Mat rgb() const { return picture_->rgb()(rect_); }
  cv::Mat pixels() const { return picture_->pixels()(rect_); }
  Picture& picture() const { return *picture_; }

  // From pixels of the view (borders count from 0 to width) to parts of the whole picture.
  void SetPoint(cv::Point2f from, vision_proto::Point* to) const;
  void SetRect(cv::Rect2f from, vision_proto::Rect* to) const;
  // From the corner at the top left, clockwise.
  void SetQuad(const cv::Point2f (&corners)[4], vision_proto::Quad* to) const;

 private:
  Picture* const picture_;
  cv::Rect rect_;
};

// Checkpoints of long work: false means that the job is over and whatever comes out is dropped.
using GoOn = std::function<bool()>;

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_PICTURE_H_

// Frames of which the test knows what moves in them, and how.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_SYNTHETIC_VIDEO_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_SYNTHETIC_VIDEO_H_

#include <algorithm>
#include <cstdint>
#include <opencv2/imgproc.hpp>

#include "protos/intelligence/engine/v1/vision.pb.h"
#include "runtime/engines/vision/tracking_shapes.h"

namespace intelligenced {

inline constexpr int kFrameWidth = 640;
inline constexpr int kFrameHeight = 480;

// Spots of about `grain` pixels, the same for the same seed.
inline cv::Mat Texture(cv::Size size, uint64_t seed, double grain, double low = 0,
                       double high = 255) {
  cv::RNG random(seed);
  cv::Mat noise(size, CV_32F), out;
  random.fill(noise, cv::RNG::UNIFORM, 0, 1);
  if (grain > 0) cv::GaussianBlur(noise, noise, {}, grain);
  cv::normalize(noise, noise, low, high, cv::NORM_MINMAX);
  noise.convertTo(out, CV_8U);
  return out;
}

inline cv::Mat Background() { return Texture({kFrameWidth, kFrameHeight}, 7, 6, 60, 160); }

// Draws `thing` with its corners there.
inline void Draw(const cv::Mat& thing, const Corners& at, cv::Mat* frame) {
  const double right = thing.cols - 0.5, bottom = thing.rows - 0.5;
  const auto map =
      MapOf({cv::Point2d(-0.5, -0.5), {right, -0.5}, {right, bottom}, {-0.5, bottom}}, at);
  cv::Mat there, mask;
  cv::warpPerspective(thing, there, *map, frame->size(), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  cv::warpPerspective(cv::Mat(thing.size(), CV_8U, 255), mask, *map, frame->size());
  there.copyTo(*frame, mask > 127);
}

// Borders count from 0.
inline Corners CornersOf(const cv::Rect2d& box) {
  const double left = box.x - 0.5, top = box.y - 0.5;
  return {cv::Point2d(left, top),
          {left + box.width, top},
          {left + box.width, top + box.height},
          {left, top + box.height}};
}

// What a camera adds.
inline cv::Mat WithNoise(const cv::Mat& frame, uint64_t seed, double deviation) {
  cv::RNG random(seed);
  cv::Mat noise(frame.size(), CV_16S), sum;
  random.fill(noise, cv::RNG::NORMAL, 0, deviation);
  frame.convertTo(sum, CV_16S);
  sum += noise;
  cv::Mat out;
  sum.convertTo(out, CV_8U);
  return out;
}

inline void SetBox(const cv::Rect2d& box, cv::Size size, intelligence::engine::v1::Rect* out) {
  out->set_x(static_cast<float>(box.x / size.width));
  out->set_y(static_cast<float>(box.y / size.height));
  out->set_width(static_cast<float>(box.width / size.width));
  out->set_height(static_cast<float>(box.height / size.height));
}

// Overlap of what is in the picture.
inline double Overlap(const intelligence::engine::v1::Rect& found, const cv::Rect2d& truth,
                      cv::Size size) {
  const cv::Rect2d a(found.x() * size.width, found.y() * size.height, found.width() * size.width,
                     found.height() * size.height);
  const cv::Rect2d b = truth & cv::Rect2d(0, 0, size.width, size.height);
  const double both = (a & b).area();
  return both / (a.area() + b.area() - both);
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_VISION_SYNTHETIC_VIDEO_H_

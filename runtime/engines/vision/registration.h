// How one whole picture lies upon another. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_REGISTRATION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_REGISTRATION_H_

#include <opencv2/core.hpp>

#include "runtime/engines/vision/picture.h"

namespace intelligenced {

struct Shift {
  // What is at p in `before` is at p + by in `now`, in pixels.
  cv::Point2d by;
  // How well the parts that both show agree, 0 to 1.
  double confidence = 0;
};
// Of frames of one size. Confidence 0 where they have too little in common.
Shift FindShift(const cv::Mat& before, const cv::Mat& now);

// The answer of both registrations. `to_before` maps pixels of this frame to the one before.
void SetAlignment(const cv::Matx33d& to_before, cv::Size size, double confidence,
                  vision_proto::ImageAlignment* out);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_REGISTRATION_H_

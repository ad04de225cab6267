// Boxes that detectors find. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_BOXES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_BOXES_H_

#include <vector>

#include "runtime/media/sample.h"

namespace intelligenced {

struct BoxF {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;

  float width() const { return right - left; }
  float height() const { return bottom - top; }
};

struct Detection {
  BoxF box = {};
  float score = 0;
  // Points that the detector gives with the box; the family knows which.
  std::vector<PointF> points = {};
};

// Area of both over area of either; 0 for boxes without one.
float Overlap(const BoxF& a, const BoxF& b);

// Keeps of every heap of boxes that overlap by more than `most` the one of the highest score. The
// result is sorted by score. At most `limit` of the best are looked at.
std::vector<Detection> SuppressOverlaps(std::vector<Detection> found, float most, size_t limit);

// As above, but the boxes of a heap become one, weighted by their scores, with the best one's
// score: what MediaPipe does with its detectors.
std::vector<Detection> BlendOverlaps(std::vector<Detection> found, float most, size_t limit);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_BOXES_H_

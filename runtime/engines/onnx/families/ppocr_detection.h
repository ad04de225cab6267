// PP-OCR text detection (Li et al. 2022; differentiable binarization, Liao et al. 2020): lines of
// text as turned rectangles.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_PPOCR_DETECTION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_PPOCR_DETECTION_H_

#include <array>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

absl::StatusOr<std::unique_ptr<Family>> MakePpocrDetection(FamilyParts parts);

// A rectangle in any direction: its corners, in its own upright position from the top left
// clockwise.
struct TextBox {
  std::array<PointF, 4> corners = {};
  float score = 0;
};

// The rectangle of the least area around the points; nothing for fewer than three that do not lie
// on one line. The longer side counts as its width.
std::vector<PointF> SmallestRectangle(std::vector<PointF> points);

// Joined parts of a map of probabilities (`columns` wide) that are above 0.3, each as the smallest
// rectangle around it, grown as the training shrank it. Left out: those with a shorter side under 3
// before growing, and with a mean probability inside under `min_score`. At most 1,000, the largest
// parts first.
std::vector<TextBox> FindTextBoxes(absl::Span<const float> map, int columns, float min_score);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_PPOCR_DETECTION_H_

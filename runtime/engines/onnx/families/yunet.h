// YuNet (Wu, Peng and Yu 2023), as in OpenCV Zoo and libfacedetection.train: faces with five
// landmarks.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_YUNET_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_YUNET_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/boxes.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

absl::StatusOr<std::unique_ptr<Family>> MakeYunet(FamilyParts parts);

// What the network says of the cells of one grid, row by row.
struct YunetGrid {
  // Pixels of the input from cell to cell.
  int stride = 8;
  int columns = 0;
  absl::Span<const float> classes = {};  // 1 a cell
  absl::Span<const float> objects = {};  // 1
  absl::Span<const float> boxes = {};    // 4: centre in cells, logarithm of the size in cells
  absl::Span<const float> points = {};   // 10: in cells
};

// Appends the cells of at least `min_score`, in pixels of the input. Points: right eye, left eye,
// tip of the nose, right and left corner of the mouth, as the person shown would say.
void DecodeYunet(const YunetGrid& grid, float min_score, std::vector<Detection>* found);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_YUNET_H_

// Ultra-Light-Fast-Generic-Face-Detector (Linzaer 2019): faces, the decoding of boxes inside the
// network.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_ULTRALIGHT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_ULTRALIGHT_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/boxes.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

absl::StatusOr<std::unique_ptr<Family>> MakeUltralight(FamilyParts parts);

// `scores` has `classes` numbers a box: the first is for none, the best of the others counts
// (faces; faces behind a mask). `boxes` has four: corners in parts of the input, which stay so.
std::vector<Detection> DecodeUltralight(absl::Span<const float> scores,
                                        absl::Span<const float> boxes, size_t classes,
                                        float min_score);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_ULTRALIGHT_H_

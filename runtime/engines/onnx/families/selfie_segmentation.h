// MediaPipe Selfie Segmentation: which parts of a picture are a person.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SELFIE_SEGMENTATION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SELFIE_SEGMENTATION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

absl::StatusOr<std::unique_ptr<Family>> MakeSelfieSegmentation(FamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SELFIE_SEGMENTATION_H_

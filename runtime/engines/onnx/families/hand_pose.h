// MediaPipe Hands (Zhang et al. 2020): palms, then 21 joints of each hand.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_HAND_POSE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_HAND_POSE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// "model" finds the joints, "palm-detector" the palms. Without the detector the request's region is
// taken for one hand, fingers up.
absl::StatusOr<std::unique_ptr<Family>> MakeHandPose(FamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_HAND_POSE_H_

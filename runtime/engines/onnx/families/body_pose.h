// MediaPipe Pose (BlazePose; Bazarevsky et al. 2020): persons, then 33 points of each body.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_BODY_POSE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_BODY_POSE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// "model" finds the points, "pose-detector" the persons. Without the detector the request's region
// is taken for one person, head up.
absl::StatusOr<std::unique_ptr<Family>> MakeBodyPose(FamilyParts parts);

// Moves a point, in parts of a square, to the middle of what the network's map of it says there:
// the mean of the 7×7 cells around, where one of them is at least half sure. `map` has side × side
// cells of `channels` numbers before the sigmoid; the point's is `channel`. Pure.
PointF RefineByMap(PointF point, absl::Span<const float> map, int side, int channels, int channel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_BODY_POSE_H_

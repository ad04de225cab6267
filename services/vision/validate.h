// The bounds of vision requests, as protos/intelligence/v1/vision*.proto states them. Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_VALIDATE_H_
#define INTELLIGENCED_SERVICES_VISION_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/vision.pb.h"

namespace intelligenced {

// FIELD_INVALID, INPUT_TOO_LARGE, IMAGE_UNDECODABLE (an empty file). What needs the picture decoded
// is the engine's to check.
absl::Status Validate(const intelligence::v1::AnalyzeImageRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_VALIDATE_H_

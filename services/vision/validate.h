// The bounds of vision requests, as protos/intelligence/v1/vision*.proto states them. Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_VALIDATE_H_
#define INTELLIGENCED_SERVICES_VISION_VALIDATE_H_

#include <string>

#include "absl/status/status.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {

// FIELD_INVALID, INPUT_TOO_LARGE, IMAGE_UNDECODABLE (an empty file). What needs the picture decoded
// is the engine's to check.
absl::Status Validate(const intelligence::v1::AnalyzeImageRequest& request);

// Parts of AnalyzeFrames; fields begin with "start", "frame" or "change".
absl::Status Validate(const intelligence::v1::AnalyzeFramesStart& start);
absl::Status Validate(const intelligence::v1::VideoFrame& frame);
absl::Status Validate(const intelligence::v1::ChangeRequests& change);

// Of both.
void CheckVisionRequest(const std::string& field, const intelligence::v1::VisionRequest& request,
                        FieldChecker& check);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_VALIDATE_H_

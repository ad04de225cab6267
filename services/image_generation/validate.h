// The bounds of image requests that hold for every model, as
// protos/intelligence/v1/image_generation.proto states them. Pure.
#ifndef INTELLIGENCED_SERVICES_IMAGE_GENERATION_VALIDATE_H_
#define INTELLIGENCED_SERVICES_IMAGE_GENERATION_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/image_generation.pb.h"

namespace intelligenced {

// FIELD_INVALID, INPUT_TOO_LARGE, IMAGE_UNDECODABLE (an empty file). What depends on the model is
// checked once it is loaded (model_info.h), what needs a picture decoded by the engine.
absl::Status Validate(const intelligence::v1::GenerateImageRequest& request);
absl::Status Validate(const intelligence::v1::RestyleImageRequest& request);
absl::Status Validate(const intelligence::v1::UpscaleImageRequest& request);
absl::Status Validate(const intelligence::v1::GetImageModelRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_IMAGE_GENERATION_VALIDATE_H_

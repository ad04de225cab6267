// Checks the requests of the ModelService against the bounds that the API states.
// Pure and thread-safe. Errors: FIELD_INVALID with the field.
#ifndef INTELLIGENCED_SERVICES_MODELS_VALIDATE_H_
#define INTELLIGENCED_SERVICES_MODELS_VALIDATE_H_

#include <string_view>

#include "absl/status/status.h"
#include "protos/intelligence/v1/models.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::ListModelsRequest& request);
absl::Status Validate(const intelligence::v1::GetModelRequest& request);
absl::Status Validate(const intelligence::v1::GetAvailabilityRequest& request);
absl::Status Validate(const intelligence::v1::InstallModelRequest& request);
absl::Status Validate(const intelligence::v1::ImportHeader& header);
// `with_header`: it follows the file of a new model.
absl::Status Validate(const intelligence::v1::ImportFunction& function, bool with_header);
absl::Status Validate(const intelligence::v1::ImportFile& file);
absl::Status Validate(const intelligence::v1::ImportProjector& projector);
absl::Status Validate(const intelligence::v1::RemoveModelRequest& request);
absl::Status Validate(const intelligence::v1::LoadModelRequest& request);
absl::Status Validate(const intelligence::v1::UnloadModelRequest& request);
absl::Status Validate(const intelligence::v1::UpdateModelRequest& request);

// https, or http to a loopback address, with a host and without credentials or white space.
bool IsAllowedUrl(std::string_view url);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODELS_VALIDATE_H_

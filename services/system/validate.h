// Checks the requests of the SystemService against the bounds that the API states.
// Pure and thread-safe. Errors: FIELD_INVALID with the field.
#ifndef INTELLIGENCED_SERVICES_SYSTEM_VALIDATE_H_
#define INTELLIGENCED_SERVICES_SYSTEM_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/system.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::WatchStatusRequest& request);
absl::Status Validate(const intelligence::v1::ListActivityRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_SYSTEM_VALIDATE_H_

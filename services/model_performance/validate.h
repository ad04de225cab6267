// Checks the requests of the ModelPerformanceService against the bounds that the API states.
// Pure and thread-safe. Errors: FIELD_INVALID with the field.
#ifndef INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_VALIDATE_H_
#define INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/model_performance.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::MeasureModelRequest& request);
absl::Status Validate(const intelligence::v1::OptimizeModelRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_VALIDATE_H_

// What can be said of TensorService's requests without their model. Pure.
#ifndef INTELLIGENCED_SERVICES_TENSOR_VALIDATE_H_
#define INTELLIGENCED_SERVICES_TENSOR_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/tensor.pb.h"

namespace intelligenced {

// FIELD_INVALID. The tensors themselves are checked as the engine has them (CheckTensors of
// runtime/engine/tensor_check.h), since those messages are the same.
absl::Status Validate(const intelligence::v1::GetModelSignatureRequest& request);
absl::Status Validate(const intelligence::v1::RunModelRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TENSOR_VALIDATE_H_

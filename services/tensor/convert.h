// Tensors of the API to those of the engine contract and back. They are the same field by field
// (tests/unit/services/tensor_mirror_test.cc); the bytes are moved, not copied. Pure.
#ifndef INTELLIGENCED_SERVICES_TENSOR_CONVERT_H_
#define INTELLIGENCED_SERVICES_TENSOR_CONVERT_H_

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/tensor.pb.h"

namespace intelligenced {

intelligence::engine::v1::RunModelTask ToTask(intelligence::v1::RunModelRequest request);

void FromEngine(intelligence::engine::v1::TensorResult from,
                intelligence::v1::RunModelResponse* to);
void FromEngine(const intelligence::engine::v1::ModelSignature& from,
                intelligence::v1::GetModelSignatureResponse* to);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TENSOR_CONVERT_H_

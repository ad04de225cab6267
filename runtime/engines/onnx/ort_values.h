// Tensors to and from ONNX Runtime's values. These throw what the library throws (border.h).
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ORT_VALUES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ORT_VALUES_H_

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// UNSPECIFIED for types that the API does not have.
engine_proto::TensorType ToTensorType(ONNXTensorElementDataType type);
ONNXTensorElementDataType ToElementType(engine_proto::TensorType type);

// Name, type, shape and the names of dimensions. UNSPECIFIED for what is no tensor.
void DescribeValue(const char* name, const Ort::TypeInfo& type, engine_proto::TensorSpec* spec);

// The value refers to the tensor's bytes, which must outlive it; strings are copied. The tensor has
// been checked (PlanTensors).
Ort::Value MakeValue(const Ort::MemoryInfo& memory, OrtAllocator* allocator,
                     const engine_proto::Tensor& tensor);

// Bytes that the value would take in a message; strings are counted with `strings`.
uint64_t CountBytes(const Ort::Value& value, uint64_t* strings);

// Copies. ENGINE_FAILURE for a string that is not UTF-8, or a value of another kind.
absl::Status TakeValue(const Ort::Value& value, engine_proto::Tensor* tensor);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ORT_VALUES_H_

// Tensors as tasks carry them: how large they are, and whether what they say of themselves agrees.
// What a certain network takes is its engine's business. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINE_TENSOR_CHECK_H_
#define INTELLIGENCED_RUNTIME_ENGINE_TENSOR_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/task.pb.h"

namespace intelligenced {

// Limits of intelligence.v1.Tensor.
inline constexpr int kMaxTensors = 1024;
inline constexpr int kMaxTensorDimensions = 8;
inline constexpr int64_t kMaxTensorValues = int64_t{1} << 31;
inline constexpr uint64_t kMaxTensorBytes = uint64_t{64} << 20;
// Of all tensors of text together: each is an object of its own in a message.
inline constexpr uint64_t kMaxTensorStrings = 500'000;

// "FLOAT32"; "another type" for what has no name.
std::string_view TensorTypeName(intelligence::engine::v1::TensorType type);

// Bytes of one value; 0 for STRING and for what is no type.
size_t TensorValueBytes(intelligence::engine::v1::TensorType type);

// Extents multiplied; 1 for none. Nothing when one is below 0 or the product above
// kMaxTensorValues.
template <typename Extents>
bool CountTensorValues(const Extents& shape, int64_t* count) {
  *count = 1;
  bool fits = true;
  for (const int64_t extent : shape) {
    if (extent < 0) return false;
    if (extent == 0) {
      // Whatever the others are; but none may be below 0.
      *count = 0;
      continue;
    }
    if (*count > kMaxTensorValues / extent) fits = false;
    if (fits) *count *= extent;
  }
  return fits || *count == 0;
}

// Names that are there and differ, known types, at most eight extents of at least 0, and as many
// bytes or strings as they say; bytes of BOOL are 0 or 1. FIELD_INVALID with "inputs[2].shape" and
// the tensor's name, or INPUT_TOO_LARGE with size_bytes and limit_bytes.
absl::Status CheckTensors(const intelligence::engine::v1::RunModelTask& task);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINE_TENSOR_CHECK_H_

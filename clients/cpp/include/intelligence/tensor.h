// Running a network of one's own on tensors as they are. Limits and errors are those of
// protos/intelligence/v1/tensor.proto.
//
//   auto result = client->RunModel(
//       {.inputs = {MakeTensor<float>("x", {1, 4}, {0.1F, 0.2F, 0.3F, 0.4F})}},
//       {.model = "my-network"});
//   if (result.ok()) Use(ValuesOf<float>(result->outputs.at(0)));
#ifndef INTELLIGENCE_TENSOR_H_
#define INTELLIGENCE_TENSOR_H_

#include <intelligence/common.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace intelligence {

enum class TensorType {
  kUnspecified,
  kFloat32,
  kFloat16,
  kFloat64,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kBool,  // one byte each, 0 or 1
  kString
};

// Bytes of one value; 0 for strings.
size_t ValueBytes(TensorType type);

struct Tensor {
  std::string name = {};
  TensorType type = TensorType::kUnspecified;
  std::vector<int64_t> shape = {};  // the slowest extent first; empty: a single value
  // Little-endian, the last dimension fastest, without gaps.
  std::string data = {};
  std::vector<std::string> strings = {};  // kString only
};

// What a model says of one of its inputs or outputs.
struct TensorSpec {
  std::string name = {};
  TensorType type = TensorType::kUnspecified;     // kUnspecified: of a kind that cannot be passed
  std::vector<int64_t> shape = {};                // -1: any extent
  std::vector<std::string> dimension_names = {};  // dimensions of one name agree
};

struct ModelSignature {
  std::string model = {};
  std::vector<TensorSpec> inputs = {};
  std::vector<TensorSpec> outputs = {};
};

struct RunModelRequest {
  std::vector<Tensor> inputs = {};        // every input of the model, in any order
  std::vector<std::string> outputs = {};  // names; none: all
};

struct RunModelResult {
  std::vector<Tensor> outputs = {};
  Usage usage = {};
};

// The type of values of C++'s own type: float, double, and whole numbers by size and sign. Half
// precision and bool are bytes of their own (kFloat16, kBool).
template <typename T>
constexpr TensorType TensorTypeOf() {
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
  if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    return sizeof(T) == 4 ? TensorType::kFloat32 : TensorType::kFloat64;
  } else {
    constexpr TensorType kSigned[] = {TensorType::kInt8, TensorType::kInt16, TensorType::kInt32,
                                      TensorType::kInt64};
    constexpr TensorType kUnsigned[] = {TensorType::kUint8, TensorType::kUint16,
                                        TensorType::kUint32, TensorType::kUint64};
    constexpr int kPlace = std::bit_width(sizeof(T)) - 1;
    return std::is_signed_v<T> ? kSigned[kPlace] : kUnsigned[kPlace];
  }
}

// Copies the values. Whether there are as many as the shape says is checked by the daemon.
template <typename T>
Tensor MakeTensor(std::string name, std::vector<int64_t> shape, const std::vector<T>& values) {
  static_assert(std::endian::native == std::endian::little);
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.type = TensorTypeOf<T>();
  tensor.shape = std::move(shape);
  tensor.data.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return tensor;
}

// Copies the values. Nothing when the tensor is of another type, or its bytes are no whole values.
template <typename T>
std::optional<std::vector<T>> ValuesOf(const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little);
  if (tensor.type != TensorTypeOf<T>() || tensor.data.size() % sizeof(T) != 0) return std::nullopt;
  std::vector<T> values(tensor.data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace intelligence

#endif  // INTELLIGENCE_TENSOR_H_

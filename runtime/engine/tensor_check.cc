#include "runtime/engine/tensor_check.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

constexpr size_t kMaxNameBytes = 1024;

absl::Status TensorError(const std::string& field, const std::string& name,
                         std::string_view message) {
  return FieldError(field, absl::StrCat("The tensor ", name, " ", message));
}

absl::Status TooLarge(std::string_view what, uint64_t size, uint64_t limit) {
  return MakeError(
      Reason::kInputTooLarge,
      absl::StrCat("The tensors have ", size, " ", what, "; the most is ", limit, "."),
      {.metadata = {{"size_bytes", absl::StrCat(size)}, {"limit_bytes", absl::StrCat(limit)}},
       .retry_delay = std::nullopt,
       .field = "inputs"});
}

absl::Status CheckTensor(const proto::Tensor& tensor, const std::string& field) {
  const std::string& name = tensor.name();
  if (name.empty() || name.size() > kMaxNameBytes) {
    return FieldError(field + ".name", "must be 1 to 1,024 bytes, as the model names the tensor.");
  }
  const bool text = tensor.type() == proto::TENSOR_TYPE_STRING;
  const size_t value_bytes = TensorValueBytes(tensor.type());
  if (!text && value_bytes == 0) return TensorError(field + ".type", name, "has no known type.");
  if (tensor.shape_size() > kMaxTensorDimensions) {
    return TensorError(field + ".shape", name,
                       absl::StrCat("has ", tensor.shape_size(), " dimensions; the most is ",
                                    kMaxTensorDimensions, "."));
  }
  int64_t count = 0;
  if (!CountTensorValues(tensor.shape(), &count)) {
    return TensorError(
        field + ".shape", name,
        absl::StrCat("has an extent below 0, or more than ", kMaxTensorValues, " values in all."));
  }
  if (text) {
    if (!tensor.data().empty()) {
      return TensorError(field + ".data", name, "is of strings and must have no bytes.");
    }
    if (tensor.strings_size() != count) {
      return TensorError(
          field + ".strings", name,
          absl::StrCat("has ", tensor.strings_size(), " strings; its shape says ", count, "."));
    }
    // C libraries behind the engines would end there.
    if (std::any_of(tensor.strings().begin(), tensor.strings().end(),
                    [](const std::string& one) { return one.find('\0') != std::string::npos; })) {
      return TensorError(field + ".strings", name, "has a string with a NUL character in it.");
    }
    return absl::OkStatus();
  }
  if (!tensor.strings().empty()) {
    return TensorError(field + ".strings", name, "is of numbers and must have no strings.");
  }
  const uint64_t bytes = static_cast<uint64_t>(count) * value_bytes;
  if (tensor.data().size() != bytes) {
    return TensorError(
        field + ".data", name,
        absl::StrCat("has ", tensor.data().size(), " bytes; its type and shape say ", bytes, "."));
  }
  if (tensor.type() == proto::TENSOR_TYPE_BOOL &&
      std::any_of(tensor.data().begin(), tensor.data().end(),
                  [](char value) { return value != 0 && value != 1; })) {
    return TensorError(field + ".data", name, "has bytes that are neither 0 nor 1.");
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view TensorTypeName(proto::TensorType type) {
  if (type == proto::TENSOR_TYPE_UNSPECIFIED || !proto::TensorType_IsValid(type)) {
    return "another type";
  }
  return absl::StripPrefix(proto::TensorType_Name(type), "TENSOR_TYPE_");
}

size_t TensorValueBytes(proto::TensorType type) {
  switch (type) {
    case proto::TENSOR_TYPE_INT8:
    case proto::TENSOR_TYPE_UINT8:
    case proto::TENSOR_TYPE_BOOL:
      return 1;
    case proto::TENSOR_TYPE_FLOAT16:
    case proto::TENSOR_TYPE_INT16:
    case proto::TENSOR_TYPE_UINT16:
      return 2;
    case proto::TENSOR_TYPE_FLOAT32:
    case proto::TENSOR_TYPE_INT32:
    case proto::TENSOR_TYPE_UINT32:
      return 4;
    case proto::TENSOR_TYPE_FLOAT64:
    case proto::TENSOR_TYPE_INT64:
    case proto::TENSOR_TYPE_UINT64:
      return 8;
    default:
      return 0;
  }
}

absl::Status CheckTensors(const proto::RunModelTask& task) {
  if (task.inputs_size() > kMaxTensors || task.outputs_size() > kMaxTensors) {
    return FieldError(task.inputs_size() > kMaxTensors ? "inputs" : "outputs",
                      absl::StrCat("There can be at most ", kMaxTensors, "."));
  }
  uint64_t bytes = 0, strings = 0;
  for (const proto::Tensor& tensor : task.inputs()) {
    bytes += tensor.data().size();
    strings += static_cast<uint64_t>(tensor.strings_size());
    for (const std::string& text : tensor.strings()) bytes += text.size();
  }
  if (bytes > kMaxTensorBytes) return TooLarge("bytes", bytes, kMaxTensorBytes);
  if (strings > kMaxTensorStrings) return TooLarge("strings", strings, kMaxTensorStrings);
  std::set<std::string_view> names;
  for (int i = 0; i < task.inputs_size(); ++i) {
    const std::string field = absl::StrCat("inputs[", i, "]");
    if (absl::Status status = CheckTensor(task.inputs(i), field); !status.ok()) return status;
    if (!names.insert(task.inputs(i).name()).second) {
      return TensorError(field + ".name", task.inputs(i).name(), "comes twice.");
    }
  }
  names.clear();
  for (int i = 0; i < task.outputs_size(); ++i) {
    const std::string& name = task.outputs(i);
    if (name.empty() || name.size() > kMaxNameBytes || !names.insert(name).second) {
      return FieldError(absl::StrCat("outputs[", i, "]"),
                        "must be the name of an output, each at most once.");
    }
  }
  return absl::OkStatus();
}

}  // namespace intelligenced

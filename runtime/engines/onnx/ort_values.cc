#include "runtime/engines/onnx/ort_values.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engine/tensor_check.h"

namespace intelligenced {
namespace {

struct TypePair {
  engine_proto::TensorType ours;
  ONNXTensorElementDataType theirs;
};

constexpr TypePair kTypes[] = {
    {engine_proto::TENSOR_TYPE_FLOAT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {engine_proto::TENSOR_TYPE_FLOAT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {engine_proto::TENSOR_TYPE_FLOAT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {engine_proto::TENSOR_TYPE_INT8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {engine_proto::TENSOR_TYPE_UINT8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {engine_proto::TENSOR_TYPE_INT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {engine_proto::TENSOR_TYPE_UINT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {engine_proto::TENSOR_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {engine_proto::TENSOR_TYPE_UINT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {engine_proto::TENSOR_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {engine_proto::TENSOR_TYPE_UINT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {engine_proto::TENSOR_TYPE_BOOL, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    {engine_proto::TENSOR_TYPE_STRING, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
};

absl::Status TakeStrings(const Ort::Value& value, size_t count, engine_proto::Tensor* tensor) {
  if (count == 0) return absl::OkStatus();
  const size_t bytes = value.GetStringTensorDataLength();
  std::string all(bytes, '\0');
  std::vector<size_t> offsets(count);
  value.GetStringTensorContent(all.data(), bytes, offsets.data(), count);
  for (size_t i = 0; i < count; ++i) {
    const size_t end = i + 1 < count ? offsets[i + 1] : bytes;
    std::string text = all.substr(offsets[i], end - offsets[i]);
    if (!IsValidUtf8(text)) {
      return MakeError(Reason::kEngineFailure, absl::StrCat("The network's output ", tensor->name(),
                                                            " holds a string that is not UTF-8."));
    }
    tensor->add_strings(std::move(text));
  }
  return absl::OkStatus();
}

// Exporters write words like these for every dimension that they know nothing of.
bool IsName(std::string_view name) {
  for (const std::string_view none : {"", "?", "None", "unknown", "-1"}) {
    if (name == none) return false;
  }
  return IsValidUtf8(name);
}

}  // namespace

engine_proto::TensorType ToTensorType(ONNXTensorElementDataType type) {
  for (const TypePair& pair : kTypes) {
    if (pair.theirs == type) return pair.ours;
  }
  return engine_proto::TENSOR_TYPE_UNSPECIFIED;
}

ONNXTensorElementDataType ToElementType(engine_proto::TensorType type) {
  for (const TypePair& pair : kTypes) {
    if (pair.ours == type) return pair.theirs;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

void DescribeValue(const char* name, const Ort::TypeInfo& type, engine_proto::TensorSpec* spec) {
  spec->set_name(name);
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return;
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  spec->set_type(ToTensorType(tensor.GetElementType()));
  for (const int64_t extent : tensor.GetShape()) spec->add_shape(extent < 0 ? -1 : extent);
  for (const char* const dimension : tensor.GetSymbolicDimensions()) {
    spec->add_dimension_names(dimension != nullptr && IsName(dimension) ? dimension : "");
  }
}

Ort::Value MakeValue(const Ort::MemoryInfo& memory, OrtAllocator* allocator,
                     const engine_proto::Tensor& tensor) {
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  const ONNXTensorElementDataType type = ToElementType(tensor.type());
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
    // The library does not write to its inputs.
    return Ort::Value::CreateTensor(memory, const_cast<char*>(tensor.data().data()),
                                    tensor.data().size(), shape.data(), shape.size(), type);
  }
  Ort::Value value = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), type);
  std::vector<const char*> texts;
  texts.reserve(static_cast<size_t>(tensor.strings_size()));
  for (const std::string& text : tensor.strings()) texts.push_back(text.c_str());
  if (!texts.empty()) value.FillStringTensor(texts.data(), texts.size());
  return value;
}

uint64_t CountBytes(const Ort::Value& value, uint64_t* strings) {
  if (!value.IsTensor()) return 0;
  const auto info = value.GetTensorTypeAndShapeInfo();
  const uint64_t count = info.GetElementCount();
  if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
    return count * TensorValueBytes(ToTensorType(info.GetElementType()));
  }
  *strings += count;
  return value.GetStringTensorDataLength();
}

absl::Status TakeValue(const Ort::Value& value, engine_proto::Tensor* tensor) {
  if (!value.IsTensor()) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("The network's output ", tensor->name(), " is no tensor."));
  }
  const auto info = value.GetTensorTypeAndShapeInfo();
  tensor->set_type(ToTensorType(info.GetElementType()));
  for (const int64_t extent : info.GetShape()) tensor->add_shape(extent);
  const size_t count = info.GetElementCount();
  if (tensor->type() == engine_proto::TENSOR_TYPE_STRING) {
    return TakeStrings(value, count, tensor);
  }
  const size_t value_bytes = TensorValueBytes(tensor->type());
  if (value_bytes == 0) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("The network's output ", tensor->name(),
                                  " is of a type that no tensor can hold."));
  }
  if (count > 0) {
    tensor->set_data(static_cast<const char*>(value.GetTensorRawData()), count * value_bytes);
  }
  return absl::OkStatus();
}

}  // namespace intelligenced

#include "clients/mlctl/tensor_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::RunModelRequest;
using intelligence::Tensor;
using intelligence::TensorSpec;
using intelligence::TensorType;

constexpr std::string_view kTypeNames[] = {"UNSPECIFIED", "FLOAT32", "FLOAT16", "FLOAT64", "INT8",
                                           "UINT8",       "INT16",   "UINT16",  "INT32",   "UINT32",
                                           "INT64",       "UINT64",  "BOOL",    "STRING"};
constexpr size_t kMostShown = 8;
constexpr int kDeepestList = 8;

// IEEE 754's half precision.
float FromHalf(uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int fraction = half & 0x3ff;
  float value = 0;
  if (exponent == 0x1f) {
    value = fraction == 0 ? std::numeric_limits<float>::infinity()
                          : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

// To the nearest, halves to even; beyond the largest: infinity.
uint16_t ToHalf(double value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  value = std::abs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (value >= 65520) return sign | 0x7c00;
  int exponent = 0;
  std::frexp(value, &exponent);
  exponent = std::max(exponent, -13);
  // In units of the last of eleven bits.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(value, 11 - exponent)));
  if (units < 0x400) return static_cast<uint16_t>(sign | units);
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + (units - 0x400)));
}

template <typename Stored>
void ListValues(const std::string& data, Json& list) {
  for (size_t at = 0; at + sizeof(Stored) <= data.size(); at += sizeof(Stored)) {
    Stored value;
    std::memcpy(&value, data.data() + at, sizeof(value));
    list.push_back(value);
  }
}

// At most `most` of them.
Json ValuesJson(const Tensor& tensor, size_t most) {
  Json list = Json::array();
  if (tensor.type == TensorType::kString) {
    for (size_t i = 0; i < std::min(most, tensor.strings.size()); ++i) {
      list.push_back(tensor.strings[i]);
    }
    return list;
  }
  const size_t bytes = ValueBytes(tensor.type);
  const std::string data =
      most > tensor.data.size() ? tensor.data : tensor.data.substr(0, most * bytes);
  switch (tensor.type) {
    case TensorType::kFloat32:
      ListValues<float>(data, list);
      break;
    case TensorType::kFloat64:
      ListValues<double>(data, list);
      break;
    case TensorType::kFloat16:
      for (size_t at = 0; at + 2 <= data.size(); at += 2) {
        uint16_t half = 0;
        std::memcpy(&half, data.data() + at, sizeof(half));
        list.push_back(FromHalf(half));
      }
      break;
    case TensorType::kInt8:
      ListValues<int8_t>(data, list);
      break;
    case TensorType::kUint8:
      ListValues<uint8_t>(data, list);
      break;
    case TensorType::kInt16:
      ListValues<int16_t>(data, list);
      break;
    case TensorType::kUint16:
      ListValues<uint16_t>(data, list);
      break;
    case TensorType::kInt32:
      ListValues<int32_t>(data, list);
      break;
    case TensorType::kUint32:
      ListValues<uint32_t>(data, list);
      break;
    case TensorType::kInt64:
      ListValues<int64_t>(data, list);
      break;
    case TensorType::kUint64:
      ListValues<uint64_t>(data, list);
      break;
    case TensorType::kBool:
      for (const char value : data) list.push_back(value != 0);
      break;
    default:
      break;
  }
  return list;
}

absl::Status Wrong(std::string_view place, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("In the JSON, ", place, " ", what));
}

template <typename Stored>
bool AppendWhole(const Json& value, std::string& data) {
  Stored stored = 0;
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<Stored>::max())) return false;
    stored = static_cast<Stored>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    if (number < static_cast<int64_t>(std::numeric_limits<Stored>::min())) return false;
    stored = static_cast<Stored>(number);
  } else {
    return false;
  }
  data.append(reinterpret_cast<const char*>(&stored), sizeof(stored));
  return true;
}

template <typename Stored>
bool AppendFloat(const Json& value, std::string& data) {
  if (!value.is_number()) return false;
  const auto stored = value.get<Stored>();
  data.append(reinterpret_cast<const char*>(&stored), sizeof(stored));
  return true;
}

bool AppendValue(const Json& value, Tensor& tensor) {
  switch (tensor.type) {
    case TensorType::kFloat32:
      return AppendFloat<float>(value, tensor.data);
    case TensorType::kFloat64:
      return AppendFloat<double>(value, tensor.data);
    case TensorType::kFloat16: {
      if (!value.is_number()) return false;
      const uint16_t half = ToHalf(value.get<double>());
      tensor.data.append(reinterpret_cast<const char*>(&half), sizeof(half));
      return true;
    }
    case TensorType::kInt8:
      return AppendWhole<int8_t>(value, tensor.data);
    case TensorType::kUint8:
      return AppendWhole<uint8_t>(value, tensor.data);
    case TensorType::kInt16:
      return AppendWhole<int16_t>(value, tensor.data);
    case TensorType::kUint16:
      return AppendWhole<uint16_t>(value, tensor.data);
    case TensorType::kInt32:
      return AppendWhole<int32_t>(value, tensor.data);
    case TensorType::kUint32:
      return AppendWhole<uint32_t>(value, tensor.data);
    case TensorType::kInt64:
      return AppendWhole<int64_t>(value, tensor.data);
    case TensorType::kUint64:
      return AppendWhole<uint64_t>(value, tensor.data);
    case TensorType::kBool:
      if (!value.is_boolean()) return false;
      tensor.data.push_back(value.get<bool>() ? '\1' : '\0');
      return true;
    case TensorType::kString:
      if (!value.is_string()) return false;
      tensor.strings.push_back(value.get<std::string>());
      return true;
    default:
      return false;
  }
}

// Nested lists give their lengths; each level must have one length throughout.
bool AppendList(const Json& list, size_t depth, std::vector<int64_t>& lengths, Tensor& tensor) {
  if (!list.is_array()) return depth == lengths.size() && AppendValue(list, tensor);
  if (depth >= kDeepestList) return false;
  const auto length = static_cast<int64_t>(list.size());
  if (depth == lengths.size()) {
    // A level deeper than those before it, or the first time here.
    if (!tensor.data.empty() || !tensor.strings.empty()) return false;
    lengths.push_back(length);
  } else if (lengths[depth] != length) {
    return false;
  }
  return std::all_of(list.begin(), list.end(),
                     [&](const Json& one) { return AppendList(one, depth + 1, lengths, tensor); });
}

absl::StatusOr<std::vector<int64_t>> ParseShape(const Json& json, const std::string& place) {
  std::vector<int64_t> shape;
  if (!json.is_array()) return Wrong(place, "must be a list of whole numbers.");
  for (const Json& extent : json) {
    if (!extent.is_number_integer()) return Wrong(place, "must be a list of whole numbers.");
    shape.push_back(extent.get<int64_t>());
  }
  return shape;
}

absl::StatusOr<Tensor> ParseTensor(const Json& json, const std::string& place) {
  if (!json.is_object()) return Wrong(place, "must be an object.");
  Tensor tensor;
  for (const auto& [key, value] : json.items()) {
    if (key != "name" && key != "type" && key != "shape" && key != "values" && key != "data") {
      return Wrong(place, absl::StrCat("has the key \"", key, "\", which is not known."));
    }
  }
  const auto name = json.find("name");
  if (name == json.end() || !name->is_string()) return Wrong(place + ".name", "is required.");
  tensor.name = name->get<std::string>();
  const auto values = json.find("values");
  const auto data = json.find("data");
  if ((values == json.end()) == (data == json.end())) {
    return Wrong(place, "needs either \"values\" or \"data\".");
  }
  if (const auto type = json.find("type"); type != json.end()) {
    const std::string word = type->is_string() ? type->get<std::string>() : "";
    const auto* const found = std::find(std::begin(kTypeNames) + 1, std::end(kTypeNames), word);
    if (found == std::end(kTypeNames)) {
      return Wrong(place + ".type",
                   "must be FLOAT32, FLOAT16, FLOAT64, INT8 to INT64, UINT8 to "
                   "UINT64, BOOL or STRING.");
    }
    tensor.type = static_cast<TensorType>(found - std::begin(kTypeNames));
  } else {
    const Json* first = values == json.end() ? nullptr : &*values;
    while (first != nullptr && first->is_array() && !first->empty()) first = &first->front();
    tensor.type =
        first != nullptr && first->is_string() ? TensorType::kString : TensorType::kFloat32;
  }
  std::vector<int64_t> lengths;
  if (values != json.end()) {
    if (!AppendList(*values, 0, lengths, tensor)) {
      return Wrong(place + ".values",
                   absl::StrCat("must be ", kTypeNames[static_cast<size_t>(tensor.type)],
                                ", in lists of one length each."));
    }
  } else if (!data->is_string() || !absl::Base64Unescape(data->get<std::string>(), &tensor.data)) {
    return Wrong(place + ".data", "must be base64.");
  }
  tensor.shape = lengths;
  if (const auto shape = json.find("shape"); shape != json.end()) {
    absl::StatusOr<std::vector<int64_t>> parsed = ParseShape(*shape, place + ".shape");
    if (!parsed.ok()) return parsed.status();
    tensor.shape = *std::move(parsed);
  }
  return tensor;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return shape.empty() ? "one value" : absl::StrJoin(shape, "×");
}

Json SpecsJson(const std::vector<TensorSpec>& specs) {
  Json list = Json::array();
  for (const TensorSpec& spec : specs) {
    list.push_back({{"name", spec.name},
                    {"type", Name(spec.type)},
                    {"shape", spec.shape},
                    {"dimension_names", spec.dimension_names}});
  }
  return list;
}

}  // namespace

std::string_view Name(TensorType value) {
  const auto index = static_cast<size_t>(value);
  return index < std::size(kTypeNames) ? kTypeNames[index] : kTypeNames[0];
}

std::string ShapeText(const TensorSpec& spec) {
  std::string text;
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    const bool named = i < spec.dimension_names.size() && !spec.dimension_names[i].empty();
    absl::StrAppend(&text, i == 0 ? "" : "×",
                    spec.shape[i] >= 0 ? absl::StrCat(spec.shape[i])
                    : named            ? spec.dimension_names[i]
                                       : "?");
  }
  return text.empty() ? "one value" : text;
}

Json ToJson(const intelligence::ModelSignature& signature) {
  return {{"model", signature.model},
          {"inputs", SpecsJson(signature.inputs)},
          {"outputs", SpecsJson(signature.outputs)}};
}

Json ToJson(const intelligence::RunModelResult& result) {
  Json outputs = Json::array();
  for (const Tensor& tensor : result.outputs) {
    outputs.push_back({{"name", tensor.name},
                       {"type", Name(tensor.type)},
                       {"shape", tensor.shape},
                       {"values", ValuesJson(tensor, std::numeric_limits<size_t>::max())}});
  }
  return {{"outputs", std::move(outputs)}, {"usage", ToJson(result.usage)}};
}

absl::StatusOr<RunModelRequest> ParseRunModelRequest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("The input is no JSON object: {\"inputs\": [ … ]}");
  }
  RunModelRequest request;
  for (const auto& [key, value] : json.items()) {
    if ((key != "inputs" && key != "outputs") || !value.is_array()) {
      return Wrong(absl::StrCat("\"", key, "\""),
                   "is not known; there are \"inputs\" and "
                   "\"outputs\", both lists.");
    }
    size_t place = 0;
    for (const Json& one : value) {
      const std::string where = absl::StrCat(key, "[", place++, "]");
      if (key == "outputs") {
        if (!one.is_string()) return Wrong(where, "must be the name of an output.");
        request.outputs.push_back(one.get<std::string>());
        continue;
      }
      absl::StatusOr<Tensor> tensor = ParseTensor(one, where);
      if (!tensor.ok()) return tensor.status();
      request.inputs.push_back(*std::move(tensor));
    }
  }
  return request;
}

std::string RenderSignature(const intelligence::ModelSignature& signature, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [direction, specs] :
       {std::pair{"takes", &signature.inputs}, std::pair{"gives", &signature.outputs}}) {
    for (const TensorSpec& spec : *specs) {
      rows.push_back({direction, spec.name,
                      spec.type == TensorType::kUnspecified ? "cannot be passed"
                                                            : std::string(Name(spec.type)),
                      ShapeText(spec)});
    }
  }
  return FormatTable({{.title = ""}, {.title = "NAME"}, {.title = "TYPE"}, {.title = "SHAPE"}},
                     rows, 0, palette);
}

std::string RenderTensors(const std::vector<Tensor>& tensors, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const Tensor& tensor : tensors) {
    const Json values = ValuesJson(tensor, kMostShown + 1);
    std::string text;
    for (size_t i = 0; i < std::min(values.size(), kMostShown); ++i) {
      absl::StrAppend(
          &text, i == 0 ? "" : ", ",
          values[i].is_number_float() ? absl::StrCat(values[i].get<float>()) : Dump(values[i]));
    }
    if (values.size() > kMostShown) text += ", …";
    rows.push_back(
        {tensor.name, std::string(Name(tensor.type)), ShapeText(tensor.shape), std::move(text)});
  }
  return FormatTable(
      {{.title = "NAME"}, {.title = "TYPE"}, {.title = "SHAPE"}, {.title = "VALUES"}}, rows, 0,
      palette);
}

}  // namespace intelligenced::mlctl

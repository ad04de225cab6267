#include "clients/mlctl/npy.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Tensor;
using intelligence::TensorType;

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMostHeaderBytes = size_t{64} << 10;
constexpr size_t kMostDimensions = 32;  // NumPy's own limit
// What is written begins on this border.
constexpr size_t kAlignment = 64;

struct Kind {
  std::string_view description;
  TensorType type;
};
constexpr Kind kKinds[] = {
    {"<f4", TensorType::kFloat32}, {"<f2", TensorType::kFloat16}, {"<f8", TensorType::kFloat64},
    {"|i1", TensorType::kInt8},    {"|u1", TensorType::kUint8},   {"<i2", TensorType::kInt16},
    {"<u2", TensorType::kUint16},  {"<i4", TensorType::kInt32},   {"<u4", TensorType::kUint32},
    {"<i8", TensorType::kInt64},   {"<u8", TensorType::kUint64},  {"|b1", TensorType::kBool}};

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("This is no .npy file that can be used: ", what));
}

// The header is one literal of Python's: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3),
// }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  absl::Status Read() {
    if (!Take("{")) return Bad("its header is no dictionary.");
    while (!Take("}")) {
      const std::optional<std::string_view> key = Quoted();
      if (!key.has_value() || !Take(":")) return Bad("its header cannot be read.");
      bool good = false;
      if (*key == "descr") {
        const std::optional<std::string_view> value = Quoted();
        good = value.has_value();
        if (good) description = *value;
      } else if (*key == "fortran_order") {
        columns_first = Take("True");
        good = columns_first || Take("False");
      } else if (*key == "shape") {
        good = Shape();
        has_shape = true;
      }
      if (!good) return Bad(absl::StrCat("its header says of \"", *key, "\" what is not known."));
      if (!Take(",") && !Peek('}')) return Bad("its header cannot be read.");
    }
    if (!absl::StripAsciiWhitespace(rest_).empty()) return Bad("its header goes on after its end.");
    if (description.empty() || !has_shape) return Bad("its header leaves out type or shape.");
    return absl::OkStatus();
  }

  std::string_view description;
  bool columns_first = false;
  bool has_shape = false;
  std::vector<int64_t> shape;

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool Take(std::string_view word) {
    SkipSpace();
    return absl::ConsumePrefix(&rest_, word);
  }
  bool Peek(char c) {
    SkipSpace();
    return !rest_.empty() && rest_[0] == c;
  }
  std::optional<std::string_view> Quoted() {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool Shape() {
    if (!Take("(")) return false;
    while (!Take(")")) {
      SkipSpace();
      size_t digits = 0;
      while (digits < rest_.size() && absl::ascii_isdigit(rest_[digits])) ++digits;
      int64_t extent = 0;
      if (!absl::SimpleAtoi(rest_.substr(0, digits), &extent)) return false;
      rest_.remove_prefix(digits);
      if (shape.size() >= kMostDimensions) return false;
      shape.push_back(extent);
      // Python 2 wrote long numbers with an L.
      absl::ConsumePrefix(&rest_, "L");
      if (!Take(",") && !Peek(')')) return false;
    }
    return true;
  }

  std::string_view rest_;
};

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// Nothing: beyond all that there can be.
std::optional<uint64_t> BytesOf(const std::vector<int64_t>& shape, size_t value_bytes) {
  uint64_t bytes = value_bytes;
  for (const int64_t extent : shape) {
    if (extent == 0) return 0;
    const auto factor = static_cast<uint64_t>(extent);
    if (bytes > std::numeric_limits<uint64_t>::max() / factor) return std::nullopt;
    bytes *= factor;
  }
  return bytes;
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(std::string_view bytes) {
  if (!absl::ConsumePrefix(&bytes, kMagic)) return Bad("it begins otherwise.");
  if (bytes.size() < 4) return Bad("it is cut off.");
  const int version = static_cast<unsigned char>(bytes[0]);
  if (version < 1 || version > 3) return Bad(absl::StrCat("its version is ", version, "."));
  bytes.remove_prefix(2);
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < length_bytes) return Bad("it is cut off.");
  const uint64_t length = LittleEndian(bytes.substr(0, length_bytes));
  bytes.remove_prefix(length_bytes);
  if (length > kMostHeaderBytes || length > bytes.size()) return Bad("its header is cut off.");
  HeaderReader header(bytes.substr(0, length));
  if (absl::Status status = header.Read(); !status.ok()) return status;
  bytes.remove_prefix(length);
  if (header.columns_first) {
    return Bad("its columns come before its rows; save numpy.ascontiguousarray() of it.");
  }
  Tensor tensor;
  for (const Kind& kind : kKinds) {
    if (header.description == kind.description) tensor.type = kind.type;
  }
  if (tensor.type == TensorType::kUnspecified) {
    return Bad(absl::StrCat("its values are \"", header.description,
                            "\"; there are floats, whole numbers and booleans, the least "
                            "significant byte first."));
  }
  const std::optional<uint64_t> wanted = BytesOf(header.shape, ValueBytes(tensor.type));
  if (!wanted.has_value() || *wanted != bytes.size()) {
    return Bad(
        absl::StrCat("it has ", bytes.size(), " bytes of values; its shape says otherwise."));
  }
  tensor.shape = std::move(header.shape);
  tensor.data = bytes;
  return tensor;
}

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor) {
  std::string_view description;
  for (const Kind& kind : kKinds) {
    if (tensor.type == kind.type) description = kind.description;
  }
  if (description.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The tensor ", tensor.name, " holds strings, which .npy files cannot; use --json."));
  }
  std::string header =
      absl::StrCat("{'descr': '", description, "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(tensor.shape, ", "), tensor.shape.size() == 1 ? ",), }" : "), }");
  constexpr size_t kBefore = 10;  // magic, version, length
  header.append(kAlignment - (kBefore + header.size() + 1) % kAlignment, ' ');
  header.push_back('\n');
  if (header.size() > std::numeric_limits<uint16_t>::max())
    return Bad("it has too many dimensions");
  std::string out(kMagic);
  out.append(
      {'\1', '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)});
  return absl::StrCat(out, header, tensor.data);
}

}  // namespace intelligenced::mlctl

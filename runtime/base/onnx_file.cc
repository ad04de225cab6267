#include "runtime/base/onnx_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMaxFields = 20'000'000;
constexpr int kMaxDepth = 16;
constexpr size_t kMaxPorts = 4096;
constexpr size_t kMaxDimensions = 64;
constexpr size_t kMaxNames = 4096;
constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kWindowBytes = size_t{64} << 10;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Numbers of fields in onnx.proto.
enum ModelField : uint32_t { kModelProducer = 2, kModelGraph = 7, kModelFunctions = 25 };
enum GraphField : uint32_t {
  kGraphNode = 1,
  kGraphInitializer = 5,
  kGraphInput = 11,
  kGraphOutput = 12,
  kGraphSparseInitializer = 15
};
enum FunctionField : uint32_t { kFunctionNode = 7, kFunctionDomain = 10 };
enum NodeField : uint32_t { kNodeOperator = 4, kNodeAttribute = 5, kNodeDomain = 7 };
enum AttributeField : uint32_t {
  kAttributeTensor = 5,
  kAttributeGraph = 6,
  kAttributeTensors = 10,
  kAttributeGraphs = 11,
  kAttributeSparse = 22,
  kAttributeSparses = 23
};
enum TensorField : uint32_t { kTensorName = 8, kTensorExternal = 13, kTensorLocation = 14 };

absl::Status Corrupt(std::string_view what) {
  return MakeError(Reason::kModelCorrupt,
                   absl::StrCat("The file is not a whole ONNX model: ", what, "."));
}

// Bytes of a file through a window: small fields lie side by side.
class Window {
 public:
  Window(int fd, uint64_t size) : fd_(fd), size_(size) {}
  uint64_t size() const { return size_; }

  // False: the file ends before, or cannot be read.
  bool Read(uint64_t offset, char* to, size_t size) {
    if (offset > size_ || size > size_ - offset) return false;
    while (size > 0) {
      if (offset < start_ || offset >= start_ + buffer_.size()) {
        if (!Fill(offset)) return false;
      }
      const size_t at = offset - start_;
      const size_t count = std::min(size, buffer_.size() - at);
      std::memcpy(to, buffer_.data() + at, count);
      to += count;
      offset += count;
      size -= count;
    }
    return true;
  }

 private:
  bool Fill(uint64_t offset) {
    buffer_.resize(std::min<uint64_t>(kWindowBytes, size_ - offset));
    start_ = offset;
    ssize_t count = 0;
    do {
      count = pread(fd_, buffer_.data(), buffer_.size(), static_cast<off_t>(offset));
    } while (count < 0 && errno == EINTR);
    buffer_.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return count > 0;
  }

  const int fd_;
  const uint64_t size_;
  uint64_t start_ = 0;
  std::string buffer_;
};

struct Range {
  uint64_t start = 0;
  uint64_t end = 0;
};

struct Field {
  uint32_t number = 0;
  uint32_t type = 0;
  uint64_t value = 0;  // of a varint
  Range range;         // of bytes
};

class Reader {
 public:
  explicit Reader(Window* window) : window_(window) {}

  absl::StatusOr<OnnxSummary> Read() {
    bool graph = false;
    ForEach({0, window_->size()}, [&](const Field& field) {
      if (field.type != kBytes) return;
      if (field.number == kModelProducer) summary_.producer = Text(field.range);
      if (field.number == kModelGraph) {
        graph = true;
        Graph(field.range, 0);
      }
      if (field.number == kModelFunctions) Function(field.range);
    });
    if (!status_.ok()) return status_;
    if (!graph) return Corrupt("it holds no graph");
    std::erase_if(summary_.inputs,
                  [&](const OnnxPort& port) { return weights_.contains(port.name); });
    if (summary_.outputs.empty()) return Corrupt("its graph has no outputs");
    for (const std::string& domain : domains_) {
      const bool known = domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml" ||
                         domain == "com.microsoft" || domain == "ai.onnx.preview.training" ||
                         own_domains_.contains(domain);
      if (!known) summary_.custom_domains.insert(domain);
    }
    return std::move(summary_);
  }

 private:
  void Fail(std::string_view what) {
    if (status_.ok()) status_ = Corrupt(what);
  }

  bool Varint(uint64_t& at, uint64_t end, uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      char byte = 0;
      if (at >= end || !window_->Read(at, &byte, 1)) return false;
      ++at;
      if (shift < 64) *value |= (static_cast<uint64_t>(byte) & 0x7F) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }

  template <typename Visit>
  void ForEach(Range range, Visit visit) {
    uint64_t at = range.start;
    while (status_.ok() && at < range.end) {
      if (++fields_ > kMaxFields) return Fail("it has too many fields");
      uint64_t key = 0;
      if (!Varint(at, range.end, &key)) return Fail("a field is cut off");
      Field field;
      field.number = static_cast<uint32_t>(key >> 3);
      field.type = key & 7;
      uint64_t length = 0;
      switch (field.type) {
        case kVarint:
          if (!Varint(at, range.end, &field.value)) return Fail("a number is cut off");
          break;
        case kFixed64:
          length = 8;
          break;
        case kFixed32:
          length = 4;
          break;
        case kBytes:
          if (!Varint(at, range.end, &length)) return Fail("a length is cut off");
          break;
        default:
          return Fail("it has a field of no known type");
      }
      if (field.number == 0) return Fail("it has a field without a number");
      if (length > range.end - at) return Fail("it ends in the middle of a field");
      field.range = {at, at + length};
      at += length;
      visit(field);
    }
  }

  std::string Text(Range range) {
    std::string text(std::min<uint64_t>(range.end - range.start, kMaxTextBytes), '\0');
    if (!window_->Read(range.start, text.data(), text.size())) Fail("a name is cut off");
    if (range.end - range.start > kMaxTextBytes) {
      text.resize(TruncateUtf8(text, kMaxTextBytes - 4).size());
    }
    if (!IsValidUtf8(text)) Fail("a name is not UTF-8");
    return text;
  }

  void Remember(std::set<std::string>& names, std::string name) {
    if (names.size() >= kMaxNames) return Fail("it has too many names");
    names.insert(std::move(name));
  }

  void Graph(Range range, int depth) {
    if (depth > kMaxDepth) return Fail("its subgraphs are nested too deeply");
    ForEach(range, [&](const Field& field) {
      if (field.type != kBytes) return;
      if (field.number == kGraphNode) Node(field.range, depth);
      if (field.number == kGraphInitializer) Tensor(field.range, depth == 0);
      if (field.number == kGraphSparseInitializer) Sparse(field.range);
      if (depth > 0) return;
      if (field.number == kGraphInput) Port(field.range, summary_.inputs);
      if (field.number == kGraphOutput) Port(field.range, summary_.outputs);
    });
  }

  void Function(Range range) {
    ForEach(range, [&](const Field& field) {
      if (field.type != kBytes) return;
      if (field.number == kFunctionNode) Node(field.range, 1);
      if (field.number == kFunctionDomain) Remember(own_domains_, Text(field.range));
    });
  }

  void Node(Range range, int depth) {
    ForEach(range, [&](const Field& field) {
      if (field.type != kBytes) return;
      if (field.number == kNodeOperator) Remember(summary_.operators, Text(field.range));
      if (field.number == kNodeDomain) Remember(domains_, Text(field.range));
      if (field.number == kNodeAttribute) Attribute(field.range, depth);
    });
  }

  void Attribute(Range range, int depth) {
    ForEach(range, [&](const Field& field) {
      if (field.type != kBytes) return;
      switch (field.number) {
        case kAttributeTensor:
        case kAttributeTensors:
          return Tensor(field.range, false);
        case kAttributeGraph:
        case kAttributeGraphs:
          return Graph(field.range, depth + 1);
        case kAttributeSparse:
        case kAttributeSparses:
          return Sparse(field.range);
        default:
          return;
      }
    });
  }

  // Values and indices: two tensors.
  void Sparse(Range range) {
    ForEach(range, [&](const Field& field) {
      if (field.type == kBytes && (field.number == 1 || field.number == 2)) {
        Tensor(field.range, false);
      }
    });
  }

  void Tensor(Range range, bool weight) {
    bool external = false;
    std::string location = "?";
    uint64_t begin = 0, bytes = 0;
    ForEach(range, [&](const Field& field) {
      if (field.number == kTensorName && field.type == kBytes && weight) {
        // A network has at most some ten thousand weights; names beyond that are of inputs too.
        if (weights_.size() < 16 * kMaxNames) weights_.insert(Text(field.range));
      }
      if (field.number == kTensorLocation && field.type == kVarint) external = field.value == 1;
      if (field.number == kTensorExternal && field.type == kBytes) {
        std::string key, value;
        ForEach(field.range, [&](const Field& entry) {
          if (entry.type != kBytes) return;
          if (entry.number == 1) key = Text(entry.range);
          if (entry.number == 2) value = Text(entry.range);
        });
        if (key == "location") location = value;
        // What is no number counts as nothing: the engine refuses it.
        if (key == "offset" && !absl::SimpleAtoi(value, &begin)) begin = 0;
        if (key == "length" && !absl::SimpleAtoi(value, &bytes)) bytes = 0;
      }
    });
    if (!external) return;
    Remember(summary_.external_files, location);
    if (!summary_.external_files.contains(location)) return;
    uint64_t& wanted = summary_.external_bytes[location];
    constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
    wanted = std::max(wanted, bytes > kMost - begin ? kMost : begin + bytes);
  }

  void Port(Range range, std::vector<OnnxPort>& ports) {
    if (ports.size() >= kMaxPorts) return Fail("it has too many inputs or outputs");
    OnnxPort port;
    ForEach(range, [&](const Field& field) {
      if (field.type != kBytes) return;
      if (field.number == 1) port.name = Text(field.range);
      if (field.number != 2) return;
      ForEach(field.range, [&](const Field& type) {
        // TypeProto.tensor_type
        if (type.number != 1 || type.type != kBytes) return;
        ForEach(type.range, [&](const Field& tensor) {
          if (tensor.number == 1 && tensor.type == kVarint) {
            port.element_type = static_cast<int>(std::min<uint64_t>(tensor.value, 1000));
          }
          if (tensor.number == 2 && tensor.type == kBytes) Shape(tensor.range, port.shape);
        });
      });
    });
    ports.push_back(std::move(port));
  }

  void Shape(Range range, std::vector<int64_t>& shape) {
    ForEach(range, [&](const Field& dimension) {
      if (dimension.number != 1 || dimension.type != kBytes) return;
      if (shape.size() >= kMaxDimensions) return Fail("a tensor has too many dimensions");
      int64_t extent = -1;
      ForEach(dimension.range, [&](const Field& value) {
        if (value.number == 1 && value.type == kVarint) extent = static_cast<int64_t>(value.value);
      });
      // Some exporters write 0 where they mean that it is not known.
      shape.push_back(extent > 0 ? extent : -1);
    });
  }

  Window* const window_;
  uint64_t fields_ = 0;
  absl::Status status_;
  OnnxSummary summary_;
  std::set<std::string> weights_;
  std::set<std::string> domains_;
  std::set<std::string> own_domains_;
};

}  // namespace

const OnnxPort* OnnxSummary::FindOutput(std::string_view name) const {
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const OnnxPort& port) { return port.name == name; });
  return found == outputs.end() ? nullptr : &*found;
}

bool MayBeOnnx(std::string_view first_bytes) {
  // ModelProto.ir_version, a small number; every exporter writes it first.
  return first_bytes.size() >= 2 && first_bytes[0] == 0x08 && first_bytes[1] > 0 &&
         first_bytes[1] < 0x40;
}

bool StartsAsOnnx(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char bytes[2] = {};
  return file.valid() && pread(file.get(), bytes, sizeof(bytes), 0) == sizeof(bytes) &&
         MayBeOnnx({bytes, sizeof(bytes)});
}

absl::StatusOr<OnnxSummary> ReadOnnxFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts = {};
  if (!file.valid() || fstat(file.get(), &facts) != 0) return FileError(errno, "read", path);
  if (!S_ISREG(facts.st_mode)) return Corrupt("it is no ordinary file");
  Window window(file.get(), static_cast<uint64_t>(facts.st_size));
  return Reader(&window).Read();
}

absl::Status CheckOnnxIsSelfContained(const OnnxSummary& summary) {
  if (!summary.custom_domains.empty()) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The network needs operators that ONNX Runtime does not have (",
                                  absl::StrJoin(summary.custom_domains, ", "),
                                  "). Export it with standard operators."));
  }
  if (!summary.external_files.empty()) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("The network keeps weights in other files (",
                     absl::StrJoin(summary.external_files, ", "), "). Save it as one file."));
  }
  return absl::OkStatus();
}

}  // namespace intelligenced

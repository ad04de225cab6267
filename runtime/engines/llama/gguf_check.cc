#include "runtime/engines/llama/gguf_check.h"

#include <fcntl.h>
#include <ggml.h>
#include <gguf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// Far above any real model; keeps what a hostile file can make a reader allocate in bounds.
constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 17;
constexpr uint64_t kMaxLayers = 4096;
constexpr uint64_t kMaxWidth = 1 << 20;
constexpr uint64_t kMaxPictureSide = 1 << 14;

// A whole file in memory, read-only.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("The model file ", path, " cannot be opened: ", std::strerror(errno), "."));
    }
    struct stat status = {};
    const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    MappedFile file;
    if (regular && status.st_size > 0) {
      void* address = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (address != MAP_FAILED) {
        file.bytes_ = {static_cast<const char*>(address), static_cast<size_t>(status.st_size)};
      }
    }
    close(descriptor);
    if (!regular) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The model file ", path, " is not a regular file."));
    }
    return file;
  }

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  std::string_view bytes() const { return bytes_; }

 private:
  MappedFile() = default;
  std::string_view bytes_;
};

size_t ScalarSize(uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
      return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16:
      return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32:
      return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64:
      return 8;
    default:
      return 0;
  }
}

// Walks the header. Every method leaves a reason in `fault` when the file cannot be right; from
// then on all reads answer zero.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view bytes) : all_(bytes), rest_(bytes) {}

  std::string fault;

  void Fail(std::string text) {
    if (fault.empty()) fault = std::move(text);
    rest_ = {};
  }
  bool ok() const { return fault.empty(); }
  uint64_t position() const { return all_.size() - rest_.size(); }

  std::string_view Take(uint64_t size) {
    if (size > rest_.size()) {
      Fail("it ends in the middle of its header");
      return {};
    }
    std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  template <typename T>
  T Number() {
    T value = 0;
    std::string_view bytes = Take(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  std::string_view String() { return Take(Number<uint64_t>()); }

  // Skips a value; gives it when it is a whole number, true or false.
  std::optional<uint64_t> Value(uint32_t type) {
    switch (type) {
      case GGUF_TYPE_STRING:
        String();
        return std::nullopt;
      case GGUF_TYPE_ARRAY: {
        const uint32_t element = Number<uint32_t>();
        const uint64_t count = Number<uint64_t>();
        if (element == GGUF_TYPE_STRING) {
          for (uint64_t index = 0; index < count && ok(); ++index) String();
        } else if (const size_t size = ScalarSize(element); size == 0) {
          Fail(absl::StrCat("it has an array of the unknown type ", element));
        } else if (count > rest_.size() / size) {
          Fail("it has an array that is longer than the file");
        } else {
          Take(count * size);
        }
        return std::nullopt;
      }
      default:
        break;
    }
    const size_t size = ScalarSize(type);
    if (size == 0) {
      Fail(absl::StrCat("it has a value of the unknown type ", type));
      return std::nullopt;
    }
    uint64_t value = 0;
    std::string_view bytes = Take(size);
    if (!ok()) return std::nullopt;
    std::memcpy(&value, bytes.data(), size);
    if (type == GGUF_TYPE_FLOAT32 || type == GGUF_TYPE_FLOAT64) return std::nullopt;
    return value;
  }

 private:
  const std::string_view all_;
  std::string_view rest_;
};

struct TensorExtent {
  std::string name;
  uint64_t offset = 0;
  uint64_t size = 0;
};

std::optional<TensorExtent> ReadTensor(HeaderReader& reader) {
  TensorExtent tensor;
  tensor.name = std::string(reader.String());
  const uint32_t dimensions = reader.Number<uint32_t>();
  if (!reader.ok()) return std::nullopt;
  if (tensor.name.size() >= GGML_MAX_NAME || dimensions > GGML_MAX_DIMS) {
    reader.Fail("the description of a tensor is not well formed");
    return std::nullopt;
  }
  uint64_t elements = 1;
  uint64_t row = 1;
  for (uint32_t index = 0; index < dimensions; ++index) {
    const uint64_t length = reader.Number<uint64_t>();
    if (!reader.ok()) return std::nullopt;
    if (length == 0 || length > (uint64_t{1} << 40) / elements) {
      reader.Fail(absl::StrCat("its tensor ", tensor.name, " has a shape that cannot be meant"));
      return std::nullopt;
    }
    elements *= length;
    if (index == 0) row = length;
  }
  const uint32_t type = reader.Number<uint32_t>();
  tensor.offset = reader.Number<uint64_t>();
  if (!reader.ok()) return std::nullopt;
  const auto ggml = static_cast<enum ggml_type>(type);
  if (type >= GGML_TYPE_COUNT || ggml_type_size(ggml) == 0 || ggml_blck_size(ggml) == 0) {
    reader.Fail(absl::StrCat("its tensor ", tensor.name, " has the unknown type ", type));
    return std::nullopt;
  }
  if (row % ggml_blck_size(ggml) != 0) {
    reader.Fail(absl::StrCat("the rows of its tensor ", tensor.name, " are not whole blocks"));
    return std::nullopt;
  }
  tensor.size = elements / ggml_blck_size(ggml) * ggml_type_size(ggml);
  return tensor;
}

// Counts that shapes are built from. libllama divides by some and allocates by others.
void CheckShapeKey(HeaderReader& reader, std::string_view key, uint64_t value) {
  const auto between = [&](uint64_t low, uint64_t high) {
    if (value < low || value > high) {
      reader.Fail(absl::StrFormat("%s is %d, which cannot be meant", key, value));
    }
  };
  if (absl::EndsWith(key, ".block_count")) between(1, kMaxLayers);
  if (absl::EndsWith(key, ".embedding_length")) between(1, kMaxWidth);
  // Of projectors.
  if (absl::EndsWith(key, ".image_size")) between(1, kMaxPictureSide);
  if (absl::EndsWith(key, ".patch_size")) between(1, kMaxPictureSide);
  if (absl::EndsWith(key, ".context_length")) between(1, uint64_t{1} << 31);
  if (absl::EndsWith(key, ".attention.head_count")) between(1, kMaxWidth);
  if (absl::EndsWith(key, ".attention.head_count_kv")) between(1, kMaxWidth);
  if (absl::EndsWith(key, ".attention.key_length")) between(1, kMaxWidth);
  if (absl::EndsWith(key, ".attention.value_length")) between(1, kMaxWidth);
  if (absl::EndsWith(key, ".rope.dimension_count")) between(0, kMaxWidth);
}

GgufSummary ReadHeader(HeaderReader& reader, uint64_t file_size) {
  GgufSummary summary;
  summary.tensors = reader.Number<uint64_t>();
  const uint64_t keys = reader.Number<uint64_t>();
  if (keys > kMaxKeys || summary.tensors > kMaxTensors) {
    reader.Fail(absl::StrFormat("it claims to hold %d tensors and %d keys", summary.tensors, keys));
  }
  uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
  for (uint64_t index = 0; index < keys && reader.ok(); ++index) {
    const std::string key(reader.String());
    const uint32_t type = reader.Number<uint32_t>();
    if (key == "general.architecture" && type == GGUF_TYPE_STRING) {
      summary.architecture = std::string(reader.String());
      continue;
    }
    const std::optional<uint64_t> value = reader.Value(type);
    if (!value || !reader.ok()) continue;
    CheckShapeKey(reader, key, *value);
    if (key == GGUF_KEY_GENERAL_ALIGNMENT) {
      alignment = *value;
      if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > (1 << 20)) {
        reader.Fail("its alignment is not a power of two");
      }
    }
  }
  std::vector<TensorExtent> tensors;
  for (uint64_t index = 0; index < summary.tensors && reader.ok(); ++index) {
    if (auto tensor = ReadTensor(reader)) tensors.push_back(*std::move(tensor));
  }
  if (!reader.ok()) return summary;
  const uint64_t data = (reader.position() + alignment - 1) / alignment * alignment;
  for (const TensorExtent& tensor : tensors) {
    if (tensor.offset % alignment != 0) {
      reader.Fail(absl::StrCat("its tensor ", tensor.name, " does not begin where it may"));
    } else if (data > file_size || tensor.offset > file_size - data ||
               tensor.size > file_size - data - tensor.offset) {
      reader.Fail(absl::StrCat("its tensor ", tensor.name, " reaches beyond the end of the file (",
                               file_size, " bytes): the file is cut short or damaged"));
    }
    summary.tensor_bytes += tensor.size;
  }
  return summary;
}

}  // namespace

absl::StatusOr<GgufSummary> CheckGguf(const std::string& path) {
  absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const std::string_view bytes = file->bytes();
  const auto corrupt = [&](std::string_view why) {
    return MakeError(Reason::kModelCorrupt,
                     absl::StrCat("The model file ", path, " is damaged: ", why,
                                  ". Remove the model and install it again."));
  };
  if (bytes.size() < 24 || bytes.substr(0, 4) != GGUF_MAGIC)
    return corrupt("it is not a GGUF file");
  HeaderReader reader(bytes);
  reader.Take(4);
  const uint32_t version = reader.Number<uint32_t>();
  if (version < 2 || version > GGUF_VERSION) {
    // A file of the other byte order has the version in the upper half.
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrFormat("The model file %s is GGUF version %d; versions 2 and %d of "
                                     "this machine's byte order can be read.",
                                     path, version, GGUF_VERSION));
  }
  const GgufSummary summary = ReadHeader(reader, bytes.size());
  if (!reader.ok()) return corrupt(reader.fault);
  return summary;
}

}  // namespace intelligenced

#include "runtime/models/gguf_metadata.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/fd.h"
#include "runtime/base/file.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/models/translation_capability.h"

namespace intelligenced {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies in the file");

// Real files stay far below these: about 40 keys, 1,000 tensors, 30 MB of vocabulary.
constexpr uint64_t kMaxKeys = 65'536;
constexpr uint64_t kMaxTensors = 262'144;
constexpr uint64_t kMaxKeyBytes = 65'535;
// libllama takes no longer names.
constexpr uint64_t kMaxTensorNameBytes = 128;
constexpr uint64_t kMaxTextBytes = 65'536;
constexpr uint64_t kMaxMarkerBytes = 24;
// Beside what a person may add.
constexpr size_t kMaxLanguages = 250;
constexpr uint64_t kMaxHeaderBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxDimensions = 4;
constexpr uint64_t kMaxElements = uint64_t{1} << 50;

enum ValueType : uint32_t { kBool = 7, kString = 8, kArray = 9, kTypeCount = 13 };
constexpr std::array<uint8_t, kTypeCount> kValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct TensorType {
  uint32_t id;
  std::string_view name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

// ggml's tensor types: how many bytes a block of so many weights takes.
constexpr TensorType kTensorTypes[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},
    {3, "Q4_1", 32, 20},      {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},
    {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},      {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},  {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56},   {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17}};

const TensorType* FindTensorType(uint32_t id) {
  const auto* found = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                   [id](const TensorType& type) { return type.id == id; });
  return found == std::end(kTensorTypes) ? nullptr : found;
}

// general.file_type: how most of the weights are laid out, as people name it.
std::string FileTypeName(uint64_t file_type) {
  static constexpr std::string_view kNames[] = {
      "F32",    "F16",    "Q4_0",  "Q4_1",    "",       "",       "",       "Q8_0",
      "Q5_0",   "Q5_1",   "Q2_K",  "Q3_K_S",  "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M",
      "Q5_K_S", "Q5_K_M", "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS",
      "IQ1_S",  "IQ4_NL", "IQ3_S", "IQ3_M",   "IQ2_S",  "IQ2_M",  "IQ4_XS", "IQ1_M",
      "BF16",   "",       "",      "",        "TQ1_0",  "TQ2_0",  "MXFP4"};
  return file_type < std::size(kNames) ? std::string(kNames[file_type]) : "";
}

absl::Status Corrupt(std::string_view what) {
  return MakeError(Reason::kModelCorrupt, absl::StrCat("The file is no usable GGUF model: ", what,
                                                       ". Get it again from where it came from."));
}

// Walks the header. After an error every read gives zeros and the first error stays.
class HeaderReader {
 public:
  explicit HeaderReader(const ByteSource& source)
      : source_(source), end_(std::min(source.size(), kMaxHeaderBytes)) {}

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  uint64_t position() const { return position_; }
  uint64_t left() const { return end_ - position_; }
  void Fail(std::string_view what) {
    if (status_.ok()) status_ = Corrupt(what);
  }

  void Read(void* out, size_t size) {
    std::memset(out, 0, size);
    if (!Check(size)) return;
    char* to = static_cast<char*>(out);
    while (size > 0 && status_.ok()) {
      if (position_ < buffer_start_ || position_ >= buffer_start_ + buffer_.size()) Fill();
      if (!status_.ok()) return;
      const size_t at = static_cast<size_t>(position_ - buffer_start_);
      const size_t take = std::min(size, buffer_.size() - at);
      std::memcpy(to, buffer_.data() + at, take);
      to += take;
      size -= take;
      position_ += take;
    }
  }

  template <typename T>
  T Number() {
    T value{};
    Read(&value, sizeof(value));
    return value;
  }

  void Skip(uint64_t size) {
    if (Check(size)) position_ += size;
  }

  // The text, when it has at most `keep` bytes; skipped and empty when it has more.
  std::string Text(uint64_t max_bytes, uint64_t keep) {
    const uint64_t size = Number<uint64_t>();
    if (!ok()) return "";
    if (size > max_bytes) {
      Fail(absl::StrCat("a text claims to have ", size, " bytes"));
      return "";
    }
    if (size > keep) {
      Skip(size);
      return "";
    }
    if (!Check(size)) return "";
    std::string text(static_cast<size_t>(size), '\0');
    Read(text.data(), text.size());
    return text;
  }

 private:
  bool Check(uint64_t size) {
    if (!status_.ok()) return false;
    if (size <= left()) return true;
    Fail(end_ < source_.size() ? "its header is longer than 256 MiB"
                               : "it ends in the middle of its header");
    return false;
  }

  void Fill() {
    buffer_start_ = position_;
    buffer_.resize(static_cast<size_t>(std::min<uint64_t>(left(), size_t{1} << 16)));
    status_ = source_.ReadAt(buffer_start_, buffer_.data(), buffer_.size());
  }

  const ByteSource& source_;
  const uint64_t end_;
  uint64_t position_ = 0;
  uint64_t buffer_start_ = 0;
  std::vector<char> buffer_;
  absl::Status status_;
};

struct Value {
  std::optional<uint64_t> number;
  std::string text;
  bool is_text = false;
};

// Of texts the codes of languages among them ("<2es>") go to `texts` where that is given.
void SkipArray(HeaderReader& reader, int depth, std::vector<std::string>* texts = nullptr) {
  const auto type = reader.Number<uint32_t>();
  const auto count = reader.Number<uint64_t>();
  if (!reader.ok()) return;
  if (type >= kTypeCount || depth > 2) {
    reader.Fail("it holds a value of no known type");
    return;
  }
  // Each element takes at least that much, so a hostile count fails before the loop.
  const uint64_t least = type == kString ? 8 : type == kArray ? 12 : kValueBytes[type];
  if (count > reader.left() / least) {
    reader.Fail(absl::StrCat("a list claims to have ", count, " elements"));
    return;
  }
  if (type == kString) {
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      const std::string text = reader.Text(kMaxHeaderBytes, texts != nullptr ? kMaxMarkerBytes : 0);
      if (texts != nullptr && absl::StartsWith(text, "<2") && absl::EndsWith(text, ">")) {
        texts->push_back(text.substr(2, text.size() - 3));
      }
    }
  } else if (type == kArray) {
    for (uint64_t i = 0; i < count && reader.ok(); ++i) SkipArray(reader, depth + 1);
  } else {
    reader.Skip(count * kValueBytes[type]);
  }
}

Value ReadValue(HeaderReader& reader, std::vector<std::string>* texts) {
  Value value;
  const auto type = reader.Number<uint32_t>();
  switch (type) {
    case 0:
    case kBool:
      value.number = reader.Number<uint8_t>();
      break;
    case 2:
      value.number = reader.Number<uint16_t>();
      break;
    case 4:
      value.number = reader.Number<uint32_t>();
      break;
    case 10:
      value.number = reader.Number<uint64_t>();
      break;
    case 5:
      if (const auto number = reader.Number<int32_t>(); number >= 0) {
        value.number = static_cast<uint64_t>(number);
      }
      break;
    case 11:
      if (const auto number = reader.Number<int64_t>(); number >= 0) {
        value.number = static_cast<uint64_t>(number);
      }
      break;
    case kString:
      value.text = reader.Text(kMaxHeaderBytes, kMaxTextBytes);
      value.is_text = true;
      break;
    case kArray:
      SkipArray(reader, 0, texts);
      break;
    default:
      if (type >= kTypeCount) {
        reader.Fail("it holds a value of no known type");
      } else {
        reader.Skip(kValueBytes[type]);
      }
  }
  return value;
}

// One printable line for a manifest: what a file says of itself may be anything.
std::string Line(std::string_view text, size_t max_bytes) {
  std::string line(TruncateUtf8(IsValidUtf8(text) ? text : std::string_view(), max_bytes));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

void ReadKeys(HeaderReader& reader, uint64_t count, GgufMetadata& metadata, uint64_t& alignment) {
  std::map<std::string, uint64_t> context_lengths;
  std::map<std::string, uint64_t> poolings;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const std::string key = reader.Text(kMaxKeyBytes, kMaxKeyBytes);
    const bool is_vocabulary = key == "tokenizer.ggml.tokens";
    const Value value = ReadValue(reader, is_vocabulary ? &metadata.target_codes : nullptr);
    if (!reader.ok()) return;
    if (value.is_text) {
      if (key == "general.architecture") metadata.architecture = Line(value.text, 64);
      if (key == "general.type") metadata.type = Line(value.text, 64);
      if (key == "adapter.type") metadata.adapter_type = Line(value.text, 64);
      if (key == "general.name") metadata.name = Line(value.text, 200);
      if (key == "general.version") metadata.version = Line(value.text, 100);
      if (key == "general.license") metadata.license = Line(value.text, 200);
      if (key == "tokenizer.ggml.model") metadata.tokenizer = Line(value.text, 64);
      if (key == "tokenizer.chat_template") metadata.has_chat_template = true;
    } else if (value.number.has_value()) {
      if (key == "general.file_type") metadata.quantization = FileTypeName(*value.number);
      if (key == "clip.has_vision_encoder") metadata.sees = *value.number != 0;
      if (key == "general.alignment") alignment = *value.number;
      if (key == "split.count") metadata.parts = *value.number;
      // The architecture may be named after the key that belongs to it.
      if (absl::EndsWith(key, ".context_length")) context_lengths[key] = *value.number;
      if (absl::EndsWith(key, ".pooling_type")) poolings[key] = *value.number;
    }
  }
  const auto found = context_lengths.find(metadata.architecture + ".context_length");
  if (found != context_lengths.end()) metadata.context_tokens = found->second;
  const auto pooling = poolings.find(metadata.architecture + ".pooling_type");
  if (pooling != poolings.end()) metadata.pooling = pooling->second;
}

void ReadTensors(HeaderReader& reader, uint64_t file_size, uint64_t alignment,
                 GgufMetadata& metadata) {
  std::map<uint32_t, uint64_t> weights_by_type;
  uint64_t data_bytes = 0;
  for (uint64_t i = 0; i < metadata.tensors && reader.ok(); ++i) {
    GgufTensor tensor;
    tensor.name = reader.Text(kMaxKeyBytes, kMaxTensorNameBytes);
    const auto dimensions = reader.Number<uint32_t>();
    if (dimensions > kMaxDimensions) reader.Fail("a tensor has more than four dimensions");
    uint64_t elements = 1;
    for (uint32_t d = 0; d < dimensions && reader.ok(); ++d) {
      const auto extent = reader.Number<uint64_t>();
      if (extent == 0 || extent > kMaxElements / elements) {
        reader.Fail("a tensor claims an absurd size");
      } else {
        elements *= extent;
        if (d == 0) tensor.columns = extent;
        if (d == 1) tensor.rows = extent;
      }
    }
    const auto type = reader.Number<uint32_t>();
    const auto offset = reader.Number<uint64_t>();
    if (!reader.ok()) return;
    uint64_t bytes = 0;
    if (const TensorType* known = FindTensorType(type)) {
      const uint64_t block = known->block_elements;
      bytes = (elements + block - 1) / block * known->block_bytes;
    }
    if (offset > file_size || bytes > file_size - offset) {
      reader.Fail("a tensor lies beyond its end (the file was cut off)");
      return;
    }
    data_bytes = std::max(data_bytes, offset + bytes);
    weights_by_type[type] += elements;
    metadata.shapes.push_back(std::move(tensor));
    metadata.parameters += elements;
    // Beyond this the sum could only come from tensors that overlap.
    if (metadata.parameters > kMaxElements) reader.Fail("its tensors claim an absurd size");
  }
  if (!reader.ok()) return;
  const uint64_t start = (reader.position() + alignment - 1) / alignment * alignment;
  if (start > file_size || data_bytes > file_size - start) {
    reader.Fail("its last tensor lies beyond its end (the file was cut off)");
  }
  if (!metadata.quantization.empty()) return;
  const auto most =
      std::max_element(weights_by_type.begin(), weights_by_type.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == weights_by_type.end()) return;
  if (const TensorType* known = FindTensorType(most->first)) {
    metadata.quantization = std::string(known->name);
  }
}

class FileSource : public ByteSource {
 public:
  FileSource(UniqueFd file, uint64_t size) : file_(std::move(file)), size_(size) {}
  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, char* out, size_t size) const override {
    while (size > 0) {
      const ssize_t got = ::pread(file_.get(), out, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FileError(errno, "cannot read", "the model file");
      if (got == 0) return Corrupt("it became shorter while it was read");
      out += got;
      offset += static_cast<uint64_t>(got);
      size -= static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }

 private:
  const UniqueFd file_;
  const uint64_t size_;
};

std::string CountInWords(uint64_t parameters) {
  if (parameters >= 1'000'000'000) return absl::StrFormat("%.1f B", parameters / 1e9);
  if (parameters >= 1'000'000) return absl::StrFormat("%.0f M", parameters / 1e6);
  return absl::StrFormat("%.0f K", parameters / 1e3);
}

// MADLAD's vocabulary names its languages; T5 was published for three pairs.
std::vector<std::string> TranslationCapabilities(const GgufMetadata& metadata) {
  std::vector<std::string> names;
  for (const auto& [language, place] : PlacesOfLanguages(metadata.target_codes)) {
    if (names.size() < kMaxLanguages) names.push_back(TranslationCapabilityName(language, "*"));
  }
  const std::string name = absl::AsciiStrToLower(metadata.name);
  if (names.empty() && absl::StrContains(name, "t5") && !absl::StrContains(name, "mt5")) {
    for (const char* target : {"de", "fr", "ro"}) {
      names.push_back(TranslationCapabilityName("en", target));
    }
  }
  return names;
}

}  // namespace

absl::StatusOr<GgufMetadata> ReadGgufMetadata(const ByteSource& source) {
  HeaderReader reader(source);
  char magic[4];
  reader.Read(magic, sizeof(magic));
  if (!reader.ok() || std::string_view(magic, 4) != "GGUF") {
    return Corrupt("it does not begin with the letters GGUF");
  }
  const auto version = reader.Number<uint32_t>();
  if (version == 0x02000000u || version == 0x03000000u) {
    return Corrupt("it was made for a machine of the other byte order");
  }
  if (version != 2 && version != 3) {
    return Corrupt(absl::StrCat("its version ", version, " is not 2 or 3"));
  }
  GgufMetadata metadata;
  metadata.tensors = reader.Number<uint64_t>();
  const auto keys = reader.Number<uint64_t>();
  if (metadata.tensors > kMaxTensors) {
    return Corrupt(absl::StrCat("it claims to have ", metadata.tensors, " tensors"));
  }
  if (keys > kMaxKeys) return Corrupt(absl::StrCat("it claims to have ", keys, " keys"));
  uint64_t alignment = 32;
  ReadKeys(reader, keys, metadata, alignment);
  if (alignment == 0 || alignment > (1u << 20) || !std::has_single_bit(alignment)) {
    reader.Fail("its alignment is no power of two");
  }
  ReadTensors(reader, source.size(), alignment, metadata);
  if (!reader.ok()) return reader.status();
  if (metadata.architecture.empty()) return Corrupt("it does not say its architecture");
  return metadata;
}

absl::StatusOr<GgufMetadata> ReadGgufFile(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (!file.valid() || ::fstat(file.get(), &info) != 0) {
    return FileError(errno, "cannot open", path);
  }
  if (!S_ISREG(info.st_mode)) return Corrupt("it is not a regular file");
  return ReadGgufMetadata(FileSource(std::move(file), static_cast<uint64_t>(info.st_size)));
}

bool IsEmbeddingModel(const GgufMetadata& metadata) {
  if (!metadata.type.empty() && metadata.type != "model") return false;
  const bool only_embeds = absl::StrContains(metadata.architecture, "bert") ||
                           metadata.architecture == "gemma-embedding";
  const uint64_t pooling = metadata.pooling.value_or(0);
  return pooling >= 1 ? pooling <= 3 : only_embeds;
}

bool IsCausalLanguageModel(const GgufMetadata& metadata) {
  if (!metadata.type.empty() && metadata.type != "model") return false;
  const std::string& name = metadata.architecture;
  static constexpr std::string_view kOthers[] = {
      "clip", "t5", "t5encoder", "whisper", "wavtokenizer-dec", "gemma-embedding"};
  return !absl::StrContains(name, "bert") &&
         std::find(std::begin(kOthers), std::end(kOthers), name) == std::end(kOthers);
}

absl::StatusOr<Manifest> ManifestFromGguf(const GgufMetadata& metadata, ManifestFile file) {
  if (metadata.parts > 1) {
    return FieldError("file", absl::StrCat("This file is one part of ", metadata.parts,
                                           "; merge the parts into one file first."));
  }
  if ((!metadata.type.empty() && metadata.type != "model") || metadata.architecture == "clip") {
    return FieldError("file", absl::StrCat("This file is no model by itself: it says that it is '",
                                           metadata.type.empty() ? "clip" : metadata.type, "'."));
  }
  if (metadata.tensors == 0) return Corrupt("it holds no weights");
  Manifest manifest;
  manifest.version = metadata.version.empty() ? metadata.quantization : metadata.version;
  manifest.title = metadata.name;
  manifest.engine = "llama";
  manifest.family = metadata.architecture;
  manifest.license = metadata.license.empty() ? "unknown" : metadata.license;
  manifest.description = absl::StrCat(
      metadata.architecture, ", ", CountInWords(metadata.parameters), " parameters",
      metadata.quantization.empty() ? "" : ", " + metadata.quantization,
      metadata.context_tokens == 0 ? ""
                                   : absl::StrCat(", context ", metadata.context_tokens, " tokens"),
      metadata.has_chat_template ? ", chat" : "");
  if (IsEmbeddingModel(metadata)) {
    manifest.capabilities = {"language.embed"};
  } else if (metadata.architecture == "t5") {
    manifest.capabilities = TranslationCapabilities(metadata);
  } else if (IsCausalLanguageModel(metadata)) {
    manifest.capabilities = {"language.generate"};
    if (metadata.has_chat_template) {
      for (const char* name :
           {"writing.proofread", "writing.rewrite", "writing.summarize", "writing.compose"}) {
        manifest.capabilities.push_back(name);
      }
    }
  }
  // Millions of weights: more is better, and more than the built-in rules.
  manifest.rank =
      static_cast<int>(std::clamp<uint64_t>(metadata.parameters / 1'000'000, 1, 1'000'000'000));
  file.role = "model";
  manifest.files.push_back(std::move(file));
  return manifest;
}

}  // namespace intelligenced

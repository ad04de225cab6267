// What the header of a GGUF file (versions 2 and 3) says of its model. A reader of our own: the
// daemon links no engine, and the file may be hostile, so every count and length is checked against
// the file's size and against bounds before anything is allocated. Weights are never read.
#ifndef INTELLIGENCED_RUNTIME_MODELS_GGUF_METADATA_H_
#define INTELLIGENCED_RUNTIME_MODELS_GGUF_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// Extents of a tensor; 1 where it has no such dimension.
struct GgufTensor {
  std::string name;
  uint64_t columns = 1;
  uint64_t rows = 1;
};

struct GgufMetadata {
  std::string architecture;  // "llama", "qwen2", …
  std::string type;          // "model", "adapter", …; empty: a model
  std::string name;
  std::string version;
  std::string license;
  std::string adapter_type;  // "lora"; of adapters only
  bool sees = false;         // of projectors: they take pictures
  std::string tokenizer;     // "llama", "gpt2", …
  std::string quantization;  // "Q4_0", "F16", …; empty: not known
  uint64_t context_tokens = 0;
  // Weights in all tensors.
  uint64_t parameters = 0;
  uint64_t tensors = 0;
  std::vector<GgufTensor> shapes;
  // More than 1: the file is one part of a model in several files.
  uint64_t parts = 1;
  bool has_chat_template = false;
  // Of the tokens "<2es>" in its vocabulary, with which MADLAD is told the language: "es".
  std::vector<std::string> target_codes;
  // <architecture>.pooling_type: 1 the mean, 2 the first token, 3 the last, 4 a reranker.
  std::optional<uint64_t> pooling;
};

// Bytes of a file at an offset. The bytes need not be in memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // All `size` bytes, or an error.
  virtual absl::Status ReadAt(uint64_t offset, char* out, size_t size) const = 0;
};

// MODEL_CORRUPT, with what is wrong, when the header is not a whole and sensible GGUF header or
// when a tensor does not fit into the file (it was cut off).
absl::StatusOr<GgufMetadata> ReadGgufMetadata(const ByteSource& source);
absl::StatusOr<GgufMetadata> ReadGgufFile(const std::string& path);

// True for models that turn a text into a vector.
bool IsEmbeddingModel(const GgufMetadata& metadata);

// True for architectures that continue a text.
bool IsCausalLanguageModel(const GgufMetadata& metadata);

// A manifest for one GGUF file, without its `name` and `origin`. `file` is taken over.
// FIELD_INVALID for a file that is no model by itself: an adapter, a projector, one part of
// several.
absl::StatusOr<Manifest> ManifestFromGguf(const GgufMetadata& metadata, ManifestFile file);

// Whether `projector` is one through which a model of the shape of `base` can see. FIELD_INVALID,
// with what does not fit: no projector, one for sound only, rows of another width (as far as the
// header shows it; the rest is found when the model is loaded).
absl::Status CheckProjector(const GgufMetadata& projector, const GgufMetadata& base);

// Whether `adapter` is a LoRA adapter made for a model of the shape of `base`. FIELD_INVALID, with
// what does not fit: no adapter at all, another architecture, a matrix that the base does not have
// or has in another shape.
absl::Status CheckAdapter(const GgufMetadata& adapter, const GgufMetadata& base);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_GGUF_METADATA_H_

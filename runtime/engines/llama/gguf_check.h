// Reads a GGUF file's own description with suspicion, before a library that trusts it does.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GGUF_CHECK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GGUF_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace intelligenced {

struct GgufSummary {
  // general.architecture: "llama", "qwen2", …; empty in the second and later parts of a split
  // model.
  std::string architecture;
  uint64_t tensors = 0;
  uint64_t tensor_bytes = 0;
};

// Maps the file and checks every count, length, type and offset in it against the file's size, and
// that the numbers the shape is built from can be meant. Cheap: the weights are not read.
//   MODEL_CORRUPT      the file is not GGUF, is cut short, or contradicts itself
//   MODEL_LOAD_FAILED  it cannot be opened, or is of a version that is not known
absl::StatusOr<GgufSummary> CheckGguf(const std::string& path);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GGUF_CHECK_H_

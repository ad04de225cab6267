// What a model's file says of its weights, as far as its speed follows from it.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MODEL_WEIGHTS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MODEL_WEIGHTS_H_

#include <ggml.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace intelligenced {

struct ModelWeights {
  uint64_t bytes = 0;
  // Elements of the matrices that every token of a prompt is multiplied with: all but the table of
  // embeddings, of which a token takes one row, and the output, which only the last one needs.
  uint64_t prompt_elements = 0;
  // Bytes that are read for one token of output: all matrices, the output included.
  uint64_t token_bytes = 0;
  // The type that most of the weights have.
  ggml_type type = GGML_TYPE_F32;
};

// MODEL_CORRUPT when the file cannot be read.
absl::StatusOr<ModelWeights> ReadWeights(const std::string& path);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MODEL_WEIGHTS_H_

// A GGUF model that turns texts into vectors: whole texts of all jobs share batches.
//
// The vector of a text is pooled from its tokens as the file says (the mean, the first, the last),
// made of length 1. A text's tokens are computed in one batch, which cannot be cut: in most of
// these models every token looks at every other. So a step takes longer than a quantum for long
// texts of large models; a cancel ends it between two operations.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_EMBEDDING_MODEL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_EMBEDDING_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/parameters.h"

namespace intelligenced {

// The file names a way of pooling, or is of an architecture that only embeds.
bool IsEmbeddingModel(const llama_model* model);

struct EmbeddingOptions {
  LlamaParameters parameters;
  // ModelSpec.name: tells prefixes where the file has no name.
  std::string name;
  int threads = 1;
  bool gpu = false;
};

// `library` and `clock` outlive the model. Computes one text. Errors: FIELD_INVALID (parameters),
// MODEL_LOAD_FAILED, MEMORY_INSUFFICIENT.
absl::StatusOr<std::unique_ptr<Model>> MakeEmbeddingModel(LlamaModelPtr model,
                                                          const EmbeddingOptions& options,
                                                          LlamaLibrary& library,
                                                          const Clock* clock);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_EMBEDDING_MODEL_H_

// The engine's parameters (ModelSpec.parameters), documented in README.md beside this file.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PARAMETERS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/worker.pb.h"

namespace intelligenced {

struct LlamaParameters {
  std::optional<int> context_tokens;
  std::optional<int> pool_tokens;
  std::optional<int> cache_tokens;
  int max_batch = 16;
  std::optional<int> gpu_layers;
  bool reproducible = true;
  bool blas = false;
  // Name of a template that the library knows, instead of the model's own.
  std::string chat_template;
  // Of embedding models: "mean", "cls", "last", instead of what the file says; what stands before
  // texts by their purpose, instead of what is known of the model.
  std::string pooling;
  std::optional<std::string> query_prefix;
  std::optional<std::string> document_prefix;
  std::optional<std::string> similarity_prefix;
  int threads = 0;
};

// FIELD_INVALID names a parameter that is unknown or out of bounds. Parameters of the form
// "x-…" are for others and are skipped.
absl::StatusOr<LlamaParameters> ParseLlamaParameters(
    const intelligence::engine::v1::ModelSpec& spec);

// What a loaded file says, as far as sizes follow from it.
struct ModelShape {
  int trained_context = 0;
  // Of one token's state in the pool.
  uint64_t cell_bytes = 0;
  uint64_t weight_bytes = 0;
};

struct PoolSize {
  int context_tokens = 0;
  int pool_tokens = 0;
  // Kept beside the pool for later requests.
  int cache_tokens = 0;
};

// FIELD_INVALID when the parameters ask for more than the model was made for.
absl::StatusOr<PoolSize> ChoosePoolSize(const LlamaParameters& parameters, const ModelShape& shape);

// Threads for a step on the processor, where nothing was asked for: the physical cores, but one
// for a model so small that threads would wait for each other longer than they compute.
int ChooseThreads(const LlamaParameters& parameters, const ModelShape& shape, int physical_cores);

// Physical cores that this process may use; at least 1.
int CountPhysicalCores();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_PARAMETERS_H_

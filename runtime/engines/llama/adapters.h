// The functions of a model: adapters (LoRA) on its one set of weights.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_ADAPTERS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_ADAPTERS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/engines/llama/llama_library.h"

namespace intelligenced {

// One function, loaded. Its address is its identity: jobs with the same address share batches and
// state, all others do not.
struct LlamaFunction {
  LlamaAdapterPtr adapter;
  float scale = 1;
  // Why it cannot be used, when it could not be loaded.
  absl::Status status;
};

// Constant after loading; must be destroyed before the model.
class LlamaFunctions {
 public:
  // Loads every adapter of `spec`. One that does not fit the model (made for another base, damaged)
  // is kept with its error: the model and its other functions work without it.
  static LlamaFunctions Load(const intelligence::engine::v1::ModelSpec& spec, llama_model* model,
                             LlamaLibrary& library);

  // The function of that name; null for the empty name. FIELD_INVALID when there is none,
  // MODEL_LOAD_FAILED when it could not be loaded.
  absl::StatusOr<const LlamaFunction*> Find(std::string_view name) const;

 private:
  std::map<std::string, LlamaFunction, std::less<>> functions_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_ADAPTERS_H_

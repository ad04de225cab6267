// What a store remembers beside its manifests (state.json): records of models and the user's
// defaults. A value type: the store keeps it, guards it and writes it.
#ifndef INTELLIGENCED_RUNTIME_MODELS_STORE_STATE_H_
#define INTELLIGENCED_RUNTIME_MODELS_STORE_STATE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/models/model_store.h"

namespace intelligenced {

struct StoreState {
  std::map<std::string, ModelRecord, std::less<>> records;
  // Capability to model.
  std::map<std::string, std::string> defaults;
};

// MODEL_CORRUPT when it is no state file.
absl::StatusOr<StoreState> ParseStoreState(std::string_view json);
std::string StoreStateToJson(const StoreState& state);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_STORE_STATE_H_

// What belongs to an installed model beside its own file, checked against it and written into its
// manifest. Blocking: files are read. The store is only looked at.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MODEL_PARTS_H_
#define INTELLIGENCED_RUNTIME_MODELS_MODEL_PARTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "runtime/models/installer.h"
#include "runtime/models/manifest.h"
#include "runtime/models/model_store.h"

namespace intelligenced {

// 0 for what is not there.
uint64_t FileBytes(const std::string& path);

// MODEL_BUSY.
absl::Status FunctionThereError(std::string_view name);

// An adapter. MODEL_BUSY (a function of that name is there), MODEL_CORRUPT (no GGUF), FIELD_INVALID
// (the file is no adapter, or one for another model).
absl::Status AddFunction(const ModelStore& store, const NewFunction& function, Manifest& manifest);

// Errors of AddProjectorTo().
absl::Status AddProjector(const ModelStore& store, const std::string& sha256, Manifest& manifest);

// A language model's own header says best what it is, and whether it is whole; models of other
// engines stay as they are. MODEL_CORRUPT.
absl::Status CompleteFromFiles(const ModelStore& store, Manifest& manifest);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MODEL_PARTS_H_

#include "runtime/models/model_parts.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/models/gguf_metadata.h"
#include "runtime/models/model_file.h"

namespace intelligenced {

uint64_t FileBytes(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

absl::Status FunctionThereError(std::string_view name) {
  return MakeError(Reason::kModelBusy,
                   absl::StrCat("The model has a function ", name,
                                " already. Remove it first, or choose another name."),
                   {.metadata = {{"function", std::string(name)}}, .retry_delay = {}, .field = {}});
}

absl::Status AddFunction(const ModelStore& store, const NewFunction& function, Manifest& manifest) {
  if (manifest.FindFunction(function.name) != nullptr) return FunctionThereError(function.name);
  ManifestFile file;
  file.role = kAdapterRole;
  file.name = absl::StrCat(function.name, ".adapter.gguf");
  file.sha256 = function.sha256;
  absl::StatusOr<std::string> path = store.PathOf(file);
  if (!path.ok()) return path.status();
  file.size_bytes = FileBytes(*path);
  const absl::StatusOr<GgufMetadata> adapter = ReadGgufFile(*path);
  if (!adapter.ok()) return adapter.status();
  const auto base = std::find_if(manifest.files.begin(), manifest.files.end(),
                                 [](const ManifestFile& other) { return other.role == "model"; });
  if (manifest.engine != "llama" || base == manifest.files.end()) {
    return FieldError("function", "Only language models in GGUF files have functions.");
  }
  path = store.PathOf(*base);
  if (!path.ok()) return path.status();
  const absl::StatusOr<GgufMetadata> metadata = ReadGgufFile(*path);
  if (!metadata.ok()) return metadata.status();
  if (absl::Status status = CheckAdapter(*adapter, *metadata); !status.ok()) return status;
  manifest.files.push_back(std::move(file));
  manifest.functions.push_back({.name = function.name,
                                .file = manifest.files.back().name,
                                .scale = function.scale,
                                .capabilities = function.capabilities});
  return absl::OkStatus();
}

absl::Status AddProjector(const ModelStore& store, const std::string& sha256, Manifest& manifest) {
  ManifestFile file;
  file.role = kProjectorRole;
  file.name = "projector.gguf";
  file.sha256 = sha256;
  absl::StatusOr<std::string> path = store.PathOf(file);
  if (!path.ok()) return path.status();
  file.size_bytes = FileBytes(*path);
  const absl::StatusOr<std::string> base = store.PathOf(manifest.files.front());
  if (!base.ok()) return base.status();
  return AddProjectorTo(manifest, *base, *path, std::move(file));
}

absl::Status CompleteFromFiles(const ModelStore& store, Manifest& manifest) {
  if (manifest.engine != "llama") return absl::OkStatus();
  for (const ManifestFile& file : manifest.files) {
    if (file.role != "model") continue;
    absl::StatusOr<std::string> path = store.PathOf(file);
    if (!path.ok()) return path.status();
    absl::StatusOr<GgufMetadata> metadata = ReadGgufFile(*path);
    if (!metadata.ok()) return metadata.status();
    absl::StatusOr<Manifest> own = ManifestFromGguf(*metadata, file);
    if (!own.ok()) return own.status();
    manifest.family = own->family;
    manifest.capabilities = own->capabilities;
    const bool sees = absl::c_any_of(
        manifest.files, [](const ManifestFile& other) { return other.role == kProjectorRole; });
    if (sees && metadata->has_chat_template) {
      manifest.capabilities.push_back(kDescribeImageCapability);
    }
    if (manifest.description.empty()) manifest.description = own->description;
    if (manifest.license.empty()) manifest.license = own->license;
    if (manifest.rank == 0) manifest.rank = own->rank;
  }
  return absl::OkStatus();
}

}  // namespace intelligenced

// Manifests, catalogues and the store's state file come from disks and networks. What is accepted
// must be safe to use as parts of paths, and must read the same after it was written.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "runtime/models/manifest.h"
#include "runtime/models/store_state.h"

namespace intelligenced {
namespace {

void CheckSafe(const Manifest& manifest) {
  if (!IsValidModelName(manifest.name) || manifest.engine.empty()) abort();
  // Both become parts of paths.
  if (absl::StrContains(manifest.name, '/') || absl::StrContains(manifest.engine, '/') ||
      absl::StrContains(manifest.engine, '.')) {
    abort();
  }
  for (const ManifestFile& file : manifest.files) {
    if (absl::StrContains(file.name, '/') || file.name == ".." || file.name.empty()) abort();
    if (!file.path.empty() && (!manifest.built_in || absl::StrContains(file.path, "/../"))) abort();
    if (!file.sha256.empty() && file.sha256.size() != 64) abort();
  }
}

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (ManifestPlace place : {ManifestPlace::kAnywhere, ManifestPlace::kInstalled,
                              ManifestPlace::kBuiltIn, ManifestPlace::kCatalogue}) {
    const auto manifest = ParseManifest(text, place);
    if (!manifest.ok()) continue;
    CheckSafe(*manifest);
    const std::string json = ManifestToJson(*manifest);
    const auto again = ParseManifest(json, place);
    if (!again.ok() || ManifestToJson(*again) != json) abort();
  }
  std::vector<std::string> problems;
  if (const auto models = ParseCatalogue(text, &problems); models.ok()) {
    for (const Manifest& manifest : *models) CheckSafe(manifest);
  }
  if (const auto state = ParseStoreState(text); state.ok()) {
    const std::string json = StoreStateToJson(*state);
    const auto again = ParseStoreState(json);
    if (!again.ok() || StoreStateToJson(*again) != json) abort();
  }
  return 0;
}

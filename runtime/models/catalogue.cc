#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/models/installer.h"

namespace intelligenced {
namespace {

constexpr uint64_t kMaxCatalogueBytes = uint64_t{16} << 20;

}  // namespace

Catalogue Catalogue::Load(const std::vector<std::string>& directories,
                          std::vector<std::string>* problems) {
  std::vector<std::string> ignored;
  std::vector<std::string>& told = problems != nullptr ? *problems : ignored;
  Catalogue catalogue;
  for (const std::string& directory : directories) {
    std::vector<std::string> paths;
    std::error_code error;
    std::filesystem::directory_iterator it(directory, error);
    for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
      const std::string path = it->path().string();
      if (absl::EndsWith(path, ".json")) paths.push_back(path);
    }
    if (error) {
      told.push_back(
          absl::StrCat("The catalogue ", directory, " cannot be read: ", error.message()));
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      const absl::StatusOr<std::string> json = ReadFile(path, kMaxCatalogueBytes);
      std::vector<std::string> wrong;
      auto models = json.ok() ? ParseCatalogue(*json, &wrong) : json.status();
      for (const std::string& what : wrong) told.push_back(absl::StrCat(path, ": ", what));
      if (!models.ok()) {
        told.push_back(absl::StrCat(path, ": ", models.status().message()));
        continue;
      }
      for (Manifest& manifest : *models) {
        if (catalogue.Find(manifest.name) != nullptr) {
          told.push_back(absl::StrCat(path, ": there is another entry named ", manifest.name,
                                      "; this one is left out."));
        } else {
          catalogue.models_.push_back(std::move(manifest));
        }
      }
    }
  }
  std::sort(catalogue.models_.begin(), catalogue.models_.end(),
            [](const Manifest& a, const Manifest& b) { return a.name < b.name; });
  return catalogue;
}

const Manifest* Catalogue::Find(std::string_view name) const {
  const auto found = std::find_if(models_.begin(), models_.end(),
                                  [name](const Manifest& model) { return model.name == name; });
  return found == models_.end() ? nullptr : &*found;
}

const Manifest* Catalogue::FindCapable(std::string_view capability) const {
  const Manifest* best = nullptr;
  for (const Manifest& model : models_) {
    if (model.HasCapability(capability) && (best == nullptr || model.rank > best->rank)) {
      best = &model;
    }
  }
  return best;
}

}  // namespace intelligenced

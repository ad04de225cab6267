#include "runtime/models/built_in_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/engine/translation_modes.h"

namespace intelligenced {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{4} << 20;

// A model that other packages of the system provide can do what they do: a capability for each
// language pair in the folder that a file of this role names.
void Discover(BuiltInModel& model) {
  for (const ManifestFile& file : model.manifest.files) {
    if (file.role != kTranslationModesRole) continue;
    model.discovered_in.emplace_back(file.path, FolderStamp(file.path));
    const std::vector<TranslationMode> modes = ListTranslationModes(file.path);
    if (modes.empty()) model.is_there = false;
    for (const TranslationMode& mode : modes) {
      model.manifest.capabilities.push_back(
          absl::StrCat("translate:", mode.source, ">", mode.target));
    }
  }
}

}  // namespace

std::vector<std::string> ListFolder(const std::string& directory, std::error_code& error) {
  std::vector<std::string> names;
  fs::directory_iterator it(directory, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<BuiltInModel> ReadBuiltInModels(const std::string& directory,
                                            std::vector<std::string>* problems) {
  std::vector<BuiltInModel> models;
  std::error_code error;
  const std::vector<std::string> names = ListFolder(directory, error);
  if (error) {
    problems->push_back(
        absl::StrCat("The built-in models in ", directory, " cannot be read: ", error.message()));
  }
  for (const std::string& name : names) {
    std::string path = directory + "/" + name;
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      path += "/model.json";
      if (!fs::exists(path, ignored)) continue;
    } else if (!absl::EndsWith(name, ".json")) {
      continue;
    }
    auto json = ReadFile(path, kMaxJsonBytes);
    auto manifest = json.ok() ? ParseManifest(*json, ManifestPlace::kBuiltIn) : json.status();
    if (!manifest.ok()) {
      problems->push_back(absl::StrCat(path, ": ", manifest.status().message()));
      continue;
    }
    BuiltInModel& model = models.emplace_back();
    model.manifest = *std::move(manifest);
    model.path = std::move(path);
    Discover(model);
  }
  return models;
}

std::string FolderStamp(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return "";
#ifdef __APPLE__
  const timespec& time = info.st_mtimespec;
#else
  const timespec& time = info.st_mtim;
#endif
  return absl::StrCat(time.tv_sec, ".", time.tv_nsec);
}

}  // namespace intelligenced

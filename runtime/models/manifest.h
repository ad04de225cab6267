// What is known of a model before it is loaded: the content of its model.json.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligenced {

struct ManifestFile {
  // What the engine takes it for: "model", "dictionary", "affixes", …
  std::string role;
  // Base name only, for a person; never used as a path.
  std::string name;
  uint64_t size_bytes = 0;
  // 64 lower-case hex digits: the name of the blob. Built-in models may have an absolute `path`
  // to a file of the system instead (never in an installed manifest).
  std::string sha256;
  std::string path;
  // Where it can be downloaded (catalogue entries).
  std::string url;
};

struct Manifest {
  std::string name;     // see IsValidModelName
  std::string version;  // free text
  std::string title;
  std::string description;
  std::string engine;  // worker-<engine>
  std::string family;
  std::string license;  // SPDX expression, or what the origin says
  std::string origin;   // an address, "built-in" or "imported"
  std::vector<std::string> capabilities;
  // Engine parameters, documented by each engine.
  std::map<std::string, std::string> parameters;
  std::vector<ManifestFile> files;
  // Preference among models of one capability: higher first. Built-in rules have 0.
  int rank = 0;
  // Not downloaded, cannot be removed.
  bool built_in = false;

  bool HasCapability(std::string_view capability) const;
  uint64_t size_bytes() const;
};

// 1 to 63 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit.
bool IsValidModelName(std::string_view name);

// Takes "models/x" or "x". FIELD_INVALID for `field` when it is no valid name.
absl::StatusOr<std::string> ParseModelName(std::string_view field, std::string_view name);

// Strict: wrong types, unknown engines' names are fine, but bad names, hashes that are no hashes,
// paths where none may be, more than 64 files, 256 capabilities or 1 MiB of JSON are MODEL_CORRUPT
// with what is wrong and where.
absl::StatusOr<Manifest> ParseManifest(std::string_view json);
std::string ManifestToJson(const Manifest& manifest);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MANIFEST_H_

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

// The role of a function's file.
inline constexpr char kAdapterRole[] = "adapter";
// Of the file that a language model sees pictures with, and what it can do then.
inline constexpr char kProjectorRole[] = "projector";
inline constexpr char kDescribeImageCapability[] = "language.describe-image";

// Running a network on tensors as they are. Every model of the engine "onnx" is capable of it,
// whether its manifest lists it or not.
inline constexpr char kTensorCapability[] = "tensor.run";

struct ManifestFile {
  // What the engine takes it for: "model", "adapter", "dictionary", "affixes", …
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

// Another function of the same weights: an adapter on the base, chosen per request.
struct ManifestFunction {
  std::string name;  // as IsValidModelName; unique within the model
  std::string file;  // name of the file with the role "adapter"
  // How strongly the adapter changes the weights; 1 is what it was trained for.
  double scale = 1;
  // What it serves by itself; may be empty: then it serves who asks for it by name.
  std::vector<std::string> capabilities;

  bool HasCapability(std::string_view capability) const;
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
  std::vector<ManifestFunction> functions;
  // Preference among models of one capability: higher first. Built-in rules have 0.
  int rank = 0;
  // Not downloaded, cannot be removed.
  bool built_in = false;

  // Which function is to serve a request; empty: the base. Set by Runtime::FindModel in what it
  // returns, never stored.
  std::string function;

  // By itself or by one of its functions. What the capabilities of models that translate among many
  // languages mean stands in runtime/models/translation_capability.h.
  bool HasCapability(std::string_view capability) const;
  bool BaseHasCapability(std::string_view capability) const;
  // The first function that has the capability. Null: none.
  const ManifestFunction* FunctionFor(std::string_view capability) const;
  const ManifestFunction* FindFunction(std::string_view name) const;
  uint64_t size_bytes() const;
};

// A model, or one of its functions, as requests name it.
struct ModelReference {
  std::string model;
  std::string function;  // empty: none was named
};

// 1 to 63 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit.
bool IsValidModelName(std::string_view name);

// Takes "models/x" or "x". FIELD_INVALID for `field` when it is no valid name.
absl::StatusOr<std::string> ParseModelName(std::string_view field, std::string_view name);

// Takes "models/x", "x", "models/x/functions/f" and "x/f". FIELD_INVALID as above.
absl::StatusOr<ModelReference> ParseModelReference(std::string_view field, std::string_view name);

// Where a manifest comes from: what it may leave out and what it may say.
enum class ManifestPlace {
  // Everything that is legal in one of the others.
  kAnywhere,
  // In the store: every file has its hash and size; no path, not built in.
  kInstalled,
  // Comes with the system: `built_in` is implied, files may be paths.
  kBuiltIn,
  // Can be downloaded: every file has an address; the hash may be missing where the hub states it.
  kCatalogue,
};

// Strict: wrong types, unknown keys, bad names, hashes that are no hashes, paths where none may be,
// functions without their adapter, more than 64 files or functions, 256 capabilities or 1 MiB of
// JSON are MODEL_CORRUPT with what is wrong and where. An engine that is not known here is fine.
absl::StatusOr<Manifest> ParseManifest(std::string_view json,
                                       ManifestPlace place = ManifestPlace::kAnywhere);

// The manifests of a catalogue file:
//   {"hubs": {"hf": "https://…"}, "models": [manifest, …]}
// An address "hf://owner/repository/path/file[@revision]" becomes
// "<hub>/owner/repository/resolve/<revision or main>/path/file". Entries that are wrong are left
// out and told in `problems`. MODEL_CORRUPT when the file as a whole is no catalogue.
absl::StatusOr<std::vector<Manifest>> ParseCatalogue(std::string_view json,
                                                     std::vector<std::string>* problems);
std::string ManifestToJson(const Manifest& manifest);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MANIFEST_H_

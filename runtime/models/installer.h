// Gets models: from the catalogue or an address, or from bytes that a client sends.
#ifndef INTELLIGENCED_RUNTIME_MODELS_INSTALLER_H_
#define INTELLIGENCED_RUNTIME_MODELS_INSTALLER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/models/downloader.h"
#include "runtime/models/manifest.h"
#include "runtime/models/model_store.h"

namespace intelligenced {

struct InstallProgress {
  enum class Phase { kDownloading, kVerifying } phase = Phase::kDownloading;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;  // 0: not known
  double bytes_per_second = 0;
};

// The published models that can be installed by name: manifests with addresses, sizes and hashes,
// read from the *.json files of folders (ParseCatalogue). Sorted by name. Immutable after loading.
class Catalogue {
 public:
  // Files that do not parse are left out and told in `problems`.
  static Catalogue Load(const std::vector<std::string>& directories,
                        std::vector<std::string>* problems);
  const std::vector<Manifest>& models() const { return models_; }
  const Manifest* Find(std::string_view name) const;
  // The one of the highest rank (then the first by name) that has the capability.
  const Manifest* FindCapable(std::string_view capability) const;

 private:
  std::vector<Manifest> models_;
};

// A function to be added to a model: its adapter is a blob already.
struct NewFunction {
  std::string name;
  std::string sha256;
  double scale = 1;
  std::vector<std::string> capabilities;
};

// What is said of a model whose file is a blob already, and what comes with it.
struct NewModel {
  std::string origin = {};   // an address, "imported"
  std::string license = {};  // empty: the file's own
  // What a network is; empty: what its inputs and outputs tell.
  std::string family = {};
  std::vector<NewFunction> functions = {};
  // A blob through which a language model sees; empty: none.
  std::string projector_sha256 = {};
};

// A file of a model of several: a blob already, with its name in the model's folder ("config.json",
// "unet/model.onnx").
struct NewFile {
  std::string name;
  std::string sha256;
};

// Thread-safe. Blocking calls: run them off the service threads.
class Installer {
 public:
  using ProgressFunction = absl::AnyInvocable<void(const InstallProgress&)>;

  // `store` and `clock` must outlive it.
  Installer(ModelStore* store, const Clock* clock, DownloadOptions options = {},
            FileSystem* files = nullptr);
  ~Installer();

  // Fills in what a catalogue manifest leaves to the hub: hash and size of each file that has none,
  // as the hub states them now. For showing before an install; Install does the same by itself.
  // DOWNLOAD_FAILED, MODEL_CORRUPT (the hub states no hash).
  absl::StatusOr<Manifest> Resolve(Manifest manifest, CancelToken cancel) const;

  // Downloads what is missing of a catalogue manifest, resuming partial files, verifies and puts
  // it. Two installs of one model share one download. Errors as ModelService.InstallModel states.
  absl::Status Install(const Manifest& manifest, CancelToken cancel, ProgressFunction progress);

  // One file at an address with a known hash; the manifest is made from the file itself.
  absl::StatusOr<Manifest> InstallUrl(std::string_view name, std::string_view url,
                                      std::string_view sha256, CancelToken cancel,
                                      ProgressFunction progress);

  // After a file has become a blob: makes the manifest (ManifestFromModelFile), puts it. `name`
  // must be free. With functions all or nothing is installed; errors as for AddFunctions.
  // FIELD_INVALID also when the projector does not fit. Takes over the caller's hold on the blobs.
  absl::StatusOr<Manifest> PutBlobAsModel(std::string_view name, std::string_view sha256,
                                          const NewModel& model);

  // The same for a model of several files (runtime/models/export_manifest.h). Files that it does
  // not need are let go. Errors of ManifestFromExport; MODEL_BUSY.
  absl::StatusOr<Manifest> PutBlobsAsModel(std::string_view name, const std::vector<NewFile>& files,
                                           std::string_view origin, std::string_view license);

  // Adds functions to an installed model. A resident copy does not know them before it is loaded
  // again. MODEL_NOT_FOUND; MODEL_BUSY (a function of that name is there, or the model is built
  // in); MODEL_CORRUPT (no GGUF); FIELD_INVALID (the file is no adapter, or one for another model).
  // In all cases the hold on the adapters' blobs is given up or has become the manifest's.
  absl::StatusOr<Manifest> AddFunctions(std::string_view name,
                                        const std::vector<NewFunction>& functions);

  // Takes a function from a model. MODEL_NOT_FOUND, MODEL_BUSY as above.
  absl::StatusOr<Manifest> RemoveFunction(std::string_view name, std::string_view function);

  // Names of models being downloaded now.
  std::vector<std::string> InProgress() const;

 private:
  class Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_INSTALLER_H_

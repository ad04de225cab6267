// The models on disk: content-addressed blobs and small manifests.
//
//   <root>/blobs/sha256-<hex>         one file, immutable, shared by all manifests that name it
//   <root>/manifests/<name>.json      written last, renamed into place: a model exists when it does
//   <root>/partial/…                  downloads and imports under way; kept for resuming
//   <root>/state.json                 pins, keep_alive, defaults, measured footprints
//
// Nothing is ever half there: files are written under partial/, checked, synced and renamed.
// Opening a store sweeps what a crash left behind. Thread-safe.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MODEL_STORE_H_
#define INTELLIGENCED_RUNTIME_MODELS_MODEL_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/file.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// What is remembered of a model beside its manifest.
struct ModelRecord {
  bool pinned = false;
  std::optional<absl::Duration> keep_alive;
  // Measured the last time it was loaded. 0: never.
  uint64_t resident_bytes = 0;
  uint64_t peak_bytes = 0;
  absl::Duration load_time;

  bool operator==(const ModelRecord&) const = default;
};

// A file being brought in, in pieces. Not thread-safe. Destroying it before Commit discards it.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // DISK_FULL (metadata needed_bytes, available_bytes) or another error; nothing is kept then.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Syncs, checks size and hash (MODEL_CORRUPT), and makes it a blob. Returns the hash.
  virtual absl::StatusOr<std::string> Commit() = 0;
};

class ModelStore {
 public:
  struct Options {
    std::string root;
    // Folders with manifests of built-in models (model.json files, *.json), read-only. A file of
    // the role "apertium-modes" is a folder of Apertium's: the language pairs in it become
    // capabilities ("translate:en>es"); where there are none, the model is left out.
    std::vector<std::string> built_in_directories;
    // Null: the system's own. Must outlive the store (tests make disks full with it).
    FileSystem* file_system = nullptr;
  };
  // Creates the folders. Fails with words when a folder cannot be used, or when another process
  // has the store open.
  static absl::StatusOr<std::unique_ptr<ModelStore>> Open(Options options);
  virtual ~ModelStore() = default;

  // Sorted by name; installed and built-in. An installed manifest that does not parse is left out
  // and told by Problems().
  virtual std::vector<Manifest> List() const = 0;
  // MODEL_NOT_FOUND.
  virtual absl::StatusOr<Manifest> Get(std::string_view name) const = 0;
  // Where a manifest's file lies; MODEL_CORRUPT when the blob is gone or has another size.
  virtual absl::StatusOr<std::string> PathOf(const ManifestFile& file) const = 0;
  virtual std::vector<std::string> Problems() const = 0;
  // Looks again at the folders that the system's packages fill, where they have changed: a language
  // pair that was installed or removed since. True when a model has come, gone or changed. Cheap
  // where nothing has changed.
  virtual bool RefreshBuiltIn() { return false; }

  // A new blob of exactly size_bytes whose hash must be `sha256` (empty: any).
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> NewBlob(uint64_t size_bytes,
                                                              std::string_view sha256) = 0;
  virtual bool HasBlob(std::string_view sha256) const = 0;
  // A blob that came by NewBlob or AdoptPartial stays until Put() names it or ReleaseBlob() gives
  // it up. KeepBlob asks the same for one that is there already; false when it is not.
  virtual bool KeepBlob(std::string_view sha256) { return HasBlob(sha256); }
  // Removes the blob unless a manifest names it or somebody else keeps it.
  virtual void ReleaseBlob(std::string_view sha256) { static_cast<void>(sha256); }
  // The resumable partial file of a download; see Installer.
  virtual std::string PartialPath(std::string_view sha256) const = 0;
  // DISK_FULL when the store's file system has less room than that.
  virtual absl::Status CheckRoom(uint64_t bytes) const {
    static_cast<void>(bytes);
    return absl::OkStatus();
  }
  // Verifies the partial file and makes it a blob. MODEL_CORRUPT removes it. `progress` gets the
  // bytes hashed so far.
  virtual absl::Status AdoptPartial(std::string_view sha256, CancelToken cancel,
                                    absl::AnyInvocable<void(uint64_t)> progress) = 0;

  // Installs: every file must be a blob. MODEL_BUSY when the name is taken.
  virtual absl::Status Put(const Manifest& manifest) = 0;
  // Changes the manifest of an installed model in one step: nobody sees half of it, and nobody
  // else's change is lost. `change` may not rename it; files it adds must be blobs (the caller's
  // hold on them stays the caller's), and blobs that nobody names afterwards go. It must not call
  // the store. MODEL_NOT_FOUND, MODEL_BUSY (built
  // in), what `change` returns, and what makes the new manifest invalid.
  virtual absl::StatusOr<Manifest> Change(std::string_view name,
                                          absl::FunctionRef<absl::Status(Manifest&)> change) {
    static_cast<void>(name);
    static_cast<void>(change);
    return absl::UnimplementedError("this store cannot change manifests");
  }
  // Removes the manifest and the blobs that no other manifest names. Returns the bytes freed.
  virtual absl::StatusOr<uint64_t> Remove(std::string_view name) = 0;

  virtual ModelRecord Record(std::string_view name) const = 0;
  virtual absl::Status SetRecord(std::string_view name, const ModelRecord& record) = 0;
  // Changes a record without losing what another thread changes at the same time; writes nothing
  // when nothing changes. `change` must be quick and must not call the store.
  virtual absl::Status UpdateRecord(std::string_view name,
                                    absl::FunctionRef<void(ModelRecord&)> change) {
    ModelRecord record = Record(name);
    change(record);
    return SetRecord(name, record);
  }

  // Capability → model, chosen by the user.
  virtual std::map<std::string, std::string> Defaults() const = 0;
  virtual absl::Status SetDefault(std::string_view capability, std::string_view model) = 0;
  virtual absl::Status ClearDefault(std::string_view capability) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MODEL_STORE_H_

// The blobs of a store and the files on their way to become blobs. Part of the store
// (model_store.h); knows nothing of manifests.
#ifndef INTELLIGENCED_RUNTIME_MODELS_BLOB_FOLDER_H_
#define INTELLIGENCED_RUNTIME_MODELS_BLOB_FOLDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "runtime/base/cancel.h"
#include "runtime/base/file.h"
#include "runtime/models/model_store.h"

namespace intelligenced {

// Thread-safe. Errors as in model_store.h.
class BlobFolder {
 public:
  // `files` must outlive it.
  BlobFolder(std::string root, FileSystem* files) : root_(std::move(root)), files_(files) {}

  std::string BlobPath(std::string_view sha256) const;
  std::string PartialPath(std::string_view sha256) const;
  bool Has(std::string_view sha256) const;

  absl::StatusOr<std::unique_ptr<BlobWriter>> NewBlob(uint64_t size_bytes, std::string_view sha256);
  absl::Status AdoptPartial(std::string_view sha256, const CancelToken& cancel,
                            absl::AnyInvocable<void(uint64_t)> progress);
  // DISK_FULL when there is less room than that.
  absl::Status CheckRoom(uint64_t bytes) const;

  // A kept blob is not removed. Keep fails when there is no such blob.
  bool Keep(std::string_view sha256);
  // True when nobody keeps it any more.
  bool Release(std::string_view sha256);
  // Returns the bytes freed: 0 when the blob is named or kept.
  uint64_t RemoveUnlessKept(std::string_view sha256, const std::set<std::string>& named);

  // After a crash: imports that never ended and, if asked, blobs that nothing names. Partial
  // downloads stay for resuming.
  void Sweep(const std::set<std::string>& named, bool remove_orphans);

 private:
  class Writer;
  // Renames a finished and synced file into place and keeps the blob.
  absl::Status MakeBlob(const std::string& path, std::string_view sha256);

  const std::string root_;
  FileSystem* const files_;
  mutable absl::Mutex mutex_;
  std::map<std::string, int, std::less<>> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_BLOB_FOLDER_H_

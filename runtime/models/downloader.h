// One file over HTTP: bounded, resumable, cancellable. The policy of what may be fetched is here
// and nowhere else: https only (http to the loopback addresses), no credentials, at most five
// redirects, each checked by the same rules, and never from the network to this machine.
#ifndef INTELLIGENCED_RUNTIME_MODELS_DOWNLOADER_H_
#define INTELLIGENCED_RUNTIME_MODELS_DOWNLOADER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/file.h"

namespace intelligenced {

struct DownloadOptions {
  absl::Duration connect_timeout = absl::Seconds(30);
  // Given up when fewer bytes a second than that came for that long (whole seconds).
  int64_t low_speed_bytes = 1024;
  absl::Duration low_speed_time = absl::Seconds(30);
};

struct DownloadRequest {
  std::string url;
  // The file may be there in part and is continued then; "<path>.etag" remembers what of.
  std::string path;
  // 0: not known, the server must say it. Otherwise another size is MODEL_CORRUPT.
  uint64_t size_bytes = 0;
  // Asked before more bytes are written: DISK_FULL when so many have no room.
  std::function<absl::Status(uint64_t)> check_room;
  // Bytes of the file so far, and its size or 0. Called on the downloading thread.
  std::function<void(uint64_t, uint64_t)> progress;
  CancelToken cancel;
};

// What a hub says of a file before it is fetched.
struct RemoteFile {
  std::string sha256;
  uint64_t size_bytes = 0;
};

// FIELD_INVALID for `field` when the address may not be fetched from.
absl::Status CheckDownloadUrl(std::string_view field, std::string_view url);

// Thread-safe; every call does its own transfer on the calling thread. Errors: FIELD_INVALID (the
// address), DOWNLOAD_FAILED (worth trying again, what came is kept), MODEL_CORRUPT (another size:
// discarded), DISK_FULL (discarded), CANCELLED (kept).
class Downloader {
 public:
  // `files` must outlive it.
  Downloader(DownloadOptions options, FileSystem* files);

  absl::Status Download(const DownloadRequest& request) const;

  // Asks a hub for the hash and size of a large file: from the headers X-Linked-Etag and
  // X-Linked-Size of its answer or, where there are none, from the Git LFS pointer that it gives
  // under ".../raw/..." in place of ".../resolve/...". MODEL_CORRUPT when the hub states no
  // SHA-256.
  absl::StatusOr<RemoteFile> AskHub(const std::string& url, const CancelToken& cancel) const;

 private:
  const DownloadOptions options_;
  FileSystem* const files_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_DOWNLOADER_H_

// Files: reading with a bound, and writing so that a crash leaves the old content or the new one,
// never something between.
//
// Errors: NOT_FOUND (no such file), DISK_FULL (no room), INTERNAL for the rest, with the path and
// the system's own words. Thread-safe.
#ifndef INTELLIGENCED_RUNTIME_BASE_FILE_H_
#define INTELLIGENCED_RUNTIME_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligenced {

// The system calls that can fail when a disk is full or breaks, so that tests can make them fail.
// Return values and errno are those of the calls.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual ssize_t Write(int fd, const void* data, size_t size);
  // Reaches the disk itself, not only its cache, where the system can tell.
  virtual int Sync(int fd);
  virtual int Rename(const char* from, const char* to);
  // What an unprivileged process may still write in the file system of `directory`.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& directory);
};

// `action` as in "cannot write": a sentence is made of it, the path and the error.
absl::Status FileError(int error_number, std::string_view action, std::string_view path);

// The whole of a regular file. INPUT_TOO_LARGE when it has more than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes);

// Writes all of `bytes` at the descriptor's position. `path` is for the message only.
absl::Status WriteAll(FileSystem& files, int fd, std::string_view bytes, std::string_view path);

// Writes "<path>.tmp", syncs it, renames it to `path` and syncs the folder. On failure `path` is as
// it was and nothing else is left. Not for two writers of one path at once.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 std::string_view content, mode_t mode = 0644);

// Makes a rename, creation or removal in the folder last.
absl::Status SyncDirectory(FileSystem& files, const std::string& directory);

// Creates the folder and those above it. Fails when something else has that name.
absl::Status CreateDirectories(const std::string& directory, mode_t mode = 0755);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_FILE_H_

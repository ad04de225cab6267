#include "runtime/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

ssize_t FileSystem::Write(int fd, const void* data, size_t size) { return ::write(fd, data, size); }

int FileSystem::Sync(int fd) {
#ifdef __APPLE__
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  return ::fsync(fd);
}

int FileSystem::Rename(const char* from, const char* to) { return ::rename(from, to); }

absl::StatusOr<uint64_t> FileSystem::FreeBytes(const std::string& directory) {
  struct statvfs info;
  if (::statvfs(directory.c_str(), &info) != 0) {
    return FileError(errno, "cannot tell the free space of", directory);
  }
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

absl::Status FileError(int error_number, std::string_view action, std::string_view path) {
  const std::string message = absl::StrCat(action, " ", path, ": ", std::strerror(error_number));
  switch (error_number) {
    case ENOENT:
      return absl::NotFoundError(message);
    case ENOSPC:
    case EDQUOT:
      return MakeError(Reason::kDiskFull, message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) {
  // O_NONBLOCK: a FIFO in the place of a file must not hang the caller.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return FileError(errno, "cannot open", path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return FileError(errno, "cannot read", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InternalError(absl::StrCat("cannot read ", path, ": not a regular file"));
  }
  std::string content;
  content.reserve(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), max_bytes));
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "cannot read", path);
    if (got == 0) return content;
    if (content.size() + static_cast<uint64_t>(got) > max_bytes) {
      return MakeError(
          Reason::kInputTooLarge, absl::StrCat(path, " has more than ", max_bytes, " bytes"),
          {.metadata = {{"limit_bytes", absl::StrCat(max_bytes)}}, .retry_delay = {}, .field = {}});
    }
    content.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status WriteAll(FileSystem& files, int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t put = files.Write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    // A write of nothing without an error would loop for ever; file systems give it when full.
    if (put <= 0) return FileError(put < 0 ? errno : ENOSPC, "cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 std::string_view content, mode_t mode) {
  const std::string temporary = path + ".tmp";
  UniqueFd file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file.valid()) return FileError(errno, "cannot create", temporary);
  absl::Status status = WriteAll(files, file.get(), content, temporary);
  if (status.ok() && files.Sync(file.get()) != 0) {
    status = FileError(errno, "cannot sync", temporary);
  }
  file.reset();
  if (status.ok() && files.Rename(temporary.c_str(), path.c_str()) != 0) {
    status = FileError(errno, "cannot replace", path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return SyncDirectory(files, directory);
}

absl::Status SyncDirectory(FileSystem& files, const std::string& directory) {
  UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return FileError(errno, "cannot open", directory);
  // Some file systems cannot sync a folder and say EINVAL; there is nothing more to do then.
  if (files.Sync(folder.get()) != 0 && errno != EINVAL) {
    return FileError(errno, "cannot sync", directory);
  }
  return absl::OkStatus();
}

absl::Status CreateDirectories(const std::string& directory, mode_t mode) {
  for (size_t end = directory.find('/', 1); end != std::string::npos;
       end = directory.find('/', end + 1)) {
    // Failures show at the last part.
    ::mkdir(directory.substr(0, end).c_str(), mode);
  }
  if (::mkdir(directory.c_str(), mode) == 0) return absl::OkStatus();
  const int error_number = errno;
  struct stat info;
  if (error_number == EEXIST && ::stat(directory.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  return FileError(error_number == EEXIST ? ENOTDIR : error_number, "cannot create", directory);
}

}  // namespace intelligenced

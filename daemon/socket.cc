#include "daemon/socket.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

constexpr int kBacklog = 512;

std::string Error(int error) { return strerror(error); }

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status MakeFolder(const std::string& folder, mode_t mode) {
  struct stat info;
  if (stat(folder.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder, " is in the way: the socket's folder must be there."));
    }
    return absl::OkStatus();
  }
  if (folder != "/") {
    if (absl::Status status = MakeFolder(ParentOf(folder), mode); !status.ok()) return status;
  }
  if (mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) {
    return absl::FailedPreconditionError(
        absl::StrCat("The socket's folder ", folder, " cannot be made: ", Error(errno),
                     ". Make it, or name another socket with --socket."));
  }
  return absl::OkStatus();
}

// The folder is the first barrier: whoever can write to it can put another socket there.
absl::Status CheckFolder(const std::string& folder) {
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The socket's folder ", folder, " cannot be read: ", Error(errno), "."));
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The socket's folder ", folder, " belongs to another user (", info.st_uid,
                     "). Remove it, or name another socket with --socket."));
  }
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return absl::FailedPreconditionError(absl::StrCat(
        "Other users may write to the socket's folder ", folder,
        ", so they could put their own socket there. Take that away: chmod go-w ", folder));
  }
  return absl::OkStatus();
}

absl::Status SetAddress(const std::string& path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("The socket's path must be absolute, and is '", path, "'."));
  }
  if (path.size() >= sizeof(address->sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("The socket's path has ", path.size(),
                                                   " bytes and the system allows ",
                                                   sizeof(address->sun_path) - 1, ": ", path));
  }
  memcpy(address->sun_path, path.data(), path.size());
  return absl::OkStatus();
}

// True when somebody answers at the path.
bool SomebodyListens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return false;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return true;
  // A full backlog means that somebody listens and is slow.
  return errno == EAGAIN || errno == EINPROGRESS;
}

absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is there and is no socket. Move it away, or name another socket with --socket."));
  }
  // The lock is ours, so this is no daemon of ours; but it may be another program's.
  if (SomebodyListens(address)) {
    return absl::AlreadyExistsError(
        absl::StrCat("Another program serves ", path, ". Name another socket with --socket."));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The stale socket ", path, " cannot be removed: ", Error(errno), "."));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> TakeLock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The lock ", lock_path, " cannot be made: ", Error(errno), "."));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    const std::string pid = absl::StrCat(getpid(), "\n");
    // Only for people who look into the file; the lock itself is what counts.
    if (ftruncate(fd, 0) == 0 && write(fd, pid.data(), pid.size()) < 0) errno = 0;
    return fd;
  }
  std::array<char, 32> text{};
  const ssize_t length = pread(fd, text.data(), text.size() - 1, 0);
  close(fd);
  std::string other(text.data(), length > 0 ? static_cast<size_t>(length) : 0);
  while (!other.empty() && other.back() == '\n') other.pop_back();
  return absl::AlreadyExistsError(absl::StrCat(
      "Another intelligenced", other.empty() ? "" : absl::StrCat(" (process ", other, ")"),
      " serves ", path, ". Use that one, or name another socket with --socket."));
}

absl::Status SetAccess(const std::string& path, mode_t mode, const std::string& group) {
  if (!group.empty()) {
    std::array<char, 4096> buffer;
    struct group entry;
    struct group* found = nullptr;
    getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("There is no group '", group, "' for the socket ([daemon] group)."));
    }
    if (chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "The socket ", path, " cannot be given to the group ", group, ": ", Error(errno), "."));
    }
  }
  if (chmod(path.c_str(), mode) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The mode of the socket ", path, " cannot be set: ", Error(errno), "."));
  }
  return absl::OkStatus();
}

}  // namespace

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  if (this == &other) return *this;
  Release();
  fd_ = std::exchange(other.fd_, -1);
  lock_fd_ = std::exchange(other.lock_fd_, -1);
  owned_ = std::exchange(other.owned_, false);
  path_ = std::move(other.path_);
  return *this;
}

void ListeningSocket::StopListening() {
  if (fd_ < 0) return;
  if (owned_) unlink(path_.c_str());
  close(std::exchange(fd_, -1));
}

void ListeningSocket::Release() {
  StopListening();
  // The lock file itself stays: removing it would let two daemons hold locks on two files.
  if (lock_fd_ >= 0) close(std::exchange(lock_fd_, -1));
}

absl::StatusOr<ListeningSocket> ListeningSocket::Open(const Options& options) {
  sockaddr_un address;
  if (absl::Status status = SetAddress(options.path, &address); !status.ok()) return status;
  const std::string folder = ParentOf(options.path);
  if (absl::Status status = MakeFolder(folder, options.system_wide ? 0755 : 0700); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckFolder(folder); !status.ok()) return status;

  ListeningSocket result;
  if (options.locked) {
    absl::StatusOr<int> lock = TakeLock(options.path);
    if (!lock.ok()) return lock.status();
    result.lock_fd_ = *lock;
  }
  if (absl::Status status = RemoveStale(options.path, address); !status.ok()) return status;

  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0)
    return absl::InternalError(absl::StrCat("No socket can be made: ", Error(errno), "."));
  absl::Cleanup close_fd = [fd] { close(fd); };
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  // Nobody may connect until the mode is what it shall be: the socket listens only after that.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The socket ", options.path, " cannot be made: ", Error(errno), "."));
  }
  const mode_t mode = options.mode.value_or(options.system_wide ? 0666 : 0600);
  absl::Status access = SetAccess(options.path, mode, options.group);
  if (access.ok() && listen(fd, kBacklog) != 0) {
    access = absl::InternalError(
        absl::StrCat("The socket ", options.path, " cannot be listened on: ", Error(errno), "."));
  }
  if (!access.ok()) {
    unlink(options.path.c_str());
    return access;
  }
  std::move(close_fd).Cancel();
  result.fd_ = fd;
  result.owned_ = true;
  result.path_ = options.path;
  return result;
}

absl::StatusOr<ListeningSocket> ListeningSocket::Adopt(int fd) {
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  int type = 0;
  int listening = 0;
  socklen_t option_length = sizeof(int);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      address.sun_family != AF_UNIX ||
      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &option_length) != 0 || type != SOCK_STREAM ||
      getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &option_length) != 0 ||
      listening == 0) {
    return absl::InvalidArgumentError(
        "The service manager passed a descriptor that is no listening Unix stream socket "
        "(ListenStream= with a path).");
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  ListeningSocket result;
  result.fd_ = fd;
  if (address.sun_path[0] != '\0') {
    result.path_.assign(address.sun_path, strnlen(address.sun_path, sizeof(address.sun_path)));
  }
  return result;
}

}  // namespace intelligenced

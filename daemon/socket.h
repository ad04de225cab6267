// The listening socket: made, found stale, or taken from the service manager.
#ifndef INTELLIGENCED_DAEMON_SOCKET_H_
#define INTELLIGENCED_DAEMON_SOCKET_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace intelligenced {

// A bound and listening Unix socket, non-blocking. One made here is removed from the file system
// when it stops listening, and a lock on a file beside it keeps a second daemon away until the
// object is gone. Movable.
class ListeningSocket {
 public:
  struct Options {
    std::string path;
    // The folder is for every user (0755) instead of this one (0700), and so is the socket.
    bool system_wide = false;
    std::optional<mode_t> mode;
    std::string group;
    // No lock of its own: another socket of this daemon in the same folder has one.
    bool locked = true;
  };

  // Makes the folder and the socket; replaces one that a dead daemon left. Errors, with words:
  //   ALREADY_EXISTS       another daemon serves this path
  //   FAILED_PRECONDITION  the folder cannot be used, is writable by others, or the path is taken
  //                        by something that is no socket
  //   INVALID_ARGUMENT     the path is too long or not absolute; the group does not exist
  static absl::StatusOr<ListeningSocket> Open(const Options& options);

  // Takes over a descriptor that the service manager bound. Nothing is removed at the end.
  static absl::StatusOr<ListeningSocket> Adopt(int fd);

  ListeningSocket(ListeningSocket&& other) noexcept { *this = std::move(other); }
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  ~ListeningSocket() { Release(); }

  // -1 after StopListening().
  int fd() const { return fd_; }
  // Empty when the service manager's socket has none.
  const std::string& path() const { return path_; }
  // A client that connects from now on is refused at once. The lock stays: the daemon is still
  // here.
  void StopListening();

 private:
  ListeningSocket() = default;
  void Release();

  int fd_ = -1;
  int lock_fd_ = -1;
  bool owned_ = false;
  std::string path_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_SOCKET_H_

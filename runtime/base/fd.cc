#include "runtime/base/fd.h"

#include <unistd.h>

#include <cerrno>

namespace intelligenced {

void UniqueFd::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int saved = errno;
  // Not repeated on EINTR: the descriptor is gone either way, and its number may be somebody
  // else's by now.
  close(old);
  errno = saved;
}

}  // namespace intelligenced

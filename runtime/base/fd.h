// An owned file descriptor.
#ifndef INTELLIGENCED_RUNTIME_BASE_FD_H_
#define INTELLIGENCED_RUNTIME_BASE_FD_H_

#include <utility>

namespace intelligenced {

// Closes its descriptor when it goes. Movable, not copyable. Not thread-safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  // -1 when empty.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor away without closing it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  // Closes the descriptor, if any, and takes `fd`. Keeps errno.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_FD_H_

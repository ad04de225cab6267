#include "runtime/base/passed_descriptors.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace intelligenced {
namespace {

#ifdef MSG_CMSG_CLOEXEC
constexpr int kCloseOnExec = MSG_CMSG_CLOEXEC;
#else
constexpr int kCloseOnExec = 0;
#endif

}  // namespace

ssize_t ReceiveWithDescriptors(int socket, void* data, size_t size, int flags,
                               std::vector<UniqueFd>* passed, bool* surplus) {
  iovec part = {data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPassedDescriptors * sizeof(int))];
  msghdr message = {};
  ssize_t received;
  do {
    message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    received = recvmsg(socket, &message, flags | kCloseOnExec);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return received;
  if ((message.msg_flags & MSG_CTRUNC) != 0) *surplus = true;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number;
      memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      UniqueFd descriptor(number);
      if (kCloseOnExec == 0) fcntl(number, F_SETFD, FD_CLOEXEC);
      passed->push_back(std::move(descriptor));
    }
  }
  return received;
}

}  // namespace intelligenced

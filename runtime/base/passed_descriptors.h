// Descriptors that come with the bytes of a Unix socket (SCM_RIGHTS).
#ifndef INTELLIGENCED_RUNTIME_BASE_PASSED_DESCRIPTORS_H_
#define INTELLIGENCED_RUNTIME_BASE_PASSED_DESCRIPTORS_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "runtime/base/fd.h"

namespace intelligenced {

// What one call receives; the system closes more.
inline constexpr size_t kMaxPassedDescriptors = 72;

// recvmsg() of at most `size` bytes, again when it is interrupted; returns what that returned, with
// errno. What was passed is added to `passed` and will be closed on exec; `surplus` becomes true
// when there was more. `flags`: beside those that this sets.
ssize_t ReceiveWithDescriptors(int socket, void* data, size_t size, int flags,
                               std::vector<UniqueFd>* passed, bool* surplus);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_PASSED_DESCRIPTORS_H_

// What a descriptor that somebody handed over is, and how its bytes become the daemon's to pass on.
#ifndef INTELLIGENCED_DAEMON_ATTACHMENT_INTAKE_H_
#define INTELLIGENCED_DAEMON_ATTACHMENT_INTAKE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "runtime/base/attachment.h"

namespace intelligenced {

struct OfferedFile {
  uint64_t size = 0;
  // A memory file that can no longer change: it goes on as it is. Else its bytes are copied once,
  // so that nobody can cut them short or change them while a worker looks.
  bool sealed = false;
};

// Reads nothing. Errors: FIELD_INVALID (no regular file, not open for reading, empty, or in a file
// system that another program or machine serves, which could keep the reader waiting for ever),
// INPUT_TOO_LARGE.
absl::StatusOr<OfferedFile> InspectDescriptor(int fd);

// The first `size` bytes of a file, wherever its own position is. Blocks for the disk. Errors:
// FIELD_INVALID (the file became shorter, or cannot be read), MEMORY_INSUFFICIENT.
absl::StatusOr<std::shared_ptr<const Attachment>> CopyFile(int fd, uint64_t size);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_ATTACHMENT_INTAKE_H_

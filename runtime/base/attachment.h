// Bytes that travel as a descriptor beside a message: from an app to the daemon, and on to a
// worker.
#ifndef INTELLIGENCED_RUNTIME_BASE_ATTACHMENT_H_
#define INTELLIGENCED_RUNTIME_BASE_ATTACHMENT_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory_file.h"

namespace intelligenced {

// A memory file that can no longer change. Immutable, thread-safe, shared: its descriptor is closed
// with the last owner.
class Attachment {
 public:
  // FIELD_INVALID for what is no sealed memory or holds nothing.
  static absl::StatusOr<std::shared_ptr<const Attachment>> Take(UniqueFd fd);
  // Into memory of its own. Errors: MEMORY_INSUFFICIENT; FIELD_INVALID for no bytes.
  static absl::StatusOr<std::shared_ptr<const Attachment>> Copy(std::string_view bytes);

  int descriptor() const { return fd_.get(); }
  size_t size() const { return size_; }
  // For reading; lives on its own. Errors: MEMORY_INSUFFICIENT.
  absl::StatusOr<SealedMapping> Map() const;

 private:
  Attachment(UniqueFd fd, size_t size) : fd_(std::move(fd)), size_(size) {}

  const UniqueFd fd_;
  const size_t size_;
};

// Those of one task, in the order in which the task names them.
using Attachments = std::vector<std::shared_ptr<const Attachment>>;

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_ATTACHMENT_H_

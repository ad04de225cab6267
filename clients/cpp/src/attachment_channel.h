// Hands descriptors over to the daemon, beside gRPC.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_ATTACHMENT_CHANNEL_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_ATTACHMENT_CHANNEL_H_

#include <intelligence/attachment.h>
#include <intelligence/language_model.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/vision_types.pb.h"
#include "runtime/base/fd.h"

namespace intelligence {

// Thread-safe: calls side by side have a connection each.
class AttachmentChannel {
 public:
  explicit AttachmentChannel(std::string path) : path_(std::move(path)) {}

  // Completes a picture of a request: with the token of its descriptor, or with its bytes where the
  // daemon takes no descriptors or not this one. Blocks, for a file until the daemon has a copy.
  // Errors: the daemon's refusals (CLIENT_QUOTA_EXCEEDED, INPUT_TOO_LARGE, …), and what reading the
  // bytes meets.
  absl::Status Attach(const Attachment& attachment, v1::VisionImage* image);

  // The same for the pictures of `messages`, of which `out` are the protos.
  absl::Status Attach(const std::vector<Message>& messages,
                      google::protobuf::RepeatedPtrField<v1::Message>* out);
  absl::Status Attach(const GenerateInput& input, v1::Conversation* out);

 private:
  // Nothing: there is nobody to take it.
  std::optional<absl::StatusOr<std::string>> HandOver(int fd);
  intelligenced::UniqueFd TakeIdle();

  const std::string path_;
  absl::Mutex mutex_;
  std::vector<intelligenced::UniqueFd> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_ATTACHMENT_CHANNEL_H_

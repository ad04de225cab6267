// How an app hands a descriptor to the daemon, beside gRPC, which carries none: over a second Unix
// socket, whose path is the first one's and ".fd".
//
// A request is 8 bytes, "IAT", the version 1 and four zeros, and with its first byte one descriptor
// (SCM_RIGHTS). The answer is a header of 8 bytes and a body:
//   bytes 0–3  "IAT", 1
//   byte  4    0: the body is a token; 1: it is a refusal
//   byte  5    zero
//   bytes 6–7  length of the body, little-endian
// A refusal is the name of a reason (runtime/base/reasons.h), a newline, and a sentence for a
// person. A connection takes any number of requests, one after another, up to the daemon's limits.
#ifndef INTELLIGENCED_PROTOS_SUPPORT_ATTACHMENT_FRAME_H_
#define INTELLIGENCED_PROTOS_SUPPORT_ATTACHMENT_FRAME_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligenced {

// Pure.
std::string AttachmentSocketPath(std::string_view socket_path);

inline constexpr size_t kAttachmentRequestBytes = 8;
std::string AttachmentRequest();
bool IsAttachmentRequest(std::string_view bytes);

inline constexpr size_t kAttachmentReplyHeaderBytes = 8;
inline constexpr size_t kMaxAttachmentReplyBodyBytes = 1024;
// A longer sentence is cut.
std::string AttachmentReply(const absl::StatusOr<std::string>& token);
// The length of the body that follows; nothing for what is no such header.
std::optional<size_t> AttachmentReplyBodyBytes(std::string_view header);
// The token, or the refusal as MakeError() would make it.
absl::StatusOr<std::string> ParseAttachmentReply(std::string_view header, std::string_view body);

}  // namespace intelligenced

#endif  // INTELLIGENCED_PROTOS_SUPPORT_ATTACHMENT_FRAME_H_

// Checks on messages that cross the border between daemon and worker. Pure.
#ifndef INTELLIGENCED_RUNTIME_WORKER_WIRE_CHECK_H_
#define INTELLIGENCED_RUNTIME_WORKER_WIRE_CHECK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace intelligenced {

// True when the encoded message, parsed as `type`, would make at most `max_parts` objects
// (messages, strings, map entries and repeated numbers, at every depth). A frame of a few megabytes
// can otherwise be made to cost gigabytes: an empty message takes two bytes encoded and fifty
// parsed. Malformed bytes are left to the parser, which refuses them. Allocates nothing.
bool HasAtMostParts(const google::protobuf::Descriptor& type, absl::Span<const uint8_t> encoded,
                    uint64_t max_parts);

// True when every `string` field at every depth is UTF-8. A message where this is not so can be
// sent but not parsed.
bool HasOnlyUtf8(const google::protobuf::Message& message);

// With '?' for every byte that is not part of a UTF-8 character: for other libraries' messages.
std::string ToUtf8(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_WIRE_CHECK_H_

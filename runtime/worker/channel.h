// Framed messages between the daemon and one worker, over a connected stream socket.
//
// A frame is a header of 12 bytes and a body, one protobuf message:
//   bytes 0–2  "ILF"
//   byte  3    version of the format, 1
//   byte  4    flags; bit 0: the body is in the descriptor that came with the header
//   byte  5    how many attachments came with the header: descriptors that belong to the message
//   bytes 6–7  zero
//   bytes 8–11 length of the body, little-endian
// A body of up to 64 KiB follows the header in the stream. A longer one travels as a sealed memory
// file (runtime/base/memory_file.h) passed with the header, before the attachments, and is parsed
// from its mapping.
//
// Nothing that the other side sends can crash the reader, make it allocate more than the limits
// below allow, or leave descriptors behind: it is answered with an error, after which the channel
// is of no use.
#ifndef INTELLIGENCED_RUNTIME_WORKER_CHANNEL_H_
#define INTELLIGENCED_RUNTIME_WORKER_CHANNEL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "runtime/base/fd.h"

namespace intelligenced {

// Where a worker finds its ends of the channels when it starts.
inline constexpr int kWorkDescriptor = 3;
inline constexpr int kControlDescriptor = 4;

inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr size_t kMaxInlineBytes = size_t{64} << 10;
inline constexpr size_t kMaxFrameBytes = size_t{256} << 20;
// Of one frame, whatever a reader allows; the system's own limit for one message is 253.
inline constexpr size_t kMaxFrameAttachments = 64;

struct FrameLimits {
  size_t max_bytes = kMaxFrameBytes;
  // Objects that one message may hold (wire_check.h).
  uint64_t max_parts = 1'000'000;
  // Attachments that a received frame may have.
  size_t max_attachments = 0;
};

// One thread at a time may send and one may receive; the two may differ.
class FrameChannel {
 public:
  explicit FrameChannel(UniqueFd socket, FrameLimits limits = {});

  // Blocks until the whole frame is with the kernel. Errors: INPUT_TOO_LARGE (the message is over
  // the limit; the channel stays usable), MEMORY_INSUFFICIENT (no memory file; it stays usable
  // too), WORKER_LOST (the other side is gone). The attachments stay the caller's; there are at
  // most kMaxFrameAttachments.
  absl::Status Send(const google::protobuf::Message& message,
                    absl::Span<const int> attachments = {});
  // As Send for a small message, but when the socket is full sends nothing and answers false.
  absl::StatusOr<bool> TrySend(const google::protobuf::Message& message);

  // Blocks for the next frame. Errors: WORKER_LOST, also for a frame that breaks the rules, and
  // MEMORY_INSUFFICIENT. After any error the stream is out of step: give the channel up. A frame
  // with attachments breaks the rules where `attachments` is null; else they go there, whatever
  // they are.
  absl::Status Receive(google::protobuf::Message* message,
                       std::vector<UniqueFd>* attachments = nullptr);

  // Makes both sides' calls fail from now on, also one that blocks now. Any thread.
  void Shutdown();

  int descriptor() const { return socket_.get(); }

 private:
  absl::StatusOr<bool> SendFrame(const google::protobuf::Message& message, bool may_block,
                                 absl::Span<const int> attachments);
  absl::Status SendAll(const uint8_t* data, size_t size);
  // Fills the buffer; descriptors that arrive go to `passed`, no more than it may hold, or are an
  // error.
  absl::Status ReceiveAll(uint8_t* data, size_t size, std::vector<UniqueFd>* passed);
  absl::Status Parse(const uint8_t* data, size_t size, google::protobuf::Message* message) const;

  const UniqueFd socket_;
  const FrameLimits limits_;
};

// A connected pair of stream sockets, closed on exec. Errors: MEMORY_INSUFFICIENT (no descriptors).
absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeSocketPair();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_CHANNEL_H_

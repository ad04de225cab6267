#include "runtime/worker/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "runtime/base/memory_file.h"
#include "runtime/base/passed_descriptors.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {

constexpr uint8_t kMagic[] = {'I', 'L', 'F', 1};
constexpr uint8_t kBodyInDescriptor = 1;
constexpr size_t kMaxFrameDescriptors = kMaxFrameAttachments + 1;
// Surplus ones are seen and closed here.
static_assert(kMaxFrameDescriptors < kMaxPassedDescriptors);

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // SO_NOSIGPIPE instead
#endif

absl::Status Lost(std::string_view what) {
  return MakeError(Reason::kWorkerLost, absl::StrCat("The other process ", what, "."));
}

std::array<uint8_t, kFrameHeaderBytes> MakeHeader(size_t size, bool in_descriptor,
                                                  size_t attachments) {
  std::array<uint8_t, kFrameHeaderBytes> header = {};
  std::copy(std::begin(kMagic), std::end(kMagic), header.begin());
  header[4] = in_descriptor ? kBodyInDescriptor : 0;
  header[5] = static_cast<uint8_t>(attachments);
  for (int i = 0; i < 4; ++i) header[8 + i] = static_cast<uint8_t>(size >> (8 * i));
  return header;
}

// Sends once, with `passed` attached to the first byte.
ssize_t SendOnce(int socket, const uint8_t* data, size_t size, absl::Span<const int> passed,
                 int flags) {
  iovec part = {const_cast<uint8_t*>(data), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFrameDescriptors * sizeof(int))] = {};
  if (!passed.empty()) {
    const size_t bytes = passed.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(header), passed.data(), bytes);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, kSendFlags | flags);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace

FrameChannel::FrameChannel(UniqueFd socket, FrameLimits limits)
    : socket_(std::move(socket)), limits_(limits) {}

absl::Status FrameChannel::Send(const google::protobuf::Message& message,
                                absl::Span<const int> attachments) {
  return SendFrame(message, /*may_block=*/true, attachments).status();
}

absl::StatusOr<bool> FrameChannel::TrySend(const google::protobuf::Message& message) {
  return SendFrame(message, /*may_block=*/false, {});
}

absl::StatusOr<bool> FrameChannel::SendFrame(const google::protobuf::Message& message,
                                             bool may_block, absl::Span<const int> attachments) {
  const size_t size = message.ByteSizeLong();
  const size_t limit = std::min<size_t>(limits_.max_bytes, std::numeric_limits<int>::max());
  if (size > limit) {
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("A message of ", size, " bytes is over the limit of ", limit,
                                  " between the daemon and its workers."));
  }
  if (attachments.size() > kMaxFrameAttachments) {
    return MakeError(Reason::kInputTooLarge, "There are too many descriptors for one message.");
  }
  const bool inline_body = size <= kMaxInlineBytes;
  const std::array<uint8_t, kFrameHeaderBytes> header =
      MakeHeader(size, !inline_body, attachments.size());
  std::string frame(reinterpret_cast<const char*>(header.data()), header.size());
  UniqueFd payload;
  if (inline_body) {
    frame.resize(header.size() + size);
    message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(frame.data()) +
                                            header.size());
  } else {
    absl::StatusOr<UniqueFd> file = MakeSealedFile(size, [&](absl::Span<uint8_t> bytes) {
      message.SerializeWithCachedSizesToArray(bytes.data());
      return true;
    });
    if (!file.ok()) return file.status();
    payload = *std::move(file);
  }
  std::vector<int> passed;
  if (payload.valid()) passed.push_back(payload.get());
  passed.insert(passed.end(), attachments.begin(), attachments.end());
  const auto* const data = reinterpret_cast<const uint8_t*>(frame.data());
  const ssize_t sent =
      SendOnce(socket_.get(), data, frame.size(), passed, may_block ? 0 : MSG_DONTWAIT);
  if (sent < 0 && !may_block && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (sent < 0) return Lost("is gone");
  if (absl::Status status = SendAll(data + sent, frame.size() - sent); !status.ok()) return status;
  return true;
}

absl::Status FrameChannel::SendAll(const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = SendOnce(socket_.get(), data, size, {}, 0);
    if (sent < 0) return Lost("is gone");
    data += sent;
    size -= sent;
  }
  return absl::OkStatus();
}

absl::Status FrameChannel::ReceiveAll(uint8_t* data, size_t size, std::vector<UniqueFd>* passed) {
  while (size > 0) {
    std::vector<UniqueFd> came;
    bool surplus = false;
    const ssize_t received = ReceiveWithDescriptors(socket_.get(), data, size, 0, &came, &surplus);
    if (received < 0) return Lost("cannot be read from");
    for (UniqueFd& descriptor : came) {
      if (passed == nullptr || passed->size() >= limits_.max_attachments + 1) {
        surplus = true;
      } else {
        passed->push_back(std::move(descriptor));
      }
    }
    if (surplus) return Lost("sent descriptors that belong to no frame");
    if (received == 0) return Lost("has closed its end");
    data += received;
    size -= received;
  }
  return absl::OkStatus();
}

absl::Status FrameChannel::Receive(google::protobuf::Message* message,
                                   std::vector<UniqueFd>* attachments) {
  std::array<uint8_t, kFrameHeaderBytes> header;
  std::vector<UniqueFd> passed;
  if (absl::Status status = ReceiveAll(header.data(), header.size(), &passed); !status.ok()) {
    return status;
  }
  const bool in_descriptor = (header[4] & kBodyInDescriptor) != 0;
  if (!std::equal(std::begin(kMagic), std::end(kMagic), header.begin()) ||
      (header[4] & ~kBodyInDescriptor) != 0 || header[6] != 0 || header[7] != 0) {
    return Lost("does not speak this version's protocol");
  }
  size_t size = 0;
  for (int i = 0; i < 4; ++i) size |= size_t{header[8 + i]} << (8 * i);
  if (size > limits_.max_bytes || size > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return Lost(
        absl::StrCat("sent a frame of ", size, " bytes, over the limit of ", limits_.max_bytes));
  }
  const size_t attached = header[5];
  if (attached > (attachments == nullptr ? 0 : limits_.max_attachments) ||
      passed.size() != attached + (in_descriptor ? 1 : 0)) {
    return Lost("sent a frame with other descriptors than it says");
  }
  if (in_descriptor != (size > kMaxInlineBytes)) {
    return Lost("sent a frame whose body is in the wrong place");
  }
  if (attachments != nullptr) {
    attachments->assign(std::make_move_iterator(passed.end() - static_cast<ptrdiff_t>(attached)),
                        std::make_move_iterator(passed.end()));
  }
  if (in_descriptor) {
    absl::StatusOr<SealedMapping> mapping = SealedMapping::Open(passed.front(), size);
    if (!mapping.ok()) return mapping.status();
    return Parse(mapping->bytes().data(), size, message);
  }
  std::array<uint8_t, kMaxInlineBytes> body;
  if (absl::Status status = ReceiveAll(body.data(), size, nullptr); !status.ok()) return status;
  return Parse(body.data(), size, message);
}

absl::Status FrameChannel::Parse(const uint8_t* data, size_t size,
                                 google::protobuf::Message* message) const {
  if (!HasAtMostParts(*message->GetDescriptor(), {data, size}, limits_.max_parts)) {
    return Lost(absl::StrCat("sent a message of more than ", limits_.max_parts, " parts"));
  }
  if (!message->ParseFromArray(data, static_cast<int>(size))) {
    return Lost("sent a frame that is no such message");
  }
  return absl::OkStatus();
}

void FrameChannel::Shutdown() { shutdown(socket_.get(), SHUT_RDWR); }

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeSocketPair() {
#ifdef SOCK_CLOEXEC
  constexpr int kType = SOCK_STREAM | SOCK_CLOEXEC;
#else
  constexpr int kType = SOCK_STREAM;
#endif
  int ends[2];
  if (socketpair(AF_UNIX, kType, 0, ends) != 0) {
    return MakeError(Reason::kMemoryInsufficient,
                     absl::StrCat("No sockets can be made: ", strerror(errno), "."));
  }
#ifndef SOCK_CLOEXEC
  for (const int end : ends) {
    const int on = 1;
    fcntl(end, F_SETFD, FD_CLOEXEC);
    setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
  }
#endif
  return std::make_pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

}  // namespace intelligenced

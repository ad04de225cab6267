#include "clients/cpp/src/attachment_channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "protos/support/attachment_frame.h"
#include "protos/support/limits.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"

namespace intelligence {
namespace {

using intelligenced::Reason;
using intelligenced::UniqueFd;

constexpr size_t kMaxIdle = 4;
// For a daemon that is stopped; the copy of a file from a slow disk is faster.
constexpr timeval kPatience = {.tv_sec = 30, .tv_usec = 0};

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

UniqueFd Connect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  if (!fd.valid()) return {};
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  return fd;
}

// The request is small: it goes as a whole.
bool SendRequest(int socket, int passed) {
  std::string bytes = intelligenced::AttachmentRequest();
  iovec part = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &passed, sizeof(int));
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, kSendFlags);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(bytes.size());
}

bool ReceiveAll(int socket, std::string* bytes) {
  for (size_t done = 0; done < bytes->size();) {
    const ssize_t got = recv(socket, bytes->data() + done, bytes->size() - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

// Nothing: the connection is of no use.
std::optional<absl::StatusOr<std::string>> Ask(int socket, int passed) {
  if (!SendRequest(socket, passed)) return std::nullopt;
  std::string header(intelligenced::kAttachmentReplyHeaderBytes, '\0');
  if (!ReceiveAll(socket, &header)) return std::nullopt;
  const std::optional<size_t> size = intelligenced::AttachmentReplyBodyBytes(header);
  if (!size.has_value()) return std::nullopt;
  std::string body(*size, '\0');
  if (!ReceiveAll(socket, &body)) return std::nullopt;
  return intelligenced::ParseAttachmentReply(header, body);
}

absl::StatusOr<std::string> ReadBytes(int fd) {
  struct stat file;
  if (fstat(fd, &file) != 0)
    return intelligenced::FileError(errno, "cannot look at", "the descriptor");
  const auto size = static_cast<size_t>(file.st_size);
  if (size > intelligenced::kMaxImageBytes) {
    return intelligenced::MakeError(Reason::kInputTooLarge,
                                    absl::StrCat("The picture has ", size, " bytes; the most is ",
                                                 intelligenced::kMaxImageBytes,
                                                 " where the daemon takes no descriptor of it."));
  }
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    const ssize_t got = pread(fd, bytes.data() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return intelligenced::FileError(errno, "cannot read", "the descriptor");
    if (got == 0) {
      bytes.resize(done);
      break;
    }
    done += static_cast<size_t>(got);
  }
  return bytes;
}

bool IsEmpty(int fd) {
  struct stat file;
  return fstat(fd, &file) == 0 && file.st_size == 0;
}

}  // namespace

UniqueFd AttachmentChannel::TakeIdle() {
  absl::MutexLock lock(mutex_);
  if (idle_.empty()) return {};
  UniqueFd fd = std::move(idle_.back());
  idle_.pop_back();
  return fd;
}

std::optional<absl::StatusOr<std::string>> AttachmentChannel::HandOver(int fd) {
  while (true) {
    // The daemon closes what was idle for long; then another is made.
    UniqueFd socket = TakeIdle();
    const bool used = socket.valid();
    if (!used) socket = Connect(path_);
    if (!socket.valid()) return std::nullopt;
    std::optional<absl::StatusOr<std::string>> answer = Ask(socket.get(), fd);
    if (!answer.has_value() && used) continue;
    if (answer.has_value()) {
      absl::MutexLock lock(mutex_);
      if (idle_.size() < kMaxIdle) idle_.push_back(std::move(socket));
    }
    return answer;
  }
}

absl::Status AttachmentChannel::Attach(const Attachment& attachment, v1::VisionImage* image) {
  const int fd = attachment.descriptor();
  if (!IsEmpty(fd)) {
    std::optional<absl::StatusOr<std::string>> token = HandOver(fd);
    if (token.has_value() && token->ok()) {
      if (!image->has_pixels()) image->clear_content();
      image->set_attachment(**std::move(token));
      return absl::OkStatus();
    }
    if (token.has_value() && !intelligenced::HasReason(token->status(), Reason::kFieldInvalid)) {
      return token->status();
    }
  }
  // Nobody takes descriptors, or not this kind; where bytes are of no use either, that is said.
  absl::StatusOr<std::string> bytes = ReadBytes(fd);
  if (!bytes.ok()) return bytes.status();
  if (image->has_pixels()) {
    image->mutable_pixels()->set_data(*std::move(bytes));
  } else {
    image->set_encoded(*std::move(bytes));
  }
  return absl::OkStatus();
}

absl::Status AttachmentChannel::Attach(const std::vector<Message>& messages,
                                       google::protobuf::RepeatedPtrField<v1::Message>* out) {
  for (size_t i = 0; i < messages.size(); ++i) {
    for (size_t at = 0; at < messages[i].images.size(); ++at) {
      const VisionImage& image = messages[i].images[at];
      if (!image.attachment.has_value()) continue;
      absl::Status status =
          Attach(*image.attachment,
                 out->Mutable(static_cast<int>(i))->mutable_images(static_cast<int>(at)));
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status AttachmentChannel::Attach(const GenerateInput& input, v1::Conversation* out) {
  const auto* conversation = std::get_if<Conversation>(&input);
  if (conversation == nullptr || conversation->messages.empty()) return absl::OkStatus();
  return Attach(conversation->messages, out->mutable_messages());
}

}  // namespace intelligence

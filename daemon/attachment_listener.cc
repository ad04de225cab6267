#include "daemon/attachment_listener.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/attachment_intake.h"
#include "daemon/identity.h"
#include "protos/support/attachment_frame.h"
#include "runtime/base/passed_descriptors.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// While the system is short of memory or descriptors.
constexpr absl::Duration kTroublePause = absl::Milliseconds(100);

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

UniqueFd Accept(int listening_fd) {
#ifdef __linux__
  return UniqueFd(accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
#else
  UniqueFd fd(accept(listening_fd, nullptr, nullptr));
  if (fd.valid()) {
    const int on = 1;
    fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    setsockopt(fd.get(), SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
  }
  return fd;
#endif
}

}  // namespace

struct AttachmentListener::Connection {
  uint64_t id = 0;
  UniqueFd fd;
  Identity identity;
  absl::Time deadline;
  int requests = 0;
  // A file of its is being copied; nothing is read from it meanwhile.
  bool busy = false;
  // The request that is coming.
  std::array<char, kAttachmentRequestBytes> bytes{};
  size_t received = 0;
  std::vector<UniqueFd> passed;
  bool too_many = false;
};

class AttachmentListener::Mailbox {
 public:
  struct Copy {
    uint64_t connection = 0;
    Identity owner;
    uint64_t bytes = 0;
    absl::StatusOr<std::shared_ptr<const Attachment>> attachment;
  };

  Mailbox() {
    int ends[2];
    if (pipe(ends) != 0) return;
    for (const int end : ends) {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      fcntl(end, F_SETFL, O_NONBLOCK);
    }
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }

  void Put(Copy copy) {
    {
      absl::MutexLock lock(mutex_);
      copies_.push_back(std::move(copy));
    }
    Wake();
  }
  void Stop() {
    {
      absl::MutexLock lock(mutex_);
      stop_ = true;
    }
    Wake();
  }
  std::vector<Copy> TakeAll() {
    std::array<char, 64> bytes;
    while (read(read_.get(), bytes.data(), bytes.size()) > 0) {
    }
    absl::MutexLock lock(mutex_);
    return std::exchange(copies_, {});
  }
  bool stopped() const {
    absl::MutexLock lock(mutex_);
    return stop_;
  }
  int descriptor() const { return read_.get(); }

 private:
  void Wake() {
    const char byte = 0;
    // A full pipe has woken the thread already.
    [[maybe_unused]] const ssize_t written = write(write_.get(), &byte, 1);
  }

  UniqueFd read_;
  UniqueFd write_;
  mutable absl::Mutex mutex_;
  std::vector<Copy> copies_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
};

AttachmentListener::AttachmentListener(ListeningSocket socket, AttachmentListenerOptions options,
                                       AttachmentTable* table, Executor* copier, const Clock* clock,
                                       Log* log)
    : socket_(std::move(socket)),
      options_(options),
      table_(table),
      copier_(copier),
      clock_(clock),
      log_(log),
      mailbox_(std::make_shared<Mailbox>()),
      thread_([this] { Run(); }) {}

AttachmentListener::~AttachmentListener() { Stop(); }

void AttachmentListener::Stop() {
  if (!thread_.joinable()) return;
  mailbox_->Stop();
  thread_.join();
}

void AttachmentListener::Run() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "attachments");
#endif
  std::vector<pollfd> polls;
  std::vector<uint64_t> ids;
  while (!mailbox_->stopped()) {
    const absl::Time next_expiry = table_->Expire();
    polls = {{mailbox_->descriptor(), POLLIN, 0}, {pause_ ? -1 : socket_.fd(), POLLIN, 0}};
    ids.clear();
    for (const auto& [id, connection] : connections_) {
      // A negative number is passed over.
      polls.push_back({connection->busy ? -1 : connection->fd.get(), POLLIN, 0});
      ids.push_back(id);
    }
    if (poll(polls.data(), polls.size(), PollTimeout(next_expiry)) < 0) {
      for (pollfd& one : polls) one.revents = 0;
    }
    pause_ = false;
    Deliver();
    const absl::Time now = clock_->Now();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto found = connections_.find(ids[i]);
      if (found == connections_.end() || found->second->busy) continue;
      const bool ready = polls[i + 2].revents != 0;
      if (ready ? !Read(*found->second) : found->second->deadline <= now) Close(ids[i]);
    }
    if (polls[1].revents != 0) AcceptSome();
  }
  connections_.clear();
  socket_.StopListening();
}

int AttachmentListener::PollTimeout(absl::Time next_expiry) const {
  absl::Time next = next_expiry;
  for (const auto& [id, connection] : connections_) {
    if (!connection->busy) next = std::min(next, connection->deadline);
  }
  const absl::Time now = clock_->Now();
  // Without a pipe nobody can wake the thread.
  if (pause_ || mailbox_->descriptor() < 0) next = std::min(next, now + kTroublePause);
  if (next == absl::InfiniteFuture()) return -1;
  const absl::Duration wait = absl::Ceil(next - now, absl::Milliseconds(1));
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(wait), 0, 60'000));
}

void AttachmentListener::AcceptSome() {
  // A bounded number at a time, so that a storm does not keep the others waiting.
  for (int i = 0; i < 64; ++i) {
    UniqueFd fd = Accept(socket_.fd());
    if (!fd.valid()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Not asked again at once: poll would return at once, for ever.
      pause_ = errno != EAGAIN;
      return;
    }
    absl::StatusOr<Identity> identity = IdentifyPeer(fd.get());
    if (!identity.ok()) continue;
    int& of_user = per_user_[identity->user_id];
    if (of_user >= options_.max_connections_per_user ||
        connections_.size() >= static_cast<size_t>(options_.max_connections)) {
      if (!std::exchange(refusal_logged_, true)) {
        log_->Warning(absl::StrCat("Too many connections that hand over descriptors: one of ",
                                   identity->id(), " was refused."));
      }
      if (of_user == 0) per_user_.erase(identity->user_id);
      continue;
    }
    refusal_logged_ = false;
    ++of_user;
    auto connection = std::make_unique<Connection>();
    connection->id = next_id_++;
    connection->fd = std::move(fd);
    connection->identity = *std::move(identity);
    connection->deadline = clock_->Now() + options_.idle;
    connections_[connection->id] = std::move(connection);
  }
}

bool AttachmentListener::Read(Connection& connection) {
  while (!connection.busy) {
    // Never past the end of a request, so that descriptors cannot get to the wrong one.
    std::vector<UniqueFd> came;
    const ssize_t received = ReceiveWithDescriptors(
        connection.fd.get(), connection.bytes.data() + connection.received,
        connection.bytes.size() - connection.received, MSG_DONTWAIT, &came, &connection.too_many);
    if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    for (UniqueFd& descriptor : came) {
      if (connection.passed.empty()) {
        connection.passed.push_back(std::move(descriptor));
      } else {
        connection.too_many = true;
      }
    }
    if (received == 0) return false;
    connection.received += static_cast<size_t>(received);
    if (connection.received == connection.bytes.size() && !HandleRequest(connection)) return false;
  }
  return true;
}

bool AttachmentListener::HandleRequest(Connection& connection) {
  std::vector<UniqueFd> passed = std::exchange(connection.passed, {});
  const bool too_many = std::exchange(connection.too_many, false);
  connection.received = 0;
  connection.deadline = clock_->Now() + options_.idle;
  ++connection.requests;
  if (!IsAttachmentRequest({connection.bytes.data(), connection.bytes.size()})) {
    // What comes next would be read out of step.
    Reply(connection, MakeError(Reason::kFieldInvalid,
                                "These bytes are no request of this protocol and version."));
    return false;
  }
  if (passed.empty() || too_many) {
    return Reply(connection,
                 MakeError(Reason::kFieldInvalid, "A request brings exactly one descriptor."));
  }
  const absl::StatusOr<std::string> token = Offer(connection, std::move(passed.front()));
  return connection.busy || Reply(connection, token);
}

// The token, or nothing that counts while the connection is busy.
absl::StatusOr<std::string> AttachmentListener::Offer(Connection& connection, UniqueFd fd) {
  const absl::StatusOr<OfferedFile> offered = InspectDescriptor(fd.get());
  if (!offered.ok()) return offered.status();
  const Identity& owner = connection.identity;
  if (absl::Status status = table_->Reserve(owner, offered->size); !status.ok()) return status;
  if (offered->sealed) {
    absl::StatusOr<std::shared_ptr<const Attachment>> attachment = Attachment::Take(std::move(fd));
    if (attachment.ok()) return table_->Add(owner, *std::move(attachment));
    table_->Release(owner, offered->size);
    return attachment.status();
  }
  connection.busy = true;
  copier_->Run([mailbox = mailbox_, id = connection.id, owner, bytes = offered->size,
                file = std::move(fd)]() mutable {
    absl::StatusOr<std::shared_ptr<const Attachment>> copy = CopyFile(file.get(), bytes);
    file.reset();
    mailbox->Put({.connection = id, .owner = owner, .bytes = bytes, .attachment = std::move(copy)});
  });
  return std::string();
}

bool AttachmentListener::Reply(Connection& connection, const absl::StatusOr<std::string>& token) {
  const std::string reply = AttachmentReply(token);
  // A peer that asks and asks and reads nothing has filled its socket: it is let go.
  const ssize_t sent = send(connection.fd.get(), reply.data(), reply.size(), kSendFlags);
  return sent == static_cast<ssize_t>(reply.size()) && connection.requests < options_.max_requests;
}

void AttachmentListener::Deliver() {
  for (Mailbox::Copy& copy : mailbox_->TakeAll()) {
    const auto found = connections_.find(copy.connection);
    if (!copy.attachment.ok() || found == connections_.end()) {
      table_->Release(copy.owner, copy.bytes);
    }
    if (found == connections_.end()) continue;
    const absl::StatusOr<std::string> token =
        copy.attachment.ok() ? table_->Add(copy.owner, *std::move(copy.attachment))
                             : absl::StatusOr<std::string>(copy.attachment.status());
    Connection& connection = *found->second;
    connection.busy = false;
    connection.deadline = clock_->Now() + options_.idle;
    if (!Reply(connection, token)) Close(copy.connection);
  }
}

void AttachmentListener::Close(uint64_t id) {
  const auto found = connections_.find(id);
  const uid_t user = found->second->identity.user_id;
  connections_.erase(found);
  if (--per_user_[user] == 0) per_user_.erase(user);
}

}  // namespace intelligenced

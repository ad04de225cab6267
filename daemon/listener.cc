#include "daemon/listener.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

// More would only cost the kernel tables; two descriptors a connection, and workers' few.
constexpr int kWantedFiles = 65536;
// While the system is short of memory or descriptors.
constexpr int kTroublePauseMs = 100;

#ifdef POLLRDHUP
constexpr short kEndEvents = POLLRDHUP;
#else
constexpr short kEndEvents = 0;
#endif

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

int Accept(int listening_fd) {
#ifdef __linux__
  return accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
  const int fd = accept(listening_fd, nullptr, nullptr);
  if (fd >= 0) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return fd;
#endif
}

}  // namespace

int RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  rlimit wanted = limit;
  wanted.rlim_cur = std::min<rlim_t>(limit.rlim_max, kWantedFiles);
  if (wanted.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kWantedFiles));
}

Listener::Listener(std::vector<ListeningSocket> sockets, ConnectionTable* table, Log* log,
                   std::function<void(int fd)> serve)
    : sockets_(std::move(sockets)), table_(table), log_(log), serve_(std::move(serve)) {
  const int limit = RaiseFileLimit();
  lowest_number_ = limit / 2;
  highest_number_ = limit - 1;
  next_number_ = lowest_number_;
  spare_fd_ = OpenSpare();
  std::array<int, 2> pipe_fds{-1, -1};
  if (pipe(pipe_fds.data()) == 0) {
    for (int fd : pipe_fds) {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      fcntl(fd, F_SETFL, O_NONBLOCK);
    }
  }
  wake_read_ = pipe_fds[0];
  wake_write_ = pipe_fds[1];
  polls_.push_back({wake_read_, POLLIN, 0});
  for (const ListeningSocket& socket : sockets_) polls_.push_back({socket.fd(), POLLIN, 0});
  first_watched_ = polls_.size();
  thread_ = std::thread([this] { Run(); });
}

Listener::~Listener() {
  {
    absl::MutexLock lock(mutex_);
    stop_accepting_ = true;
    stop_ = true;
  }
  Wake();
  thread_.join();
  for (size_t i = first_watched_; i < polls_.size(); ++i) {
    close(polls_[i].fd);
    table_->Remove(watched_[i - first_watched_].descriptor,
                   watched_[i - first_watched_].generation);
  }
  for (int fd : {spare_fd_, wake_read_, wake_write_}) {
    if (fd >= 0) close(fd);
  }
}

void Listener::Wake() {
  const char byte = 0;
  // A full pipe has woken the thread already.
  if (write(wake_write_, &byte, 1) < 0) return;
}

void Listener::StopAccepting() {
  absl::MutexLock lock(mutex_);
  stop_accepting_ = true;
  Wake();
  const auto stopped = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !accepting_; };
  mutex_.Await(absl::Condition(&stopped));
}

void Listener::Run() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "acceptor");
#endif
  bool pause = false;
  for (;;) {
    const int count = poll(polls_.data(), polls_.size(), pause ? kTroublePauseMs : -1);
    if (count < 0 && errno != EINTR) {
      log_->Error(absl::StrCat("The acceptor's poll failed: ", strerror(errno)));
      pause = true;
      continue;
    }
    if ((polls_[0].revents & POLLIN) != 0) {
      std::array<char, 64> bytes;
      while (read(wake_read_, bytes.data(), bytes.size()) > 0) {
      }
    }
    // Ends first: they make room for what is accepted next.
    Reap();
    {
      absl::MutexLock lock(mutex_);
      if (stop_accepting_ && accepting_) {
        for (size_t i = 1; i < first_watched_; ++i) {
          sockets_[i - 1].StopListening();
          polls_[i].fd = -1;  // poll() passes over it
        }
        accepting_ = false;
      }
      if (stop_) return;
    }
    pause = false;
    for (size_t i = 1; i < first_watched_; ++i) {
      if (polls_[i].fd < 0) continue;
      AcceptResult result = AcceptResult::kNothing;
      // A bounded number at a time, so that a storm on one socket starves neither ends nor stops.
      for (int accepted = 0; accepted < 64; ++accepted) {
        result = AcceptOne(polls_[i].fd);
        if (result != AcceptResult::kAccepted) break;
      }
      if (result == AcceptResult::kTrouble) pause = true;
      // Not listened to while in trouble: poll would return at once, for ever.
      polls_[i].events = pause ? 0 : POLLIN;
    }
  }
}

Listener::AcceptResult Listener::AcceptOne(int listening_fd) {
  const int fd = Accept(listening_fd);
  if (fd >= 0) {
    Admit(fd);
    return AcceptResult::kAccepted;
  }
  switch (errno) {
    case EAGAIN:
      return AcceptResult::kNothing;
    case EINTR:
    case ECONNABORTED:
      return AcceptResult::kAccepted;
    case EMFILE:
    case ENFILE:
      RefuseOne(listening_fd);
      return AcceptResult::kTrouble;
    default:
      log_->Warning(absl::StrCat("A connection cannot be accepted: ", strerror(errno)));
      return AcceptResult::kTrouble;
  }
}

// Out of descriptors, a waiting client can neither be served nor told so. The spare one lets it be
// accepted and closed, so that it fails at once instead of hanging.
void Listener::RefuseOne(int listening_fd) {
  if (!refusal_logged_) log_->Error("Out of descriptors: connections are being refused.");
  refusal_logged_ = true;
  if (spare_fd_ >= 0) close(spare_fd_);
  const int fd = Accept(listening_fd);
  if (fd >= 0) close(fd);
  spare_fd_ = OpenSpare();
}

int Listener::DuplicateHigh(int fd) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const int number = fcntl(fd, F_DUPFD_CLOEXEC, next_number_);
    if (number >= 0) {
      next_number_ = number + 1 >= highest_number_ ? lowest_number_ : number + 1;
      return number;
    }
    next_number_ = lowest_number_;
  }
  return -1;
}

void Listener::Admit(int fd) {
  absl::StatusOr<Identity> identity = IdentifyPeer(fd);
  if (!identity.ok()) {
    log_->Warning(absl::StrCat("A connection was refused: ", identity.status().message()));
    close(fd);
    return;
  }
  if (!table_->HasRoomFor(identity->user_id)) {
    if (!refusal_logged_) {
      log_->Warning(absl::StrCat("Too many connections: one of ", identity->id(),
                                 " was refused ([daemon] max_connections and "
                                 "max_connections_per_user)."));
    }
    refusal_logged_ = true;
    close(fd);
    return;
  }
  const int number = DuplicateHigh(fd);
  if (number < 0) {
    if (!refusal_logged_) {
      log_->Error(absl::StrCat("A connection was refused: ", strerror(errno)));
    }
    refusal_logged_ = true;
    close(fd);
    return;
  }
  refusal_logged_ = false;
  // Known before the first call can arrive.
  const uint64_t generation = table_->Add(number, *std::move(identity));
  polls_.push_back({fd, kEndEvents, 0});
  watched_.push_back({number, generation});
  serve_(number);
}

void Listener::Reap() {
  for (size_t i = polls_.size(); i > first_watched_; --i) {
    pollfd& entry = polls_[i - 1];
    if (entry.revents == 0) continue;
    Watched& watched = watched_[i - 1 - first_watched_];
    close(entry.fd);
    table_->Remove(watched.descriptor, watched.generation);
    entry = polls_.back();
    watched = watched_.back();
    polls_.pop_back();
    watched_.pop_back();
  }
}

}  // namespace intelligenced

#include "daemon/signals.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <csignal>

namespace intelligenced {
namespace {

sigset_t Awaited() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void SignalWaiter::Block() {
  const sigset_t set = Awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int SignalWaiter::Wait(absl::Duration patience) {
  const sigset_t set = Awaited();
#ifdef __APPLE__
  // There is no sigtimedwait(): looks now and then.
  constexpr absl::Duration kLook = absl::Milliseconds(20);
  if (patience == absl::InfiniteDuration()) {
    int signal = 0;
    return sigwait(&set, &signal) == 0 ? signal : 0;
  }
  for (;;) {
    sigset_t pending;
    sigpending(&pending);
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
      if (sigismember(&pending, signal) && sigwait(&set, &signal) == 0) return signal;
    }
    if (patience <= absl::ZeroDuration()) return 0;
    poll(nullptr, 0, static_cast<int>(absl::ToInt64Milliseconds(std::min(patience, kLook))));
    patience -= kLook;
  }
#else
  int signal = -1;
  if (patience == absl::InfiniteDuration()) {
    signal = sigwaitinfo(&set, nullptr);
  } else {
    const timespec limit = absl::ToTimespec(std::max(patience, absl::ZeroDuration()));
    signal = sigtimedwait(&set, nullptr, &limit);
  }
  return signal > 0 ? signal : 0;
#endif
}

}  // namespace intelligenced

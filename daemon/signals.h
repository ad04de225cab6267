// The signals that the main thread waits for.
#ifndef INTELLIGENCED_DAEMON_SIGNALS_H_
#define INTELLIGENCED_DAEMON_SIGNALS_H_

#include "absl/time/time.h"

namespace intelligenced {

// SIGTERM, SIGINT and SIGHUP, taken by one thread when it asks. No code runs in a signal handler.
class SignalWaiter {
 public:
  // Call once, before threads are started. Also ignores SIGPIPE.
  static void Block();

  // The next signal, or 0 when `patience` is over first.
  int Wait(absl::Duration patience);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_SIGNALS_H_

// Accepts connections, asks who they are, and hands them to the server.
#ifndef INTELLIGENCED_DAEMON_LISTENER_H_
#define INTELLIGENCED_DAEMON_LISTENER_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/connection_table.h"
#include "daemon/log.h"
#include "daemon/socket.h"

namespace intelligenced {

// One thread. For every connection there are two descriptors: the server's own, at a high number
// that is not used again for long (gRPC names the connection after it), and the listener's, which
// it only watches for the end. gRPC shuts a socket down before it closes it, so the end is seen
// whichever side it comes from.
class Listener {
 public:
  // `serve` takes ownership of the descriptor. `table` and `log` must outlive the listener.
  Listener(std::vector<ListeningSocket> sockets, ConnectionTable* table, Log* log,
           std::function<void(int fd)> serve);
  // Stops accepting and lets go of its own descriptors; the server's stay open.
  ~Listener();

  // Returns when no further connection will be handed over. The sockets' files are gone then.
  void StopAccepting();

 private:
  struct Watched {
    int descriptor;  // the server's number
    uint64_t generation;
  };
  enum class AcceptResult { kAccepted, kNothing, kTrouble };

  void Run();
  AcceptResult AcceptOne(int listening_fd);
  void Admit(int fd);
  int DuplicateHigh(int fd);
  void RefuseOne(int listening_fd);
  // Closes and forgets what has ended.
  void Reap();
  void Wake();

  std::vector<ListeningSocket> sockets_;
  ConnectionTable* const table_;
  Log* const log_;
  const std::function<void(int fd)> serve_;
  int wake_read_ = -1;
  int wake_write_ = -1;

  // Only the thread's. polls_ holds the wake descriptor, the listening ones, then the watched.
  std::vector<pollfd> polls_;
  std::vector<Watched> watched_;
  size_t first_watched_ = 0;
  int spare_fd_ = -1;
  int lowest_number_ = 0;
  int highest_number_ = 0;
  int next_number_ = 0;
  bool refusal_logged_ = false;

  absl::Mutex mutex_;
  bool stop_accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool accepting_ ABSL_GUARDED_BY(mutex_) = true;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Raises the soft limit on open files towards the hard one; returns what holds now.
int RaiseFileLimit();

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_LISTENER_H_

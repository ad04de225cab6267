// The second socket: takes descriptors from apps and answers with tokens
// (protos/support/attachment_frame.h).
#ifndef INTELLIGENCED_DAEMON_ATTACHMENT_LISTENER_H_
#define INTELLIGENCED_DAEMON_ATTACHMENT_LISTENER_H_

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/attachment_table.h"
#include "daemon/log.h"
#include "daemon/socket.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/base/fd.h"

namespace intelligenced {

struct AttachmentListenerOptions {
  // Connections beyond these are closed at once.
  int max_connections = 256;
  int max_connections_per_user = 128;
  // Of one connection, which is then closed.
  int max_requests = 4096;
  // A connection without a whole request for so long is closed.
  absl::Duration idle = absl::Seconds(10);
};

// One thread, which never waits for a peer or a disk. Whatever a peer sends, or does not, costs it
// its connection at most; every descriptor that it sends is closed here or kept by the table.
class AttachmentListener {
 public:
  // `copier` runs the copies of files, one task each. The pointers must outlive the listener;
  // `table` also what it gave to `copier`.
  AttachmentListener(ListeningSocket socket, AttachmentListenerOptions options,
                     AttachmentTable* table, Executor* copier, const Clock* clock, Log* log);
  ~AttachmentListener();

  // Ends the connections; the socket's file is gone when this returns. May be called again.
  void Stop();

 private:
  struct Connection;
  // What copies come back through. Outlives the listener while one runs.
  class Mailbox;

  void Run();
  int PollTimeout(absl::Time next_expiry) const;
  void AcceptSome();
  // False: the connection is at its end.
  bool Read(Connection& connection);
  bool HandleRequest(Connection& connection);
  absl::StatusOr<std::string> Offer(Connection& connection, UniqueFd fd);
  bool Reply(Connection& connection, const absl::StatusOr<std::string>& token);
  void Deliver();
  void Close(uint64_t id);

  ListeningSocket socket_;
  const AttachmentListenerOptions options_;
  AttachmentTable* const table_;
  Executor* const copier_;
  const Clock* const clock_;
  Log* const log_;
  const std::shared_ptr<Mailbox> mailbox_;

  // Only the thread's.
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::map<uid_t, int> per_user_;
  uint64_t next_id_ = 1;
  bool pause_ = false;
  bool refusal_logged_ = false;

  std::thread thread_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_ATTACHMENT_LISTENER_H_

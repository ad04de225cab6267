// One worker's conversation: requests and their answers, cancels beside them, and what is made of
// it when the process dies.
#ifndef INTELLIGENCED_RUNTIME_WORKER_WORKER_LINK_H_
#define INTELLIGENCED_RUNTIME_WORKER_WORKER_LINK_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/worker/supervisor.h"

namespace intelligenced {

// The work side (Hello, Call, Post) belongs to one thread at a time; the control side and lost()
// may be called on any.
class WorkerLink {
 public:
  WorkerLink(std::shared_ptr<WorkerProcess> process, const Clock* clock, std::string engine);

  // Waits for the worker's first words.
  absl::Status Hello(absl::Duration timeout);

  // One round trip. An error the worker reports comes back as it is; when the worker dies, hangs
  // past `timeout` or breaks the protocol the answer is WORKER_LOST (with "signal" or "exit_code"),
  // now and ever after. `attachments` travel with the request.
  absl::StatusOr<intelligence::engine::v1::WorkReply> Call(
      intelligence::engine::v1::WorkRequest request, absl::Duration timeout,
      absl::Span<const int> attachments = {});

  // Sends without waiting; the answer is taken, and ignored, before the next Call's.
  absl::Status Post(intelligence::engine::v1::WorkRequest request, absl::Duration timeout);

  // The number that the next request of the work side will have.
  uint64_t next_sequence() const { return next_sequence_; }

  // Never blocks: what does not fit the socket goes with the next control or work message.
  void CancelJob(uint64_t job_id);
  // The step with this number should end soon.
  void YieldStep(uint64_t sequence);
  void CancelLoad();
  void Exit();

  // Ends the process.
  void Break(std::string_view why);
  bool lost() const { return process_->ended() || broken_.load(); }
  // What to answer once lost() is true. May wait a moment for the process's end.
  absl::Status LostError();

  WorkerProcess& process() { return *process_; }

 private:
  absl::Status Send(intelligence::engine::v1::WorkRequest& request,
                    absl::Span<const int> attachments = {});
  absl::StatusOr<intelligence::engine::v1::WorkReply> Receive(uint64_t sequence);
  absl::Status DrainPosted();
  absl::Status Fail(const absl::Status& status);
  void SendControl(const intelligence::engine::v1::ControlRequest& request);
  void FlushControl() ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_mutex_);

  const std::shared_ptr<WorkerProcess> process_;
  const Clock* const clock_;
  const std::string engine_;
  std::atomic<bool> broken_ = false;

  // The work side's.
  uint64_t next_sequence_ = 1;
  std::deque<uint64_t> posted_;

  absl::Mutex control_mutex_;
  std::deque<intelligence::engine::v1::ControlRequest> control_queue_
      ABSL_GUARDED_BY(control_mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_WORKER_LINK_H_

// The one thread that looks after worker processes: starts them, reads what they print, kills those
// that are overdue, and reaps them.
//
// One thread for all of it, because Linux's parent-death signal belongs to the thread that started
// the child, and because a process is only ever signalled by the thread that reaps it: no signal
// can reach a stranger who got the number of a process that is gone.
#ifndef INTELLIGENCED_RUNTIME_WORKER_SUPERVISOR_H_
#define INTELLIGENCED_RUNTIME_WORKER_SUPERVISOR_H_

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/worker/channel.h"
#include "runtime/worker/process.h"

namespace intelligenced {

class Supervisor;

// How a process ended.
struct ProcessEnd {
  int exit_code = -1;  // -1: by a signal, or not known
  int signal = 0;      // 0: by itself
  // Why the supervisor killed it; empty when it did not.
  std::string killed_because;
  // "exit_code" or "signal", as facts for an error.
  std::map<std::string, std::string> Metadata() const;
};

// A running worker, with the daemon's ends of its channels. Thread-safe but for the channels, which
// have rules of their own.
class WorkerProcess {
 public:
  WorkerProcess(Supervisor* supervisor, SpawnedProcess spawned, FrameLimits limits);
  WorkerProcess(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }
  FrameChannel& work() { return work_; }
  FrameChannel& control() { return control_; }

  // The process is killed when the supervisor's clock passes `deadline`; replaces the last one.
  // InfiniteFuture: no deadline. Cheap enough to be called twice a step.
  void SetDeadline(absl::Time deadline);
  // A deadline that nothing takes back; the earliest counts.
  void KillBy(absl::Time deadline);
  // Kills the process soon. The first reason counts.
  void Kill(std::string why);

  // True once the process has been reaped.
  bool ended() const;
  // Waits for the end; false when `timeout` passed first.
  bool AwaitEnd(absl::Duration timeout) const;
  // Only after the end.
  ProcessEnd end() const;
  // Cancelled, on the supervisor's thread, when the process has been reaped.
  CancelToken end_token() const { return end_source_.token(); }

 private:
  friend class Supervisor;

  Supervisor* const supervisor_;
  const pid_t pid_;
  FrameChannel work_;
  FrameChannel control_;
  // The earlier of the two deadlines.
  int64_t NextDeadline() const { return std::min(deadline_.load(), last_deadline_.load()); }

  // In microseconds of the supervisor's clock.
  std::atomic<int64_t> deadline_;
  std::atomic<int64_t> last_deadline_;
  std::atomic<int64_t> planned_;  // the deadline for which the supervisor will wake
  const CancelSource end_source_;

  mutable absl::Mutex mutex_;
  std::string kill_reason_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  ProcessEnd end_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. Must outlive its processes' users. Its end kills what still runs.
class Supervisor {
 public:
  // A line that a process printed. Called on the supervisor's thread.
  using LineSink = std::function<void(const std::string& label, pid_t pid, const std::string&)>;

  explicit Supervisor(LineSink sink);
  ~Supervisor();

  // `label` goes to the sink. Errors: those of Spawn(); SHUTTING_DOWN.
  absl::StatusOr<std::shared_ptr<WorkerProcess>> Start(SpawnOptions options, std::string label,
                                                       FrameLimits limits);

  // Runs `work` on the supervisor's thread and returns when it has run; at once when called there.
  void Run(absl::AnyInvocable<void()> work);

  const Clock& clock() const { return clock_; }

 private:
  friend class WorkerProcess;
  struct Entry;

  void Wake();
  void Loop();
  void Poll(absl::Duration timeout);
  void RunPosted();
  // Deadline and requested kills. Returns how long the entry can be left alone.
  absl::Duration Check(Entry& entry, absl::Time now);
  void ReadOutput(Entry& entry, bool to_the_end);
  // True when the process was reaped; its entry is to go.
  bool Reap(Entry& entry);

  const SystemClock clock_;
  const LineSink sink_;
  UniqueFd wake_read_;
  UniqueFd wake_write_;
  std::atomic<bool> wake_sent_ = false;

  absl::Mutex mutex_;
  std::vector<absl::AnyInvocable<void()>> posted_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::unique_ptr<Entry>> entries_;  // the thread's own
  std::thread thread_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_SUPERVISOR_H_

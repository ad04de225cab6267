// The compute scheduler: one for the whole daemon, over all models and clients.
//
// It decides in quanta. A quantum is one Model::Step of one model with a batch of jobs, bounded in
// time by the engine contract; between quanta every decision is taken anew by a pure policy
// (policy.h): request class first, with ageing; inside a class weighted fair shares by client in
// device time; deadlines; lanes with a capacity in cores.
//
// Thread-safe. Locks: one, never held across an engine, sink, model source or executor call; the
// timer is set under it. Sinks, sources and cancel callbacks may call back into the scheduler, but
// must not wait for it (WaitUntilIdle, the destructor).
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_SCHEDULER_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/scheduler/job.h"

namespace intelligenced {

// Limits on what clients can make the daemon hold: jobs that have not ended, running ones
// included, and their input. Refusal is immediate and names the limit in the metadata.
struct AdmissionLimits {
  int max_queued_jobs = 4096;              // QUEUE_FULL
  uint64_t max_queued_bytes = 256u << 20;  // QUEUE_FULL
  int max_client_jobs = 1024;              // CLIENT_QUOTA_EXCEEDED, metadata quota="jobs"
  uint64_t max_client_bytes = 64u << 20;   // CLIENT_QUOTA_EXCEEDED, metadata quota="bytes"
};

struct SchedulerOptions {
  AdmissionLimits limits;
  // Lanes and their capacity in cores (for a GPU: 1). A model on a lane that is not named here
  // gets a lane of capacity 1.
  std::map<std::string, int> lanes;
  // How long a step of a model may take while others wait, and while nobody else does.
  absl::Duration contended_quantum = absl::Milliseconds(20);
  absl::Duration idle_quantum = absl::Milliseconds(40);
  // A client's oldest waiting job counts as one class more urgent for every time this long in
  // which none of its class on its model was stepped (policy.h).
  absl::Duration ageing = absl::Seconds(10);
};

// A moment of the queue, for status pages.
struct SchedulerSnapshot {
  struct Class {
    RequestClass request_class = RequestClass::kInteractive;
    int waiting = 0;
    int running = 0;
    uint64_t completed = 0;
    uint64_t refused = 0;
  };
  struct Lane {
    std::string device;
    int capacity = 0;
    int in_use = 0;
    // Share of the last minute with at least one step running.
    double utilization = 0;
  };
  struct Client {
    SchedulerClient client;
    int waiting = 0;
    int running = 0;
    absl::Duration recent_device_time;  // last minute
    absl::Duration total_device_time;
    // Last ten seconds. A running job counts each delta as one token; the true number, known at
    // its end, corrects that (accounting.h).
    double output_tokens_per_second = 0;
    uint64_t requests = 0;
    absl::Time last_active;
  };
  std::vector<Class> classes;
  std::vector<Lane> lanes;
  // Active now or in the last minute.
  std::vector<Client> clients;
};

class Scheduler {
 public:
  // All pointers must outlive the scheduler. `executor` runs steps: it needs as many threads of its
  // own as the lanes' capacities together, lanes that only models name included, because a thread
  // goes on stepping while there is work. `timer` wakes the scheduler for deadlines and ageing.
  Scheduler(SchedulerOptions options, const Clock* clock, Executor* executor, Timer* timer);
  // Cancels what is left and waits until every job has ended.
  ~Scheduler();

  // Admits or refuses at once. Errors: QUEUE_FULL and CLIENT_QUOTA_EXCEEDED with a retry delay,
  // SHUTTING_DOWN, DEADLINE_EXCEEDED. On success the sink gets exactly one OnEnd.
  absl::StatusOr<std::shared_ptr<ScheduledJob>> Submit(JobRequest request);

  SchedulerSnapshot Snapshot() const;

  // Drain: refuses new jobs (SHUTTING_DOWN) and cancels BACKGROUND ones, with reason SHUTTING_DOWN.
  void BeginDrain();
  // Ends every job that is left with SHUTTING_DOWN, and refuses new ones.
  void CancelAll();
  // Blocks until no job is left or the clock reaches `deadline`. True: none left.
  bool WaitUntilIdle(absl::Time deadline);

 private:
  friend struct JobState;
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_SCHEDULER_H_

// Private to the scheduler: what it holds for a job, a model and a client.
//
// Life of a job:
//
//     Submit ──► kAcquiring ── Bind ──► kReady ◄────────────► kStepping
//                 ▲   │                  │ ▲                   │   │
//                 │   │ Fail, End        │ └─ still to do ─────┘   │ done, failed,
//                 │   ▼                  │ End                     │ or `end_status` set meanwhile
//                 │  kEnded ◄────────────┴─────────────────────────┘
//                 └── model lost before any output (kReady, kStepping)
//
// "End" is a cancel, a passed deadline, a drain. In kAcquiring and kReady it takes effect at once.
// In kStepping it sets `end_status` (the first one wins) and cancels the engine's token; the job
// leaves kStepping when the step returns. A job that completes in that very step has completed.
//
// Every change happens under Scheduler::Core::mutex_, which guards all fields here except those of
// the request and, while kStepping, `engine_job`, which belongs to the driving thread.
//
// A driver is a thread that has set ModelEntry::busy. Only it calls the model or destroys its
// engine jobs. An engine job whose ScheduledJob ends while not being driven goes to
// ModelEntry::doomed, with the lease, and is destroyed by the model's next driver; the sink does
// not wait for that.
//
// What a sink is to hear is queued in `deliveries` under the lock and called out without it, by one
// thread at a time (`delivering`): whoever finds the queue without a deliverer becomes it.
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_JOB_STATE_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_JOB_STATE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"
#include "runtime/scheduler/accounting.h"
#include "runtime/scheduler/admission.h"
#include "runtime/scheduler/job.h"
#include "runtime/scheduler/policy.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

struct ClientRecord {
  SchedulerClient info;
  Holdings held;
  // By lane and class, in device seconds by weight.
  std::vector<ClassTimes> virtual_time;
  SlidingSum device_seconds{60};
  TokenRate tokens;
  absl::Duration total_device_time;
  uint64_t requests = 0;
  absl::Time last_active;
  // Scratch of one snapshot or one applied step.
  int index = -1;
  std::array<bool, kRequestClassCount> stepped = {};
};

struct LaneRecord {
  std::string device;
  int capacity = 1;
  int in_use = 0;
  ClassTimes virtual_time = {};
  SlidingSum busy_seconds{60};
  // Up to when busy_seconds is counted, while in_use is above 0.
  absl::Time counted;
  absl::Time last_yield = absl::InfinitePast();
};

// An engine job to be destroyed by the model's driver, and the lease to be dropped after it.
struct DoomedJob {
  std::unique_ptr<Job> job;
  BoundModel bound;
};

struct JobState;

// One load of one model, while jobs are bound to it.
struct ModelEntry {
  std::string key;
  std::string name;
  int lane = 0;
  int width = 1;
  int max_batch = 1;
  bool busy = false;
  int step_class = 0;
  int step_width = 0;
  // Of the step in progress.
  absl::Duration step_unit;
  std::optional<CancelSource> step_yield;
  int jobs = 0;
  absl::Duration expected_step;
  std::vector<DoomedJob> doomed;
  // To be parked by the next driver.
  std::shared_ptr<JobState> park;
  // Scratch of one snapshot.
  int index = -1;
};

enum class JobPhase { kAcquiring, kReady, kStepping, kEnded };

struct LoadingNotice {};
struct EndNotice {
  absl::Status status;
  JobUsage usage;
  BoundModel bound;
  CancelRegistration registration;
};
using Delivery =
    std::variant<QueuePlace, LoadingNotice, std::vector<engine_proto::Event>, EndNotice>;

// The model first: once the lease is gone nobody may be left who could be the last to hold it.
inline void Release(BoundModel& bound) {
  bound.model.reset();
  bound.lease.reset();
}

struct JobState final : ScheduledJob, std::enable_shared_from_this<JobState> {
  explicit JobState(JobRequest job_request) : job(std::move(job_request)) {}

  const JobRequest& request() const override { return job; }
  void ModelLoading() override;
  void Bind(BoundModel model) override;
  void Fail(const absl::Status& status) override;
  void SetPaused(bool paused) override;
  QueuePlace Place() const override;

  // Constant once submitted; without its sink, which would keep itself alive through it.
  JobRequest job;
  std::weak_ptr<Scheduler::Core> core;
  uint64_t id = 0;

  JobPhase phase = JobPhase::kAcquiring;
  std::shared_ptr<JobSink> sink;
  ClientRecord* client = nullptr;
  absl::Time submitted;
  CancelRegistration registration;

  // Bound.
  BoundModel bound;
  ModelEntry* entry = nullptr;
  std::unique_ptr<Job> engine_job;
  std::optional<CancelSource> engine_cancel;
  std::optional<absl::Status> end_status;

  absl::Time waiting_since;
  absl::Time not_before = absl::InfinitePast();
  bool is_paused = false;
  bool stalled = false;
  bool parked = false;
  int stalls = 0;

  // Model lost: while it was in the model (once), and while it only waited for it.
  bool retried = false;
  bool alone = false;
  int rebinds = 0;
  bool had_output = false;

  absl::Time loading_since = absl::InfiniteFuture();
  std::optional<absl::Time> first_step;
  int deltas = 0;
  JobUsage usage;

  std::optional<int> told_position;
  std::vector<Delivery> deliveries;
  bool delivering = false;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_JOB_STATE_H_

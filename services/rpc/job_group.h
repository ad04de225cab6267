// The jobs of one call: submitted a few at a time, paused and cancelled together, their use summed.
#ifndef INTELLIGENCED_SERVICES_RPC_JOB_GROUP_H_
#define INTELLIGENCED_SERVICES_RPC_JOB_GROUP_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/scheduler/job.h"
#include "services/rpc/call.h"

namespace intelligenced {

// Receives what one job of a group gives. All calls come from inside the call's Run(): one at a
// time for the whole call, without a lock held.
class JobHandler {
 public:
  virtual ~JobHandler() = default;
  virtual void OnQueued(const QueuePlace& place) { static_cast<void>(place); }
  virtual void OnModelLoading() {}
  virtual void OnEvent(const engine_proto::Event& event) = 0;
  // Once, last. May add further jobs to the group.
  virtual void OnEnd(const absl::Status& status, const JobUsage& usage) = 0;
};

// Used from inside the call's Run() only. Owned by a shared_ptr; jobs keep it alive. Cancelling the
// call ends every job, those not submitted yet included.
class JobGroup final : public std::enable_shared_from_this<JobGroup> {
 public:
  // `prototype` is Call::MakeJob()'s. At most `window` jobs of this group are with the scheduler at
  // a time, so that a long text does not use the client's whole quota.
  JobGroup(std::shared_ptr<Call> call, JobRequest prototype, int window);

  // `on_idle` is called when the last job has ended and none waits.
  void SetIdleHook(absl::AnyInvocable<void()> on_idle) { on_idle_ = std::move(on_idle); }

  // Queues a job. A submission that is refused ends the job with the refusal, except that one
  // refused for lack of room waits while other jobs of the group run.
  // `model`: other than the prototype's; empty: that.
  void Add(engine_proto::Task task, uint64_t input_bytes, std::shared_ptr<JobHandler> handler,
           std::string model = "", Attachments attachments = {});

  // Slow reader: no further steps, no further submissions.
  void SetPaused(bool paused);

  bool idle() const { return running_.empty() && waiting_.empty(); }

 private:
  class Sink;
  struct Waiting {
    engine_proto::Task task;
    uint64_t input_bytes = 0;
    std::shared_ptr<JobHandler> handler;
    std::string model;
    Attachments attachments;
  };

  void Submit();
  void OnJobEnd(uint64_t id, const absl::Status& status, const JobUsage& usage,
                JobHandler& handler);

  const std::shared_ptr<Call> call_;
  const JobRequest prototype_;
  const int window_;
  absl::AnyInvocable<void()> on_idle_;
  std::deque<Waiting> waiting_;
  // Null until Submit() has returned the handle.
  std::map<uint64_t, std::shared_ptr<ScheduledJob>> running_;
  uint64_t next_id_ = 1;
  bool paused_ = false;
  bool submitting_ = false;
  bool watching_ = false;
  CancelRegistration cancelled_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_JOB_GROUP_H_

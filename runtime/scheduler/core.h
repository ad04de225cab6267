// Private to the scheduler: the thin shell around the policy. See job_state.h for the state
// machine.
//
// core.cc        submission, the model source's answers, ends, decisions
// core_step.cc   driving a model: start, step, apply what came out, model loss
// core_view.cc   snapshots for the policy and for people, places, calling sinks
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_CORE_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_CORE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "runtime/scheduler/job_state.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

class Scheduler::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(SchedulerOptions options, const Clock* clock, Executor* executor, Timer* timer);

  absl::StatusOr<std::shared_ptr<ScheduledJob>> Submit(JobRequest request);
  SchedulerSnapshot Snapshot() const;
  void BeginDrain();
  void CancelAll();
  bool WaitUntilIdle(absl::Time deadline);
  // CancelAll, then waits until no thread is inside. Nothing touches clock, executor or timer
  // after.
  void Stop();

  // For JobState.
  void ModelLoading(const std::shared_ptr<JobState>& job);
  void Bind(const std::shared_ptr<JobState>& job, BoundModel model);
  void Fail(const std::shared_ptr<JobState>& job, const absl::Status& status);
  void SetPaused(const std::shared_ptr<JobState>& job, bool paused);
  QueuePlace Place(const JobState& job) const;

 private:
  using JobPtr = std::shared_ptr<JobState>;

  // One turn at a model: destroy what is doomed, then, if there are jobs, one step.
  struct Drive {
    ModelEntry* entry = nullptr;
    Model* model = nullptr;
    std::vector<DoomedJob> doomed;
    // Stays alive while the model is driven: if its job ends, it is doomed, for the next driver.
    Job* park = nullptr;
    std::vector<JobPtr> jobs;
    // Charged in advance, in device time.
    absl::Duration advance_each;
    int step_class = 0;
    int width = 0;
    StepOptions options;
  };

  struct DriveResult {
    // Not OK: the model is lost.
    absl::Status model_status;
    // One for each job of the drive; a failed start is an output too.
    std::vector<JobOutput> outputs;
    // Which of them were given to Model::Step.
    std::vector<size_t> stepped;
    absl::Time begin;
    absl::Time end;
  };

  // What is decided under the lock and done without it.
  struct Outbox {
    std::vector<CancelSource> cancels;
    std::vector<Drive> drives;
    std::vector<BoundModel> drops;
    std::vector<JobPtr> deliver;
    std::vector<JobPtr> acquire;
  };

  // Counts a thread as inside for Stop().
  class Visit {
   public:
    explicit Visit(Core* core);
    ~Visit();

   private:
    Core* const core_;
  };

  // core.cc
  LaneRecord& LaneFor(std::string_view device, int* index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ClientRecord& ClientFor(const SchedulerClient& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIdleClients(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelJob(const JobPtr& job);
  // Refuses new jobs and ends those of this class and the less urgent ones.
  void EndAll(RequestClass most_urgent);
  // Ends the job now, or marks it to end when its step returns.
  void End(const JobPtr& job, absl::Status status, Outbox& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The job leaves the scheduler; its sink will hear of it.
  void Finish(const JobPtr& job, absl::Status status, Outbox& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the job off its model: what the engine holds of it becomes doomed.
  void Unbind(JobState& job, BoundModel* free_bound) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseIfUnused(ModelEntry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks the policy and takes its steps. `driving`: the caller drives models itself after this.
  void Plan(Outbox& out, bool driving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the most urgent job could be started on some lane.
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeStep(const PolicyStep& step, absl::Time now, Outbox& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeDoomed(Outbox& out, bool driving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks steps on the lane of a job that has become ready to end soon, where they should.
  void MakeRoomFor(const JobState& job, Outbox& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeAt(absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake();
  void AcquireAgain(const JobPtr& job);
  // Carries the outbox out. `keep` (may be null) takes the drives that this thread will do itself.
  void Flush(Outbox out, std::deque<Drive>* keep);
  bool IdleLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // core_step.cc
  void RunDrives(std::deque<Drive> drives);
  DriveResult Execute(Drive& drive);
  void Apply(Drive& drive, DriveResult& result, Outbox& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyOutput(const JobPtr& job, JobOutput& output, Outbox& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddVirtualTime(ClientRecord& client, int lane, int class_index, absl::Duration device_time)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Charge(const Drive& drive, const DriveResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleStalls(const Drive& drive, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResetWaits(const Drive& drive, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LoseModel(ModelEntry* entry, const absl::Status& status, const std::vector<JobPtr>& driven,
                 Outbox& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // core_view.cc
  PolicySnapshot TakeSnapshot(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellPlaces(absl::Time now, Outbox& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellPlace(const JobPtr& job, Outbox& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Queue(const JobPtr& job, Delivery delivery, Outbox& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(const JobPtr& job);
  void FinishDelivery(const JobPtr& job, std::shared_ptr<JobSink> sink,
                      CancelRegistration registration);
  PolicyOptions policy_options() const;
  static absl::Status LostError(std::string_view model);

  const SchedulerOptions options_;
  const Clock* const clock_;
  Executor* const executor_;
  Timer* const timer_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  // In order of submission (by id); live ones only.
  std::vector<JobPtr> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<LaneRecord>> lanes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<ModelEntry>> models_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<ClientRecord>> clients_ ABSL_GUARDED_BY(mutex_);
  // Device time of a whole job, by model name.
  std::map<std::string, Average> job_time_ ABSL_GUARDED_BY(mutex_);
  Holdings held_ ABSL_GUARDED_BY(mutex_);
  // Keys of models that failed as a whole, newest last.
  std::deque<std::string> lost_ ABSL_GUARDED_BY(mutex_);
  std::array<uint64_t, kRequestClassCount> completed_ ABSL_GUARDED_BY(mutex_) = {};
  std::array<uint64_t, kRequestClassCount> refused_ ABSL_GUARDED_BY(mutex_) = {};
  // Of ended jobs, to be destroyed by a thread that is in no cancel callback.
  std::vector<CancelRegistration> registrations_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time wake_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  Timer::Id wake_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time places_told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Admitted jobs whose OnEnd has not returned, drives handed out, doomed jobs not in a drive, and
  // threads inside.
  int unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  // Threads in RunDrives.
  int drivers_ ABSL_GUARDED_BY(mutex_) = 0;
  int drives_ ABSL_GUARDED_BY(mutex_) = 0;
  int doomed_ ABSL_GUARDED_BY(mutex_) = 0;
  int visits_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_CORE_H_

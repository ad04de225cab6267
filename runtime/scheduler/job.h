// What the scheduler takes in and gives back: a job request, its sink, and its handle.
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_JOB_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_JOB_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// Who a job is for, as far as scheduling goes: fair shares and limits are counted by `id`.
struct SchedulerClient {
  std::string id;
  // For people: the executable or unit.
  std::string display_name;
  uint32_t user_id = 0;
  // Relative share of device time inside a request class. Above 0.
  double weight = 1.0;
};

// Values are those of intelligence.v1.RequestClass, most urgent first.
enum class RequestClass { kInteractive = 1, kUtility = 2, kBackground = 3 };
inline constexpr int kRequestClassCount = 3;

// Place in the queue.
struct QueuePlace {
  // Jobs that would be started before this one. 0: next.
  int position = 0;
  std::optional<absl::Duration> expected_wait;
};

// What a job took.
struct JobUsage {
  // From submission to the first step, less load_time.
  absl::Duration queue_time;
  // Waiting for the model. Zero when it was resident.
  absl::Duration load_time;
  // This job's share of the steps it took part in.
  absl::Duration device_time;
  engine_proto::Completed completed;
  std::string model;
  std::string device;
};

// Receives what a job gives. Implemented by services. All calls come from scheduler threads (or
// the thread that submits or cancels), one at a time for one sink, without any lock held; they must
// be quick and must not block. No call comes after OnEnd.
class JobSink {
 public:
  virtual ~JobSink() = default;
  virtual void OnQueued(const QueuePlace& place) { static_cast<void>(place); }
  // The job waits for its model to be loaded.
  virtual void OnModelLoading(const std::string& model) { static_cast<void>(model); }
  virtual void OnEvents(std::vector<engine_proto::Event> events) = 0;
  // Exactly once, last.
  virtual void OnEnd(const absl::Status& status, const JobUsage& usage) = 0;
};

// A model that a job may be stepped on. Copyable; the model stays loaded while a copy lives.
struct BoundModel {
  // Unique for every load of every model ("stories#3"): the scheduler batches jobs by it.
  std::string key;
  // Name without generation.
  std::string name;
  std::shared_ptr<Model> model;
  // Dropped when the job has ended. Keeps the model from being unloaded.
  std::shared_ptr<void> lease;
};

class ScheduledJob;

// Where jobs get their model from (runtime/core joins it to residency).
class ModelSource {
 public:
  virtual ~ModelSource() = default;
  // Must end in exactly one job->Bind() or job->Fail(), now or later, on any thread; must not
  // block. Called at submission, and again when the model was lost: once for a job that was being
  // stepped and had no output yet (progress is not output), a few times for one that had only
  // waited for the model, and after a short delay when Bind() brought a model known to be lost.
  virtual void Acquire(const std::shared_ptr<ScheduledJob>& job) = 0;
};

struct JobRequest {
  SchedulerClient client;
  RequestClass request_class = RequestClass::kInteractive;
  // InfiniteFuture: none. Comparable to the scheduler's clock. An expired job is never started, and
  // a running one ends DEADLINE_EXCEEDED at the next quantum.
  absl::Time deadline = absl::InfiniteFuture();
  // Model name, as ModelSource understands it.
  std::string model;
  engine_proto::Task task;
  // Of the task's pictures. Kept until the job ends: a job that is tried again has them again.
  Attachments attachments = {};
  // Counted against the byte limits while the job lives.
  uint64_t input_bytes = 0;
  // Cancelling it ends the job CANCELLED; a running step is told through the engine.
  CancelToken cancel;
  std::shared_ptr<JobSink> sink;
  // Must outlive the job.
  ModelSource* models = nullptr;
  // Passed through for ModelSource.
  absl::Duration keep_alive = absl::ZeroDuration();
};

// Handle on a submitted job. Thread-safe. Dropping it does not end the job.
class ScheduledJob {
 public:
  virtual ~ScheduledJob() = default;
  virtual const JobRequest& request() const = 0;
  // ModelSource's answers.
  virtual void ModelLoading() = 0;
  virtual void Bind(BoundModel model) = 0;
  virtual void Fail(const absl::Status& status) = 0;
  // A paused job keeps its place and state but is not stepped (slow reader). One step more may be
  // decided already.
  virtual void SetPaused(bool paused) = 0;
  virtual QueuePlace Place() const = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_JOB_H_

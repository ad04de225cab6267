// The jobs inside a worker.
#ifndef INTELLIGENCED_RUNTIME_WORKER_HOST_JOBS_H_
#define INTELLIGENCED_RUNTIME_WORKER_HOST_JOBS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/base/fd.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// Carries step requests out on a model. Cancel() and Yield() may be called on any thread,
// the rest on one.
// What an engine throws although it must not ends here as ENGINE_FAILURE or MEMORY_INSUFFICIENT.
class HostJobs {
 public:
  // Pointers must outlive the object.
  HostJobs(Model* model, const Clock* clock) : model_(model), clock_(clock) {}

  // Drops, starts and steps; `sequence` is the request's number, which rises. `attachments` are the
  // descriptors that came with the request, for its start_jobs in their order. Errors:
  // FIELD_INVALID for a request that names no job or one twice, or that counts other attachments;
  // those of Model::Step.
  absl::StatusOr<engine_proto::StepReply> Step(const engine_proto::StepRequest& request,
                                               uint64_t sequence,
                                               std::vector<UniqueFd> attachments = {});
  absl::Status Park(uint64_t job_id);

  // A cancel may overtake the request that starts its job; it is kept until then. One for a job
  // that is gone does nothing.
  void Cancel(uint64_t job_id);

  // Step `sequence` should end soon. It may overtake the request; one for a step that is over does
  // nothing.
  void Yield(uint64_t sequence);

  size_t size() const { return jobs_.size(); }

 private:
  void Drop(uint64_t job_id);
  // Adds an output to the reply when the job cannot start.
  void Start(const engine_proto::StartJob& start, absl::Span<UniqueFd> attachments,
             engine_proto::StepReply* reply);
  CancelToken TokenFor(uint64_t job_id);
  CancelToken YieldTokenFor(uint64_t sequence);

  Model* const model_;
  const Clock* const clock_;
  std::map<uint64_t, std::unique_ptr<Job>> jobs_;

  absl::Mutex mutex_;
  std::map<uint64_t, CancelSource> sources_ ABSL_GUARDED_BY(mutex_);
  // Job numbers only rise, so a cancel for a higher one is for a job to come.
  uint64_t highest_started_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> cancelled_early_ ABSL_GUARDED_BY(mutex_);
  // The step that runs or ran last, and the last one that was asked to yield.
  uint64_t step_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t yielding_step_ ABSL_GUARDED_BY(mutex_) = 0;
  CancelSource yield_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_HOST_JOBS_H_

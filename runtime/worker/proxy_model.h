// The Model that stands in the daemon for one in a worker process (worker_model.h).
#ifndef INTELLIGENCED_RUNTIME_WORKER_PROXY_MODEL_H_
#define INTELLIGENCED_RUNTIME_WORKER_PROXY_MODEL_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/worker/worker_link.h"
#include "runtime/worker/worker_model.h"

namespace intelligenced {

// Ends the process: asks it to leave, kills it after `grace`, and waits for its end.
void EndWorker(WorkerLink& link, const Clock& clock, absl::Duration grace);

class ProxyModel final : public WorkerModel {
 public:
  struct Options {
    absl::Duration step_timeout;
    absl::Duration grace;
  };

  // `loaded` is the worker's answer to the load. `clock` outlives the model.
  ProxyModel(std::shared_ptr<WorkerLink> link, const Clock* clock, Options options,
             engine_proto::LoadReply loaded);
  ~ProxyModel() override;

  // Keeps the callback of worker_model.h alive as long as the model.
  void set_on_lost(CancelRegistration on_lost) { on_lost_ = std::move(on_lost); }

  const engine_proto::ModelInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }
  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override;
  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override;
  // May be called beside a Step on another thread: it then answers what was measured last.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override;

  pid_t pid() const override { return link_->process().pid(); }
  const std::vector<std::string>& protections() const override { return protections_; }
  bool lost() const override { return link_->lost(); }

 private:
  class ProxyJob;
  struct Batch;

  absl::Status ParkJob(uint64_t job_id);
  void DropJob(uint64_t job_id);
  Batch MakeBatch(absl::Span<Job* const> jobs, const StepOptions& options);
  static absl::Status Distribute(engine_proto::StepReply* reply, Batch* batch);

  const std::shared_ptr<WorkerLink> link_;
  const Clock* const clock_;
  const Options options_;
  const engine_proto::ModelInfo info_;
  const std::vector<std::string> protections_;
  uint64_t next_job_id_ = 1;

  // One conversation at a time. Held across the round trip: its only other user is MeasureUsage(),
  // which does not wait for it.
  absl::Mutex turn_;
  absl::Mutex usage_mutex_;
  engine_proto::ResourceUsage usage_ ABSL_GUARDED_BY(usage_mutex_);

  CancelRegistration on_lost_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_PROXY_MODEL_H_

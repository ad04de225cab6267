// A server-streaming call that is answered by jobs of a model, or of several: what all such calls
// share.
//
// Waiting (queued, model_loading) is told until the first output; the first failure ends the other
// jobs and then the call; when all jobs have ended well the subclass writes `completed`.
#ifndef INTELLIGENCED_SERVICES_RPC_MODEL_RUN_H_
#define INTELLIGENCED_SERVICES_RPC_MODEL_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/common.pb.h"
#include "runtime/models/manifest.h"
#include "services/rpc/job_group.h"
#include "services/rpc/serve.h"

namespace intelligenced {

// The longest input plus output of a model: its own answer once it was loaded, else the manifest's,
// else 0.
uint32_t ContextTokensOf(const Runtime& runtime, const Manifest& model);

// Everything happens inside the call's Run(). Owned by a shared_ptr that the jobs hold.
class ModelRun : public std::enable_shared_from_this<ModelRun> {
 public:
  virtual ~ModelRun() = default;

 protected:
  struct JobCallbacks {
    // Where the job runs; empty: on the run's model.
    std::string model = {};
    std::function<void(const engine_proto::Event&)> on_event;
    // Also called for failures; the default fails the call.
    std::function<void(const absl::Status&, const JobUsage&)> on_end;
  };

  ModelRun(std::shared_ptr<StreamCall> call, const intelligence::v1::RequestOptions& options,
           Manifest model, int window);

  // Before the first AddJob().
  void Bind();
  void AddJob(engine_proto::Task task, uint64_t input_bytes, JobCallbacks callbacks,
              Attachments attachments = {});
  // In the place of the first AddJob(): there is nothing to compute.
  void CompleteWithoutJobs();
  // In the place of the first AddJob(): `status`, an error, is all there is.
  void FailWithoutJobs(const absl::Status& status);
  // The first status wins; the other jobs are cancelled.
  void Fail(const absl::Status& status);
  bool failed() const { return !failure_.ok(); }

  // Runs `work` on the blocking executor and `then` inside Run() afterwards: for what takes longer
  // than a moment. Call it before any job was added.
  void RunSlow(std::function<void()> work, std::function<void()> then);

  StreamCall& call() const { return *call_; }
  const Manifest& model() const { return model_; }
  uint32_t ContextTokens() const { return ContextTokensOf(call_->runtime(), model_); }

  // Writes `completed`.
  virtual void Complete() = 0;
  virtual void WriteQueued(const intelligence::v1::Queued& queued) = 0;
  virtual void WriteModelLoading(const intelligence::v1::ModelLoading& loading) = 0;

 private:
  class Handler;

  const std::shared_ptr<StreamCall> call_;
  const Manifest model_;
  std::shared_ptr<JobGroup> jobs_;
  absl::Status failure_;
  bool has_jobs_ = false;
  bool has_output_ = false;
};

// Fills the events that every streamed response has.
template <typename Response>
class TypedModelRun : public ModelRun {
 protected:
  using ModelRun::ModelRun;

  void WriteQueued(const intelligence::v1::Queued& queued) override {
    Response response;
    *response.mutable_queued() = queued;
    call().Write(response);
  }
  void WriteModelLoading(const intelligence::v1::ModelLoading& loading) override {
    Response response;
    *response.mutable_model_loading() = loading;
    call().Write(response);
  }
  void WriteProgress(uint64_t done, uint64_t total) {
    Response response;
    response.mutable_progress()->set_done(done);
    response.mutable_progress()->set_total(total);
    call().Write(response);
  }
};

// The model for a capability, by the request's options ("models/x", "x" or nothing).
absl::StatusOr<Manifest> FindModelFor(const Runtime& runtime, std::string_view capability,
                                      const intelligence::v1::RequestOptions& options);

intelligence::v1::FinishReason ToFinishReason(engine_proto::FinishReason reason);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_MODEL_RUN_H_

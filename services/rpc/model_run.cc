#include "services/rpc/model_run.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {

class ModelRun::Handler final : public JobHandler {
 public:
  Handler(std::shared_ptr<ModelRun> run, bool first, JobCallbacks callbacks)
      : run_(std::move(run)), first_(first), callbacks_(std::move(callbacks)) {}

  void OnQueued(const QueuePlace& place) override {
    if (!first_ || run_->has_output_ || place_ == place.position) return;
    place_ = place.position;
    intelligence::v1::Queued queued;
    queued.set_position(static_cast<uint32_t>(place.position));
    if (place.expected_wait.has_value()) {
      SetDuration(*place.expected_wait, queued.mutable_expected_wait());
    }
    run_->WriteQueued(queued);
  }
  void OnModelLoading() override {
    if (!first_ || run_->has_output_) return;
    intelligence::v1::ModelLoading loading;
    loading.set_model(
        ModelResourceName(callbacks_.model.empty() ? run_->model_.name : callbacks_.model));
    run_->WriteModelLoading(loading);
  }
  void OnEvent(const engine_proto::Event& event) override {
    run_->has_output_ = true;
    if (!run_->failed()) callbacks_.on_event(event);
  }
  void OnEnd(const absl::Status& status, const JobUsage& usage) override {
    if (run_->failed()) return;
    if (callbacks_.on_end) {
      callbacks_.on_end(status, usage);
    } else if (!status.ok()) {
      run_->Fail(status);
    }
  }

 private:
  const std::shared_ptr<ModelRun> run_;
  const bool first_;
  const JobCallbacks callbacks_;
  std::optional<int> place_;
};

ModelRun::ModelRun(std::shared_ptr<StreamCall> call,
                   const intelligence::v1::RequestOptions& options, Manifest model, int window)
    : call_(std::move(call)),
      model_(std::move(model)),
      jobs_(std::make_shared<JobGroup>(call_, call_->MakeJob(options, model_.name), window)) {}

void ModelRun::Bind() {
  call_->NoteFunction(model_.function);
  call_->SetPauseHook([jobs = jobs_](bool paused) { jobs->SetPaused(paused); });
  jobs_->SetIdleHook([self = shared_from_this()] {
    if (!self->failed()) self->Complete();
    self->call_->End(self->failure_);
  });
}

void ModelRun::AddJob(engine_proto::Task task, uint64_t input_bytes, JobCallbacks callbacks,
                      Attachments attachments) {
  const bool first = !std::exchange(has_jobs_, true);
  if (task.has_generate()) {
    // What the engine keeps of a client's texts is for that client alone.
    task.mutable_generate()->set_cache_key(call_->caller().client.id);
    task.mutable_generate()->set_function(model_.function);
  }
  std::string model = callbacks.model;
  jobs_->Add(std::move(task), input_bytes,
             std::make_shared<Handler>(shared_from_this(), first, std::move(callbacks)),
             std::move(model), std::move(attachments));
}

void ModelRun::CompleteWithoutJobs() {
  jobs_->SetIdleHook(nullptr);
  Complete();
  call_->End(absl::OkStatus());
}

void ModelRun::FailWithoutJobs(const absl::Status& status) {
  jobs_->SetIdleHook(nullptr);
  call_->End(status);
}

void ModelRun::Fail(const absl::Status& status) {
  if (failed() || status.ok()) return;
  failure_ = status;
  call_->Cancel();
}

void ModelRun::RunSlow(std::function<void()> work, std::function<void()> then) {
  call_->runtime().blocking().Run(
      [self = shared_from_this(), work = std::move(work), then = std::move(then)]() mutable {
        work();
        StreamCall& call = *self->call_;
        call.Run([self = std::move(self), then = std::move(then)] { then(); });
      });
}

uint32_t ContextTokensOf(const Runtime& runtime, const Manifest& model) {
  const absl::StatusOr<ModelStatus> status = runtime.models().Get(model.name);
  if (status.ok() && status->info.context_tokens() > 0) return status->info.context_tokens();
  const auto parameter = model.parameters.find("context_tokens");
  uint32_t tokens = 0;
  if (parameter != model.parameters.end() && absl::SimpleAtoi(parameter->second, &tokens)) {
    return tokens;
  }
  return 0;
}

absl::StatusOr<Manifest> FindModelFor(const Runtime& runtime, std::string_view capability,
                                      const intelligence::v1::RequestOptions& options) {
  if (options.model().empty()) return runtime.FindModel(capability, "");
  return runtime.FindModel(capability, options.model());
}

intelligence::v1::FinishReason ToFinishReason(engine_proto::FinishReason reason) {
  switch (reason) {
    case engine_proto::FINISH_REASON_LENGTH:
      return intelligence::v1::FINISH_REASON_LENGTH;
    case engine_proto::FINISH_REASON_REFUSAL:
      return intelligence::v1::FINISH_REASON_REFUSAL;
    case engine_proto::FINISH_REASON_CANCELLED_BY_LIMIT:
      return intelligence::v1::FINISH_REASON_CANCELLED_BY_LIMIT;
    default:
      return intelligence::v1::FINISH_REASON_STOP;
  }
}

}  // namespace intelligenced

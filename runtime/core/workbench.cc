#include "runtime/core/workbench.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// What may wait to be taken in before the work pauses.
constexpr size_t kMaxWaitingBytes = size_t{32} << 20;

// Receives from the scheduler, and gives the job its model. The job owns it.
class WorkbenchSink final : public JobSink, public ModelSource {
 public:
  explicit WorkbenchSink(std::shared_ptr<Model> model) : model_(std::move(model)) {}

  // ModelSource.
  void Acquire(const std::shared_ptr<ScheduledJob>& job) override {
    std::shared_ptr<Model> model;
    {
      absl::MutexLock lock(mutex_);
      model = std::exchange(model_, nullptr);
    }
    if (model == nullptr) {
      // Asked again: the worker died. Half a measurement is none.
      job->Fail(MakeError(Reason::kWorkerLost, "The process that measured the model has died."));
      return;
    }
    // No other job ever has this address at the same time.
    const std::string key =
        absl::StrCat("workbench#", absl::Hex(reinterpret_cast<uintptr_t>(model.get())));
    job->Bind(
        {.key = key, .name = job->request().model, .model = std::move(model), .lease = nullptr});
  }

  // JobSink.
  void OnEvents(std::vector<engine_proto::Event> events) override {
    std::shared_ptr<ScheduledJob> pause;
    {
      absl::MutexLock lock(mutex_);
      for (engine_proto::Event& event : events) {
        waiting_bytes_ += event.ByteSizeLong();
        waiting_.push_back(std::move(event));
      }
      if (waiting_bytes_ > kMaxWaitingBytes && !paused_ && job_ != nullptr) {
        paused_ = true;
        pause = job_;
      }
    }
    if (pause != nullptr) pause->SetPaused(true);
  }
  void OnEnd(const absl::Status& status, const JobUsage&) override {
    absl::MutexLock lock(mutex_);
    ended_ = status;
    job_ = nullptr;
  }

  void SetJob(std::shared_ptr<ScheduledJob> job) {
    absl::MutexLock lock(mutex_);
    if (!ended_.has_value()) job_ = std::move(job);
  }

  // The next event; nothing at the end.
  std::optional<engine_proto::Event> Next() {
    std::optional<engine_proto::Event> event;
    std::shared_ptr<ScheduledJob> resume;
    {
      absl::MutexLock lock(mutex_);
      auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !waiting_.empty() || ended_.has_value();
      };
      mutex_.Await(absl::Condition(&something));
      if (waiting_.empty()) return std::nullopt;
      event = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= event->ByteSizeLong();
      if (paused_ && waiting_bytes_ < kMaxWaitingBytes / 2) {
        paused_ = false;
        resume = job_;
      }
    }
    if (resume != nullptr) resume->SetPaused(false);
    return event;
  }
  absl::Status status() {
    absl::MutexLock lock(mutex_);
    return *ended_;
  }
  // When no job has taken it.
  void DropModel() {
    std::shared_ptr<Model> model;
    absl::MutexLock lock(mutex_);
    model.swap(model_);
  }

 private:
  absl::Mutex mutex_;
  std::shared_ptr<Model> model_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<ScheduledJob> job_ ABSL_GUARDED_BY(mutex_);
  std::deque<engine_proto::Event> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
};

absl::Status CheckMemory(const Runtime& runtime, uint64_t bytes) {
  const uint64_t available = runtime.models().MemorySnapshot().machine.available_bytes;
  if (available >= bytes) return absl::OkStatus();
  return MakeError(
      Reason::kMemoryInsufficient,
      absl::StrCat("Measuring the model needs about ", bytes >> 20, " MiB of memory; ",
                   available >> 20, " MiB are free. Unload models or close programs first."),
      {.metadata = {{"needed_bytes", absl::StrCat(bytes)},
                    {"available_bytes", absl::StrCat(available)}},
       .retry_delay = absl::Seconds(10),
       .field = ""});
}

}  // namespace

absl::Status RunOnWorkbench(const Runtime& runtime, const engine_proto::ModelSpec& spec,
                            uint64_t memory_bytes, JobRequest request,
                            absl::FunctionRef<absl::Status(const engine_proto::Event&)> on_event) {
  if (runtime.loader() == nullptr) {
    return MakeError(Reason::kModelLoadFailed, "This daemon cannot measure models.");
  }
  if (absl::Status status = CheckMemory(runtime, memory_bytes); !status.ok()) return status;
  // Ends with the caller's token, or because of what on_event says.
  CancelSource stop;
  const CancelRegistration outer = request.cancel.OnCancel([&stop] { stop.Cancel(); });
  absl::StatusOr<LoadedModel> loaded = runtime.loader()->Load(spec, stop.token(), nullptr);
  if (!loaded.ok()) return loaded.status();
  // The process ends, and is waited for, on this thread and not on one of the scheduler's: others
  // get a handle that only tells when they have let go.
  absl::Notification let_go;
  const auto sink = std::make_shared<WorkbenchSink>(
      std::shared_ptr<Model>(loaded->model.get(), [&let_go](Model*) { let_go.Notify(); }));
  request.cancel = stop.token();
  request.sink = sink;
  request.models = sink.get();
  absl::StatusOr<std::shared_ptr<ScheduledJob>> job =
      runtime.scheduler().Submit(std::move(request));
  absl::Status refused = job.status();
  const bool submitted = job.ok();
  if (submitted) sink->SetJob(*std::move(job));
  while (submitted) {
    const std::optional<engine_proto::Event> event = sink->Next();
    if (!event.has_value()) break;
    if (!refused.ok()) continue;
    refused = on_event(*event);
    if (!refused.ok()) stop.Cancel();
  }
  sink->DropModel();
  let_go.WaitForNotification();
  return refused.ok() ? sink->status() : refused;
}

}  // namespace intelligenced

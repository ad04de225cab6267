// What the scheduler's tests drive: a model that does what a script says, a source that binds it,
// and a sink that writes down what it hears. Each checks the promises made to it.
#ifndef INTELLIGENCED_TESTS_UNIT_SCHEDULER_SCRIPTED_MODEL_H_
#define INTELLIGENCED_TESTS_UNIT_SCHEDULER_SCRIPTED_MODEL_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/base/reasons.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

// Sets a flag while it lives; a second one at the same time is a failure.
class Exclusive {
 public:
  explicit Exclusive(std::atomic<bool>& flag) : flag_(flag) {
    EXPECT_FALSE(flag_.exchange(true)) << "used by two at a time";
  }
  ~Exclusive() { flag_ = false; }

 private:
  std::atomic<bool>& flag_;
};

// FakeTask as a script: prefill_units silent units, then one unit for each delta, then Completed.
// payload_bytes is the job's tag, unit_microseconds the time of a unit (0: 1 ms). A step does one
// unit of every job and takes as long as the longest of them.
class ScriptedModel final : public Model {
 public:
  // `clock` may be null: steps take no time.
  ScriptedModel(ManualClock* clock, engine_proto::ModelInfo info)
      : clock_(clock), info_(std::move(info)) {}
  ~ScriptedModel() override { EXPECT_EQ(live_jobs, 0) << "a model outlives its jobs"; }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    const Exclusive exclusive(driven_);
    const uint64_t tag = task.fake().payload_bytes();
    if (on_start) {
      if (absl::Status status = on_start(tag); !status.ok()) return status;
    }
    started.push_back(tag);
    return std::make_unique<ScriptedJob>(this, task.fake(), std::move(cancel));
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    const Exclusive exclusive(driven_);
    EXPECT_FALSE(jobs.empty());
    EXPECT_LE(jobs.size(), info_.max_batch());
    std::vector<uint64_t> tags;
    absl::Duration time;
    for (Job* job : jobs) {
      const auto& scripted = static_cast<ScriptedJob&>(*job);
      tags.push_back(scripted.task.payload_bytes());
      const int64_t microseconds = scripted.task.unit_microseconds();
      time = std::max(time, absl::Microseconds(microseconds > 0 ? microseconds : 1000));
    }
    steps.push_back(tags);
    budgets.push_back(options.budget);
    if (clock_ != nullptr) clock_->Advance(time);
    if (on_step) {
      if (absl::Status status = on_step(tags); !status.ok()) return status;
    }
    units.push_back(options.unit);
    yielded.push_back(options.yield.cancelled());
    std::vector<JobOutput> outputs;
    for (Job* job : jobs) outputs.push_back(static_cast<ScriptedJob&>(*job).Advance());
    if (drop_an_output) outputs.pop_back();
    return outputs;
  }

  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

  // Hooks, called on the driving thread inside the step, after its time has passed.
  std::function<absl::Status(const std::vector<uint64_t>& tags)> on_step;
  std::function<absl::Status(uint64_t tag)> on_start;
  // Work that a job does in this unit; 0 is a stall. Default 1.
  std::function<double(uint64_t tag)> work;
  bool drop_an_output = false;
  // What happened.
  std::vector<std::vector<uint64_t>> steps;
  std::vector<absl::Duration> budgets;
  std::vector<absl::Duration> units;
  // Whether each step was asked to yield while it ran.
  std::vector<bool> yielded;
  std::vector<uint64_t> started;
  std::vector<uint64_t> parked;
  std::atomic<int> live_jobs = 0;
  std::atomic<int> leases = 0;

 private:
  struct ScriptedJob final : Job {
    ScriptedJob(ScriptedModel* owner, engine_proto::FakeTask fake, CancelToken token)
        : model(owner), task(std::move(fake)), cancel(std::move(token)) {
      ++model->live_jobs;
    }
    ~ScriptedJob() override {
      const Exclusive exclusive(model->driven_);
      --model->live_jobs;
    }
    absl::Status Park() override {
      const Exclusive exclusive(model->driven_);
      model->parked.push_back(task.payload_bytes());
      return absl::OkStatus();
    }
    JobOutput Advance() {
      JobOutput output;
      output.work = model->work ? model->work(task.payload_bytes()) : 1;
      if (output.work <= 0) return output;
      if (cancel.cancelled()) {
        output.done = true;
        output.status = MakeError(Reason::kCancelled, "The engine saw the cancellation.");
        return output;
      }
      const int prefill = static_cast<int>(task.prefill_units());
      if (unit >= prefill && unit - prefill < task.deltas_size()) {
        output.events.emplace_back().set_delta(task.deltas(unit - prefill));
      }
      ++unit;
      if (task.fail_after_units() > 0 && unit >= static_cast<int>(task.fail_after_units())) {
        output.done = true;
        output.status = MakeError(Reason::kEngineFailure, "The script says so.");
      } else if (unit >= prefill + task.deltas_size()) {
        output.done = true;
        auto* completed = output.events.emplace_back().mutable_completed();
        completed->set_finish_reason(engine_proto::FINISH_REASON_STOP);
        completed->set_output_tokens(task.deltas_size());
      }
      return output;
    }
    ScriptedModel* const model;
    const engine_proto::FakeTask task;
    const CancelToken cancel;
    int unit = 0;
  };

  ManualClock* const clock_;
  const engine_proto::ModelInfo info_;
  std::atomic<bool> driven_ = false;
};

inline engine_proto::ModelInfo MakeInfo(uint32_t max_batch, uint32_t width = 1,
                                        const std::string& device = "cpu") {
  engine_proto::ModelInfo info;
  info.set_max_batch(max_batch);
  info.set_width(width);
  info.set_device(device);
  return info;
}

// Binds models by name. Thread-safe. Counts leases.
class ScriptedSource final : public ModelSource {
 public:
  ~ScriptedSource() override { EXPECT_EQ(leases, 0) << "a lease was not dropped"; }

  void Add(const std::string& name, std::shared_ptr<ScriptedModel> model) {
    absl::MutexLock lock(mutex_);
    ++generation_[name];
    models_[name] = std::move(model);
  }

  void Acquire(const std::shared_ptr<ScheduledJob>& job) override {
    ++acquires;
    if (on_acquire) on_acquire(*job);
    if (hold) {
      absl::MutexLock lock(mutex_);
      held_.push_back(job);
      return;
    }
    Answer(job);
  }

  // Answers those held, in order.
  void Release() {
    std::vector<std::shared_ptr<ScheduledJob>> jobs;
    {
      absl::MutexLock lock(mutex_);
      jobs.swap(held_);
    }
    for (const auto& job : jobs) Answer(job);
  }

  std::atomic<bool> hold = false;
  std::function<void(ScheduledJob&)> on_acquire;
  // Lets it check that every job inside a model has a lease.
  bool one_thread = true;
  std::atomic<int> acquires = 0;
  std::atomic<int> leases = 0;

 private:
  void Answer(const std::shared_ptr<ScheduledJob>& job) {
    BoundModel bound;
    {
      absl::MutexLock lock(mutex_);
      const std::string& name = job->request().model;
      if (const auto it = models_.find(name); it != models_.end()) {
        bound.name = name;
        bound.key = absl::StrCat(name, "#", generation_[name]);
        bound.model = it->second;
        ++leases;
        ++it->second->leases;
        std::weak_ptr<ScriptedModel> weak = it->second;
        bound.lease = std::shared_ptr<void>(nullptr, [this, weak](void*) {
          --leases;
          if (auto model = weak.lock()) {
            --model->leases;
            if (one_thread) EXPECT_GE(model->leases, model->live_jobs) << "dropped too early";
          }
        });
      }
    }
    if (bound.model != nullptr) {
      job->Bind(std::move(bound));
    } else {
      job->Fail(MakeError(Reason::kModelNotFound, "There is no such model."));
    }
  }

  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<ScriptedModel>> models_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> generation_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<ScheduledJob>> held_ ABSL_GUARDED_BY(mutex_);
};

// Writes down what it hears: "queued 2", "loading m", "delta x", "progress", "completed", "end OK".
class RecordingSink final : public JobSink {
 public:
  explicit RecordingSink(const Clock* clock = nullptr) : clock_(clock) {}

  void OnQueued(const QueuePlace& place) override {
    Hear(absl::StrCat("queued ", place.position));
    last_place = place;
  }
  void OnModelLoading(const std::string& model) override { Hear("loading " + model); }
  void OnEvents(std::vector<engine_proto::Event> events) override {
    for (const engine_proto::Event& event : events) {
      if (event.has_delta()) Hear("delta " + event.delta());
      if (event.has_progress()) Hear("progress");
      if (event.has_completed()) Hear("completed");
    }
    if (on_events) on_events();
  }
  void OnEnd(const absl::Status& end_status, const JobUsage& end_usage) override {
    const auto reason = ReasonOf(end_status);
    Hear(absl::StrCat("end ", reason.has_value() ? ReasonName(*reason)
                                                 : absl::StatusCodeToString(end_status.code())));
    status = end_status;
    usage = end_usage;
    if (clock_ != nullptr) end_time = clock_->Now();
    ++ends;
    if (on_end) on_end();
  }

  bool ended() const { return ends > 0; }

  std::function<void()> on_events;
  std::function<void()> on_end;
  std::vector<std::string> heard;
  QueuePlace last_place;
  absl::Status status;
  JobUsage usage;
  absl::Time end_time;
  std::atomic<int> ends = 0;

 private:
  void Hear(std::string what) {
    const Exclusive exclusive(called_);
    EXPECT_EQ(ends, 0) << what << " after the end";
    heard.push_back(std::move(what));
  }

  const Clock* const clock_;
  std::atomic<bool> called_ = false;
};

// One scheduler under a manual clock, on this thread.
class SchedulerFixture : public testing::Test {
 protected:
  ~SchedulerFixture() override { Finish(); }

  Scheduler& scheduler() {
    if (scheduler_ == nullptr) {
      scheduler_ = std::make_unique<Scheduler>(options_, &clock_, &executor_, &executor_);
    }
    return *scheduler_;
  }

  // Ends what is left: the destructor would wait for this thread.
  void Finish() {
    if (scheduler_ == nullptr) return;
    source_.hold = false;
    scheduler_->CancelAll();
    source_.Release();
    executor_.RunUntilIdle();
    EXPECT_TRUE(scheduler_->WaitUntilIdle(clock_.Now()));
    scheduler_.reset();
  }

  std::shared_ptr<ScriptedModel> AddModel(const std::string& name, uint32_t max_batch = 1,
                                          uint32_t width = 1, const std::string& device = "cpu") {
    auto model = std::make_shared<ScriptedModel>(&clock_, MakeInfo(max_batch, width, device));
    source_.Add(name, model);
    return model;
  }

  struct Submitted {
    std::shared_ptr<RecordingSink> sink;
    std::shared_ptr<ScheduledJob> job;
    CancelSource cancel;
    absl::Status status;
  };

  // A job of `units` silent units on model "m"; what is to differ is changed in `edit`.
  Submitted Submit(const std::string& client, RequestClass request_class, int units,
                   const std::function<void(JobRequest&)>& edit = nullptr) {
    Submitted submitted;
    submitted.sink = std::make_shared<RecordingSink>(&clock_);
    JobRequest request;
    request.client.id = client;
    request.request_class = request_class;
    request.model = "m";
    request.task.mutable_fake()->set_prefill_units(units);
    request.task.mutable_fake()->set_payload_bytes(++last_tag_);
    request.cancel = submitted.cancel.token();
    request.sink = submitted.sink;
    request.models = &source_;
    if (edit) edit(request);
    auto job = scheduler().Submit(std::move(request));
    submitted.status = job.status();
    if (job.ok()) submitted.job = *std::move(job);
    return submitted;
  }

  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  SchedulerOptions options_{.limits = {}, .lanes = {{"cpu", 1}}};
  ScriptedSource source_;
  uint64_t last_tag_ = 0;

 private:
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SCHEDULER_SCRIPTED_MODEL_H_

// The scheduler's promises, one at a time, under a manual clock.
#include "runtime/scheduler/scheduler.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/scheduler/policy.h"
#include "tests/unit/scheduler/scripted_model.h"

namespace intelligenced {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr RequestClass kInteractive = RequestClass::kInteractive;
constexpr RequestClass kUtility = RequestClass::kUtility;
constexpr RequestClass kBackground = RequestClass::kBackground;

class SchedulerTest : public SchedulerFixture {
 protected:
  // Deltas instead of silent units.
  static auto Deltas(std::vector<std::string> deltas) {
    return [deltas](JobRequest& request) {
      request.task.mutable_fake()->set_prefill_units(0);
      for (const std::string& delta : deltas) request.task.mutable_fake()->add_deltas(delta);
    };
  }
  static auto On(const std::string& model) {
    return [model](JobRequest& request) { request.model = model; };
  }
};

TEST_F(SchedulerTest, RunsAJobToItsEnd) {
  auto model = AddModel("m");
  auto job = Submit("app", kInteractive, 0, Deltas({"a", "b"}));
  ASSERT_TRUE(job.status.ok());
  EXPECT_THAT(job.sink->heard, IsEmpty()) << "nothing runs on the submitting thread";
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, ElementsAre("delta a", "delta b", "completed", "end OK"));
  EXPECT_EQ(job.sink->usage.model, "m");
  EXPECT_EQ(job.sink->usage.device, "cpu");
  EXPECT_EQ(job.sink->usage.device_time, absl::Milliseconds(2));
  EXPECT_EQ(job.sink->usage.queue_time, absl::ZeroDuration());
  EXPECT_EQ(job.sink->usage.load_time, absl::ZeroDuration());
  EXPECT_EQ(job.sink->usage.completed.output_tokens(), 2u);
  EXPECT_EQ(model->live_jobs, 0);
  EXPECT_EQ(source_.leases, 0);
  EXPECT_TRUE(scheduler().WaitUntilIdle(clock_.Now()));
}

TEST_F(SchedulerTest, AStepWithLongUnitsYieldsToAnUrgentNewcomer) {
  auto model = AddModel("m");
  Submitted urgent;
  model->on_step = [&](const std::vector<uint64_t>&) {
    if (model->steps.size() == 2) urgent = Submit("person", kInteractive, 1);
    return absl::OkStatus();
  };
  Submit("app", kBackground, 4);
  executor_.RunUntilIdle();
  const absl::Duration lengthy = PolicyOptions().idle_unit;
  EXPECT_THAT(model->yielded, ElementsAre(false, true, false, false, false));
  EXPECT_THAT(model->units, ElementsAre(lengthy, lengthy, StepOptions::kUnit, StepOptions::kUnit,
                                        StepOptions::kUnit))
      << "nobody asks for more than once a second to give up what was begun";
  EXPECT_EQ(urgent.sink->heard.back(), "end OK");
}

TEST_F(SchedulerTest, AStepYieldsToAPersonWhoIsServedBesideIt) {
  auto slow = AddModel("slow");
  auto quick = AddModel("quick");
  slow->on_step = [&](const std::vector<uint64_t>&) {
    if (slow->steps.size() == 2) Submit("person", kInteractive, 1, On("quick"));
    return absl::OkStatus();
  };
  Submit("app", kBackground, 4, On("slow"));
  executor_.RunUntilIdle();
  EXPECT_THAT(slow->yielded, ElementsAre(false, true, false, false));
  EXPECT_THAT(quick->yielded, ElementsAre(false)) << "not to its own job";
}

TEST_F(SchedulerTest, AnUrgentStepDoesNotYieldToBackground) {
  auto model = AddModel("m");
  model->on_step = [&](const std::vector<uint64_t>&) {
    if (model->steps.size() == 1) Submit("app", kBackground, 1);
    return absl::OkStatus();
  };
  Submit("person", kInteractive, 2);
  executor_.RunUntilIdle();
  EXPECT_THAT(model->yielded, ElementsAre(false, false, false));
}

TEST_F(SchedulerTest, OneThreadStepsAgainAndAgain) {
  AddModel("m");
  Submit("app", kInteractive, 100);
  EXPECT_LE(executor_.RunUntilIdle(), 2) << "every step costs a hop to another thread";
}

TEST_F(SchedulerTest, SinkAndHandleDoNotKeepEachOtherAlive) {
  AddModel("m");
  auto job = Submit("app", kInteractive, 1);
  job.sink->on_end = [keep = job.job] {};
  std::weak_ptr<RecordingSink> sink = job.sink;
  std::weak_ptr<ScheduledJob> handle = job.job;
  job.sink.reset();
  job.job.reset();
  executor_.RunUntilIdle();
  EXPECT_TRUE(sink.expired());
  EXPECT_TRUE(handle.expired());
}

TEST_F(SchedulerTest, QueuedJobsHearTheirPlace) {
  AddModel("m");
  auto first = Submit("app", kInteractive, 1000);
  auto second = Submit("app", kInteractive, 1);
  auto third = Submit("app", kInteractive, 1);
  EXPECT_THAT(first.sink->heard, IsEmpty());
  EXPECT_THAT(second.sink->heard, ElementsAre("queued 0"));
  EXPECT_THAT(third.sink->heard, ElementsAre("queued 1"));
  EXPECT_EQ(third.job->Place().position, 1);
  EXPECT_EQ(third.job->Place().expected_wait, std::nullopt);
  executor_.RunUntilIdle();
  EXPECT_EQ(third.sink->heard.back(), "end OK");
  EXPECT_EQ(third.sink->usage.queue_time, absl::Milliseconds(1001));
  // The length of a job of this model is known now.
  auto fourth = Submit("app", kInteractive, 1000);
  auto fifth = Submit("app", kInteractive, 1);
  EXPECT_TRUE(fifth.job->Place().expected_wait.has_value());
}

TEST_F(SchedulerTest, PlacesAreToldAgainAsTheyChange) {
  AddModel("m");
  std::vector<Submitted> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(Submit("app", kUtility, 400));
  executor_.RunUntilIdle();
  EXPECT_THAT(jobs[3].sink->heard,
              ElementsAre("queued 2", "queued 1", "queued 0", "completed", "end OK"));
}

TEST_F(SchedulerTest, WaitsForTheModel) {
  AddModel("m");
  source_.hold = true;
  source_.on_acquire = [](ScheduledJob& job) { job.ModelLoading(); };
  auto job = Submit("app", kInteractive, 2);
  auto other = Submit("app", kInteractive, 2);
  EXPECT_EQ(other.job->Place().position, 1);
  executor_.Advance(absl::Seconds(3));
  EXPECT_THAT(job.sink->heard, ElementsAre("loading m"));
  source_.Release();
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->heard.back(), "end OK");
  EXPECT_EQ(job.sink->usage.load_time, absl::Seconds(3));
  EXPECT_EQ(job.sink->usage.queue_time, absl::ZeroDuration());
  EXPECT_EQ(other.sink->usage.queue_time, absl::Milliseconds(2));
}

TEST_F(SchedulerTest, ModelThatCannotBeHad) {
  auto job = Submit("app", kInteractive, 1);
  EXPECT_THAT(job.sink->heard, ElementsAre("end MODEL_NOT_FOUND"));
}

TEST_F(SchedulerTest, BadAnswersOfASource) {
  AddModel("m");
  source_.hold = true;
  auto job = Submit("app", kInteractive, 1);
  job.job->Bind(BoundModel{});
  EXPECT_THAT(job.sink->heard, ElementsAre("end ENGINE_FAILURE"));
  auto failed = Submit("app", kInteractive, 1);
  failed.job->Fail(absl::OkStatus());
  EXPECT_THAT(failed.sink->heard, ElementsAre("end ENGINE_FAILURE"));
  source_.Release();  // late answers are dropped, with their leases
  failed.job->Fail(absl::InternalError("again"));
  failed.job->ModelLoading();
  failed.job->SetPaused(true);
  executor_.RunUntilIdle();
  EXPECT_EQ(source_.leases, 0);
}

TEST_F(SchedulerTest, StartErrorEndsThatJobOnly) {
  auto model = AddModel("m", 4);
  model->on_start = [](uint64_t tag) {
    return tag == 2 ? FieldError("task", "Not for this model.") : absl::OkStatus();
  };
  auto good = Submit("app", kInteractive, 3);
  auto bad = Submit("app", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(bad.sink->heard.back(), "end FIELD_INVALID");
  EXPECT_EQ(good.sink->heard.back(), "end OK");
}

TEST_F(SchedulerTest, JobErrorEndsThatJobOnly) {
  AddModel("m", 4);
  auto good = Submit("app", kInteractive, 5);
  auto bad = Submit("app", kInteractive, 5, [](JobRequest& request) {
    request.task.mutable_fake()->set_fail_after_units(2);
  });
  executor_.RunUntilIdle();
  EXPECT_THAT(bad.sink->heard, Contains("end ENGINE_FAILURE"));
  EXPECT_EQ(good.sink->heard.back(), "end OK");
}

TEST_F(SchedulerTest, BadSubmissions) {
  AddModel("m");
  EXPECT_FALSE(Submit("app", kInteractive, 1, [](JobRequest& r) { r.sink = nullptr; }).status.ok());
  EXPECT_FALSE(
      Submit("app", kInteractive, 1, [](JobRequest& r) { r.models = nullptr; }).status.ok());
  auto odd =
      Submit("", static_cast<RequestClass>(9), 1, [](JobRequest& r) { r.client.weight = -1; });
  executor_.RunUntilIdle();
  EXPECT_EQ(odd.sink->heard.back(), "end OK");
}

// ---- cancel, at each phase ----

TEST_F(SchedulerTest, CancelBeforeSubmission) {
  AddModel("m");
  auto job = Submit("app", kInteractive, 1, [](JobRequest& request) {
    CancelSource cancelled;
    cancelled.Cancel();
    request.cancel = cancelled.token();
  });
  EXPECT_THAT(job.sink->heard, ElementsAre("end CANCELLED"));
  EXPECT_EQ(source_.acquires, 0);
}

TEST_F(SchedulerTest, CancelWhileTheModelLoads) {
  AddModel("m");
  source_.hold = true;
  auto job = Submit("app", kInteractive, 1);
  job.cancel.Cancel();
  EXPECT_THAT(job.sink->heard, ElementsAre("end CANCELLED"));
  source_.Release();
  executor_.RunUntilIdle();
  EXPECT_EQ(source_.leases, 0);
}

TEST_F(SchedulerTest, CancelWhileWaiting) {
  auto model = AddModel("m");
  auto running = Submit("app", kInteractive, 10);
  auto waiting = Submit("app", kInteractive, 10);
  waiting.cancel.Cancel();
  EXPECT_THAT(waiting.sink->heard, ElementsAre("queued 0", "end CANCELLED"));
  executor_.RunUntilIdle();
  EXPECT_THAT(model->started, ElementsAre(1));
}

TEST_F(SchedulerTest, CancelBetweenSteps) {
  // Two clients take turns: one of them always holds engine state without being stepped.
  auto model = AddModel("m");
  auto a = Submit("a", kInteractive, 1000);
  auto b = Submit("b", kInteractive, 1000);
  int steps = 0;
  model->on_step = [&](const std::vector<uint64_t>& tags) {
    if (++steps < 200 || tags[0] != 1 || b.sink->ended()) return absl::OkStatus();
    b.cancel.Cancel();
    EXPECT_THAT(b.sink->heard, Contains("end CANCELLED")) << "at once: it is not in the step";
    EXPECT_EQ(model->live_jobs, 2) << "the engine's job belongs to the driving thread";
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  EXPECT_EQ(a.sink->heard.back(), "end OK");
  EXPECT_EQ(model->live_jobs, 0);
}

TEST_F(SchedulerTest, CancelOfTheOnlyJobBetweenSteps) {
  auto model = AddModel("m");
  auto job = Submit("a", kInteractive, 1000);
  job.sink->on_events = [] {};
  model->on_step = [&, n = 0](const std::vector<uint64_t>&) mutable {
    if (++n == 5) job.job->SetPaused(true);
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  EXPECT_EQ(model->live_jobs, 1);
  job.cancel.Cancel();
  EXPECT_THAT(job.sink->heard, ElementsAre("end CANCELLED"));
  EXPECT_FALSE(scheduler().WaitUntilIdle(clock_.Now())) << "the engine still holds the job";
  executor_.RunUntilIdle();
  EXPECT_EQ(model->live_jobs, 0);
  EXPECT_EQ(source_.leases, 0);
}

TEST_F(SchedulerTest, CancelInsideAStepReachesTheEngine) {
  auto model = AddModel("m");
  auto job = Submit("a", kInteractive, 1000);
  model->on_step = [&](const std::vector<uint64_t>&) {
    if (model->steps.size() == 3) {
      job.cancel.Cancel();
      EXPECT_THAT(job.sink->heard, IsEmpty()) << "ended inside the step";
    }
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  // The scripted engine looks at its token at the end of the step.
  EXPECT_THAT(model->steps, SizeIs(3));
  EXPECT_THAT(job.sink->heard, ElementsAre("end CANCELLED"));
  EXPECT_EQ(job.sink->usage.device_time, absl::Milliseconds(3));
}

TEST_F(SchedulerTest, CancelFromTheSink) {
  AddModel("m");
  auto job = Submit("a", kInteractive, 0, Deltas({"x", "y", "z"}));
  job.sink->on_events = [&] { job.cancel.Cancel(); };
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, ElementsAre("delta x", "end CANCELLED"));
}

TEST_F(SchedulerTest, CancelAfterTheEnd) {
  AddModel("m");
  auto job = Submit("a", kInteractive, 1);
  executor_.RunUntilIdle();
  job.cancel.Cancel();
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->ends, 1);
}

// ---- deadlines ----

TEST_F(SchedulerTest, ExpiredIsRefused) {
  AddModel("m");
  auto job = Submit("a", kInteractive, 1, [&](JobRequest& r) { r.deadline = clock_.Now(); });
  EXPECT_TRUE(HasReason(job.status, Reason::kDeadlineExceeded));
  EXPECT_FALSE(job.sink->ended());
}

TEST_F(SchedulerTest, ExpiredIsNeverStarted) {
  auto model = AddModel("m");
  Submit("a", kInteractive, 100);
  auto late = Submit("b", kUtility, 1,
                     [&](JobRequest& r) { r.deadline = clock_.Now() + absl::Milliseconds(50); });
  executor_.RunUntilIdle();
  EXPECT_THAT(late.sink->heard, ElementsAre("queued 0", "end DEADLINE_EXCEEDED"));
  EXPECT_THAT(model->started, ElementsAre(1));
  EXPECT_LE(late.sink->end_time - absl::FromUnixSeconds(1'700'000'000), absl::Milliseconds(51));
}

TEST_F(SchedulerTest, DeadlinePassesWhileTheModelLoads) {
  AddModel("m");
  source_.hold = true;
  const absl::Time deadline = clock_.Now() + absl::Milliseconds(50);
  auto job = Submit("a", kInteractive, 1, [&](JobRequest& r) { r.deadline = deadline; });
  executor_.Advance(absl::Seconds(1));
  EXPECT_THAT(job.sink->heard, ElementsAre("end DEADLINE_EXCEEDED"));
  EXPECT_EQ(job.sink->end_time, deadline);
}

TEST_F(SchedulerTest, RunningJobEndsWithTheQuantumAtItsDeadline) {
  auto model = AddModel("m");
  const absl::Time deadline = clock_.Now() + absl::Microseconds(4500);
  auto job = Submit("a", kInteractive, 100, [&](JobRequest& r) { r.deadline = deadline; });
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, ElementsAre("end DEADLINE_EXCEEDED"));
  EXPECT_THAT(model->steps, SizeIs(5));
  EXPECT_EQ(model->live_jobs, 0);
}

TEST_F(SchedulerTest, DeadlineInsideALongStepReachesTheEngine) {
  auto model = AddModel("m");
  auto job = Submit("a", kInteractive, 100,
                    [&](JobRequest& r) { r.deadline = clock_.Now() + absl::Microseconds(1500); });
  bool told = false;
  model->on_step = [&](const std::vector<uint64_t>&) {
    // The timer's thread comes by in the middle of the second step.
    if (model->steps.size() == 2) {
      executor_.RunUntilIdle();
      told = true;
    }
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  EXPECT_TRUE(told);
  EXPECT_THAT(model->steps, SizeIs(2));
  EXPECT_THAT(job.sink->heard, ElementsAre("end DEADLINE_EXCEEDED"))
      << "the engine's CANCELLED is not the reason";
}

// ---- admission ----

TEST_F(SchedulerTest, AdmissionLimitsAndCounts) {
  options_.limits = {.max_queued_jobs = 4,
                     .max_queued_bytes = 1000,
                     .max_client_jobs = 2,
                     .max_client_bytes = 500};
  AddModel("m");
  source_.hold = true;
  const auto bytes = [](uint64_t n) { return [n](JobRequest& r) { r.input_bytes = n; }; };
  auto a1 = Submit("a", kInteractive, 1, bytes(300));
  EXPECT_TRUE(
      HasReason(Submit("a", kInteractive, 1, bytes(201)).status, Reason::kClientQuotaExceeded));
  EXPECT_TRUE(Submit("a", kInteractive, 1, bytes(200)).status.ok());
  const auto refused = Submit("a", kInteractive, 1);
  EXPECT_TRUE(HasReason(refused.status, Reason::kClientQuotaExceeded));
  EXPECT_TRUE(FactsOf(refused.status).retry_delay.has_value());
  EXPECT_FALSE(refused.sink->ended()) << "no OnEnd without admission";
  EXPECT_TRUE(Submit("b", kUtility, 1, bytes(450)).status.ok());
  EXPECT_TRUE(HasReason(Submit("c", kUtility, 1, bytes(51)).status, Reason::kQueueFull));
  EXPECT_TRUE(Submit("c", kUtility, 1, bytes(50)).status.ok());
  EXPECT_TRUE(HasReason(Submit("d", kBackground, 1).status, Reason::kQueueFull));
  const SchedulerSnapshot snapshot = scheduler().Snapshot();
  EXPECT_EQ(snapshot.classes[0].refused, 2u);
  EXPECT_EQ(snapshot.classes[1].refused, 1u);
  EXPECT_EQ(snapshot.classes[2].refused, 1u);
  EXPECT_EQ(snapshot.classes[0].waiting, 2);
  // What ends makes room at once.
  a1.cancel.Cancel();
  EXPECT_TRUE(Submit("a", kInteractive, 1, bytes(300)).status.ok());
}

// ---- pause ----

TEST_F(SchedulerTest, PausedJobKeepsItsStateAndIsNotStepped) {
  auto model = AddModel("m");
  auto slow = Submit("a", kInteractive, 0, Deltas({"1", "2", "3"}));
  slow.sink->on_events = [&] { slow.job->SetPaused(true); };
  auto other = Submit("b", kBackground, 50);
  executor_.RunUntilIdle();
  // The step after the first was decided before the sink heard of it.
  EXPECT_THAT(slow.sink->heard, ElementsAre("delta 1", "delta 2"));
  EXPECT_EQ(other.sink->heard.back(), "end OK");
  EXPECT_EQ(model->live_jobs, 1);
  slow.sink->on_events = nullptr;
  slow.job->SetPaused(false);
  executor_.RunUntilIdle();
  EXPECT_THAT(slow.sink->heard,
              ElementsAre("delta 1", "delta 2", "delta 3", "completed", "end OK"));
  EXPECT_THAT(model->started, ElementsAre(1, 2));
}

// ---- lanes ----

TEST_F(SchedulerTest, ModelsRunSideBySideWithinTheLane) {
  options_.lanes["cpu"] = 2;
  auto a = AddModel("a", 1, 1);
  auto b = AddModel("b", 1, 1);
  auto wide = AddModel("wide", 1, 2);
  Submit("app", kUtility, 10, On("a"));
  Submit("app", kUtility, 10, On("b"));
  Submit("app", kUtility, 10, On("wide"));
  EXPECT_EQ(scheduler().Snapshot().lanes[0].in_use, 2);
  executor_.RunUntilIdle();
  EXPECT_EQ(scheduler().Snapshot().lanes[0].in_use, 0);
  EXPECT_THAT(a->steps, SizeIs(10));
  EXPECT_THAT(b->steps, SizeIs(10));
  EXPECT_THAT(wide->steps, SizeIs(10));
}

TEST_F(SchedulerTest, AnUnknownDeviceGetsALane) {
  AddModel("m", 1, 4, "vulkan0");
  auto job = Submit("app", kUtility, 10);
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->usage.device, "vulkan0");
  EXPECT_EQ(job.sink->usage.device_time, absl::Milliseconds(10)) << "width above the capacity";
  const SchedulerSnapshot snapshot = scheduler().Snapshot();
  ASSERT_THAT(snapshot.lanes, SizeIs(2));
  EXPECT_EQ(snapshot.lanes[1].device, "vulkan0");
  EXPECT_EQ(snapshot.lanes[1].capacity, 1);
}

// ---- status ----

TEST_F(SchedulerTest, SnapshotTellsWhoUsedWhat) {
  options_.lanes["cpu"] = 4;
  auto model = AddModel("m", 2, 2);
  model->work = [](uint64_t tag) { return tag == 1 ? 3 : 1; };
  std::vector<std::string> deltas(100, "x");
  auto first = Submit("a", kInteractive, 0, Deltas(deltas));
  auto second = Submit("b", kInteractive, 0, Deltas(deltas));
  SchedulerSnapshot before = scheduler().Snapshot();
  EXPECT_EQ(before.classes[0].running + before.classes[0].waiting, 2);
  executor_.RunUntilIdle();
  const SchedulerSnapshot snapshot = scheduler().Snapshot();
  EXPECT_EQ(snapshot.classes[0].completed, 2u);
  EXPECT_NEAR(snapshot.lanes[0].utilization, 0.1 / 60, 0.0005);
  ASSERT_THAT(snapshot.clients, SizeIs(2));
  EXPECT_EQ(snapshot.clients[0].client.id, "a");
  EXPECT_EQ(snapshot.clients[0].requests, 1u);
  EXPECT_NEAR(snapshot.clients[0].output_tokens_per_second, 10, 0.1);
  // Some 100 ms on two cores, three to one.
  const double a = absl::ToDoubleMilliseconds(snapshot.clients[0].total_device_time);
  const double b = absl::ToDoubleMilliseconds(snapshot.clients[1].total_device_time);
  EXPECT_NEAR(a + b, 202, 3);
  EXPECT_NEAR(a / b, 3, 0.2);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(snapshot.clients[0].recent_device_time), a, 1);
  executor_.Advance(absl::Seconds(62));
  EXPECT_THAT(scheduler().Snapshot().clients, IsEmpty());
}

}  // namespace
}  // namespace intelligenced

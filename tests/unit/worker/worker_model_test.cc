// A running worker: steps, cancels, losses, with real processes.
#include <signal.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "tests/unit/worker/worker_fixture.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

class WorkerModelTest : public WorkerTest {
 protected:
  absl::Duration Elapsed() const { return clock_.Now() - start_; }

  SystemClock clock_;
  const absl::Time start_ = clock_.Now();
};

TEST_F(WorkerModelTest, CarriesLargeTextsBothWays) {
  const auto model = MustLaunch();
  engine_proto::Task task;
  const std::string sent(10 << 20, 'q');
  task.mutable_fake()->add_deltas(sent);
  task.mutable_fake()->set_payload_bytes(10 << 20);
  const auto job = MustStart(*model, task);
  auto output = StepOne(*model, *job);
  ASSERT_TRUE(output.ok()) << output.status();
  ASSERT_EQ(output->events.size(), 1u);
  EXPECT_EQ(output->events[0].delta(), sent);
  output = StepOne(*model, *job);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(output->done);
  EXPECT_EQ(output->events[0].delta().size(), size_t{10} << 20);
}

TEST_F(WorkerModelTest, StartChecksWhatItCan) {
  const auto model = MustLaunch();
  EXPECT_TRUE(HasReason(model->Start({}, {}).status(), Reason::kFieldInvalid));
  engine_proto::Task task;
  task.mutable_generate()->set_prompt("\xff");
  EXPECT_TRUE(HasReason(model->Start(task, {}).status(), Reason::kFieldInvalid));
}

TEST_F(WorkerModelTest, WhatOnlyTheEngineFindsComesWithTheFirstStep) {
  const auto model = MustLaunch({{"context_tokens", "3"}});
  engine_proto::Task task;
  task.mutable_generate()->set_prompt("five words are too many");
  const auto job = MustStart(*model, task);
  const auto output = StepOne(*model, *job);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(output->done);
  EXPECT_TRUE(HasReason(output->status, Reason::kContextWindowExceeded)) << output->status;
  EXPECT_EQ(FactsOf(output->status).metadata["input_tokens"], "5");
  EXPECT_EQ(FactsOf(output->status).metadata["context_tokens"], "3");
}

TEST_F(WorkerModelTest, ACancelReachesARunningStep) {
  const auto model = MustLaunch();
  CancelSource cancel;
  const auto job = MustStart(*model, Deltas(5, 60'000'000), cancel.token());
  absl::Notification stepping;
  std::thread canceller([&] {
    stepping.WaitForNotification();
    // Time for the step to begin; right either way, but it is the running step that is meant.
    absl::Notification().WaitForNotificationWithTimeout(absl::Milliseconds(50));
    cancel.Cancel();
  });
  stepping.Notify();
  const auto output = StepOne(*model, *job);
  canceller.join();
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(output->done);
  EXPECT_TRUE(HasReason(output->status, Reason::kCancelled)) << output->status;
  EXPECT_LT(Elapsed(), absl::Seconds(20));
  EXPECT_FALSE(model->lost());
}

TEST_F(WorkerModelTest, AYieldEndsARunningStepAndNotItsJobs) {
  const auto model = MustLaunch();
  const auto job = MustStart(*model, Deltas(30'000, 2'000));
  Job* const jobs[] = {job.get()};
  CancelSource yield;
  std::thread newcomer([&] { yield.Cancel(); });
  const auto outputs = model->Step(jobs, {.budget = absl::Seconds(60), .yield = yield.token()});
  newcomer.join();
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_FALSE(outputs->front().done);
  EXPECT_TRUE(outputs->front().status.ok());
  EXPECT_LT(Elapsed(), absl::Seconds(20));
}

TEST_F(WorkerModelTest, CancelsAtAnyMomentEndTheJob) {
  const auto model = MustLaunch();
  for (int i = 0; i < 50; ++i) {
    CancelSource cancel;
    const auto job = MustStart(*model, Deltas(5, 60'000'000), cancel.token());
    std::thread canceller([&] { cancel.Cancel(); });
    const auto output = StepOne(*model, *job);
    canceller.join();
    ASSERT_TRUE(output.ok()) << output.status();
    EXPECT_TRUE(HasReason(output->status, Reason::kCancelled)) << output->status;
  }
  EXPECT_EQ(Reply(*model), "hello");
}

TEST_F(WorkerModelTest, ManyCancelsDoNotBlock) {
  const auto model = MustLaunch({{"max_batch", "1024"}});
  CancelSource cancel;
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<Job*> pointers;
  for (int i = 0; i < 1000; ++i) {
    jobs.push_back(MustStart(*model, Deltas(1000), cancel.token()));
    pointers.push_back(jobs.back().get());
  }
  ASSERT_TRUE(model->Step(pointers, {.budget = absl::ZeroDuration()}).ok());
  // One control message for each, more than the socket holds if the worker is slow to read.
  cancel.Cancel();
  const auto outputs = model->Step(pointers, {});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  for (const JobOutput& output : *outputs)
    EXPECT_TRUE(HasReason(output.status, Reason::kCancelled));
  jobs.clear();
  EXPECT_EQ(Reply(*model), "hello");
}

TEST_F(WorkerModelTest, AWorkerKilledInAStepIsLostAtOnce) {
  const auto model = MustLaunch();
  const auto job = MustStart(*model, Deltas(5, 60'000'000));
  std::thread killer([&] { kill(model->pid(), SIGKILL); });
  const auto output = StepOne(*model, *job);
  killer.join();
  EXPECT_TRUE(HasReason(output.status(), Reason::kWorkerLost)) << output.status();
  EXPECT_EQ(FactsOf(output.status()).metadata["signal"], "9");
  EXPECT_LT(Elapsed(), absl::Seconds(20));
  lost_.WaitForNotification();
  EXPECT_TRUE(model->lost());
  EXPECT_TRUE(HasReason(model->Start(Deltas(1), {}).status(), Reason::kWorkerLost));
  EXPECT_TRUE(HasReason(model->MeasureUsage().status(), Reason::kWorkerLost));
  EXPECT_TRUE(HasReason(StepOne(*model, *job).status(), Reason::kWorkerLost));
  EXPECT_TRUE(HasReason(job->Park(), Reason::kWorkerLost));
  EXPECT_EQ(lost_calls_, 1);
}

TEST_F(WorkerModelTest, AnIdleWorkerThatDiesIsReported) {
  const auto model = MustLaunch();
  kill(model->pid(), SIGKILL);
  lost_.WaitForNotification();
  EXPECT_TRUE(model->lost());
}

TEST_F(WorkerModelTest, ACrashInAStepSaysHow) {
  const auto model = MustLaunch();
  engine_proto::Task task = Deltas(5);
  task.mutable_fake()->set_crash_after_units(2);
  const auto job = MustStart(*model, task);
  EXPECT_TRUE(StepOne(*model, *job).ok());
  const absl::Status status = StepOne(*model, *job).status();
  EXPECT_TRUE(HasReason(status, Reason::kWorkerLost)) << status;
  EXPECT_EQ(FactsOf(status).metadata["signal"], "6") << status;
  lost_.WaitForNotification();
}

TEST_F(WorkerModelTest, AStepThatHangsEndsTheWorker) {
  options_.step_timeout = absl::Milliseconds(100);
  const auto model = MustLaunch();
  const auto job = MustStart(*model, Deltas(5, 60'000'000));
  const absl::Status status = StepOne(*model, *job).status();
  EXPECT_TRUE(HasReason(status, Reason::kWorkerLost)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("did not answer in time"));
  lost_.WaitForNotification();
}

TEST_F(WorkerModelTest, TheWatchdogIsForOneStepOnly) {
  options_.step_timeout = absl::Milliseconds(300);
  const auto model = MustLaunch();
  // Together longer than the timeout, each much shorter.
  const auto job = MustStart(*model, Deltas(50, 20'000));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(StepOne(*model, *job).ok()) << i;
}

TEST_F(WorkerModelTest, AModelThatFailsAsAWholeIsEnded) {
  for (const std::string parameter : {"fail_step", "throw_step"}) {
    int lost = 0;
    absl::Notification told;
    auto model = launcher().Launch(Spec({{parameter, "2"}}), {}, [&] {
      ++lost;
      told.Notify();
    });
    ASSERT_TRUE(model.ok());
    const auto job = MustStart(**model, Deltas(5));
    EXPECT_TRUE(StepOne(**model, *job).ok());
    const absl::Status status = StepOne(**model, *job).status();
    EXPECT_TRUE(HasReason(status, Reason::kEngineFailure)) << status;
    EXPECT_TRUE(HasReason(StepOne(**model, *job).status(), Reason::kWorkerLost));
    told.WaitForNotification();
    EXPECT_EQ(lost, 1);
  }
}

TEST_F(WorkerModelTest, TheModelMayBeDestroyedInOnLost) {
  std::unique_ptr<WorkerModel> model;
  absl::Notification launched;
  absl::Notification destroyed;
  auto result = launcher().Launch(Spec(), {}, [&] {
    launched.WaitForNotification();
    model.reset();
    destroyed.Notify();
  });
  ASSERT_TRUE(result.ok());
  const pid_t pid = (*result)->pid();
  model = *std::move(result);
  launched.Notify();
  kill(pid, SIGKILL);
  destroyed.WaitForNotification();
}

TEST_F(WorkerModelTest, DroppedJobsGiveTheirMemoryBackWithoutAStep) {
  const auto model = MustLaunch();
  const auto before = model->MeasureUsage();
  ASSERT_TRUE(before.ok());
  engine_proto::Task task = Deltas(3);
  task.mutable_fake()->set_payload_bytes(uint64_t{100} << 20);
  auto job = MustStart(*model, task);
  ASSERT_TRUE(StepOne(*model, *job).ok());
  const auto with_job = model->MeasureUsage();
  EXPECT_GT(with_job->resident_bytes(), before->resident_bytes() + (90 << 20));
  job.reset();
  const auto after = model->MeasureUsage();
#ifndef INTELLIGENCED_SANITIZER  // keeps what was freed, to notice its use
  EXPECT_LT(after->resident_bytes(), before->resident_bytes() + (50 << 20));
#endif
  EXPECT_GE(after->peak_bytes(), with_job->resident_bytes());
}

TEST_F(WorkerModelTest, ManyDropsInARowAreTaken) {
  const auto model = MustLaunch();
  for (int i = 0; i < 500; ++i) {
    auto job = MustStart(*model, Deltas(1000));
    ASSERT_TRUE(StepOne(*model, *job).ok());
  }
  EXPECT_EQ(Reply(*model), "hello");
}

TEST_F(WorkerModelTest, UsageIsMeasured) {
  const auto small = MustLaunch();
  const auto large = MustLaunch({{"resident_mb", "200"}});
  const auto small_usage = small->MeasureUsage();
  const auto large_usage = large->MeasureUsage();
  ASSERT_TRUE(small_usage.ok() && large_usage.ok());
  EXPECT_GT(large_usage->resident_bytes(), small_usage->resident_bytes() + (190 << 20));
}

TEST_F(WorkerModelTest, UsageMayBeAskedForBesideAStep) {
  const auto model = MustLaunch({{"resident_mb", "20"}});
  const auto job = MustStart(*model, Deltas(50, 2000));
  std::thread asker([&] {
    for (int i = 0; i < 200; ++i) {
      const auto usage = model->MeasureUsage();
      ASSERT_TRUE(usage.ok());
      EXPECT_GT(usage->resident_bytes(), 20u << 20);
    }
  });
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(StepOne(*model, *job).ok());
  asker.join();
}

}  // namespace
}  // namespace intelligenced

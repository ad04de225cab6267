// What the scheduler does when models die, stand still, or the daemon leaves.
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/scheduler/scripted_model.h"

namespace intelligenced {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;

constexpr RequestClass kInteractive = RequestClass::kInteractive;
constexpr RequestClass kUtility = RequestClass::kUtility;
constexpr RequestClass kBackground = RequestClass::kBackground;

class RecoveryTest : public SchedulerFixture {
 protected:
  static auto Deltas(int count) {
    return [count](JobRequest& request) {
      for (int i = 0; i < count; ++i) request.task.mutable_fake()->add_deltas("d");
    };
  }
  // Dies in a step; a fresh generation takes its place.
  absl::Status Die() {
    next_ = AddModel("m", 4);
    return MakeError(Reason::kWorkerLost, "The process is gone.");
  }
  std::shared_ptr<ScriptedModel> next_;
};

TEST_F(RecoveryTest, LostBeforeOutputIsTriedOnceMore) {
  auto model = AddModel("m", 4);
  auto job = Submit("a", kInteractive, 3, Deltas(1));
  model->on_step = [&](const auto&) { return model->steps.size() == 2 ? Die() : absl::OkStatus(); };
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, ElementsAre("delta d", "completed", "end OK"));
  EXPECT_EQ(source_.acquires, 2);
  EXPECT_EQ(model->live_jobs, 0);
  EXPECT_THAT(next_->steps, SizeIs(4));
}

TEST_F(RecoveryTest, LostAfterOutputEnds) {
  auto model = AddModel("m", 4);
  auto talking = Submit("a", kInteractive, 0, Deltas(10));
  auto silent = Submit("b", kInteractive, 10);
  model->on_step = [&](const auto&) { return model->steps.size() == 3 ? Die() : absl::OkStatus(); };
  executor_.RunUntilIdle();
  EXPECT_THAT(talking.sink->heard, ElementsAre("delta d", "delta d", "end WORKER_LOST"));
  EXPECT_EQ(talking.sink->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(FactsOf(talking.sink->status).retry_delay, absl::Milliseconds(500));
  EXPECT_EQ(silent.sink->heard.back(), "end OK");
}

TEST_F(RecoveryTest, LostTwiceEnds) {
  const auto kill = [](const auto&) { return MakeError(Reason::kWorkerLost, "Gone."); };
  auto first = AddModel("m");
  first->on_step = [&](const auto&) {
    AddModel("m")->on_step = kill;
    return MakeError(Reason::kWorkerLost, "Gone.");
  };
  auto job = Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, Contains("end WORKER_LOST"));
  EXPECT_EQ(source_.acquires, 2);
}

TEST_F(RecoveryTest, LostAtStart) {
  auto model = AddModel("m");
  model->on_start = [&](uint64_t) { return Die(); };
  auto job = Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->heard.back(), "end OK");
}

TEST_F(RecoveryTest, ABrokenAnswerCountsAsLost) {
  auto model = AddModel("m");
  model->drop_an_output = true;
  model->on_step = [&](const auto&) {
    Die().IgnoreError();
    return absl::OkStatus();
  };
  auto job = Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->heard.back(), "end OK");
}

// One job kills every worker that steps it. The others lose nothing: those that waited are bound
// again, and the killer is stepped alone after the first death.
TEST_F(RecoveryTest, AKillerTakesNobodyAlong) {
  std::vector<std::shared_ptr<ScriptedModel>> models;
  std::function<void()> add = [&] {
    auto model = AddModel("m", 2);
    models.push_back(model);
    model->on_step = [&](const std::vector<uint64_t>& tags) {
      if (std::find(tags.begin(), tags.end(), 2) == tags.end()) return absl::OkStatus();
      add();
      return MakeError(Reason::kWorkerLost, "Killed by the second job.");
    };
  };
  add();
  // Keeps the lane busy, so that those bound again are all there when the next batch is made.
  AddModel("x");
  Submit("c", kInteractive, 100, [](JobRequest& request) { request.model = "x"; });
  auto killer = Submit("a", kInteractive, 3);
  std::vector<Submitted> others;
  for (int i = 0; i < 6; ++i) others.push_back(Submit("b", kInteractive, 3));
  executor_.RunUntilIdle();
  EXPECT_THAT(killer.sink->heard, Contains("end WORKER_LOST"));
  for (const Submitted& other : others) EXPECT_EQ(other.sink->heard.back(), "end OK");
  EXPECT_THAT(models, SizeIs(3));
}

TEST_F(RecoveryTest, CancelledWhileTheModelDies) {
  auto model = AddModel("m");
  auto job = Submit("a", kInteractive, 3);
  model->on_step = [&](const auto&) {
    job.cancel.Cancel();
    return Die();
  };
  executor_.RunUntilIdle();
  EXPECT_THAT(job.sink->heard, ElementsAre("end CANCELLED"));
  EXPECT_EQ(source_.acquires, 1);
}

TEST_F(RecoveryTest, ASourceThatStillOffersTheDeadModel) {
  auto dead = AddModel("m");
  dead->on_step = [](const auto&) { return MakeError(Reason::kWorkerLost, "Gone."); };
  auto job = Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_FALSE(job.sink->ended());
  // It learns of the death a little later.
  auto fresh = AddModel("m");
  executor_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(job.sink->heard.back(), "end OK");
  EXPECT_THAT(dead->steps, SizeIs(1));
}

TEST_F(RecoveryTest, ASourceThatNeverLearnsOfTheDeath) {
  auto dead = AddModel("m");
  dead->on_step = [](const auto&) { return MakeError(Reason::kWorkerLost, "Gone."); };
  auto job = Submit("a", kInteractive, 3);
  executor_.Advance(absl::Seconds(5));
  EXPECT_THAT(job.sink->heard, Contains("end WORKER_LOST"));
}

TEST_F(RecoveryTest, AModelThatFailsWithoutDyingMayBeOfferedAgain) {
  auto model = AddModel("m");
  model->on_step = [&](const auto&) {
    return model->steps.size() == 1 ? MakeError(Reason::kEngineFailure, "Out of order.")
                                    : absl::OkStatus();
  };
  auto job = Submit("a", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(job.sink->heard.back(), "end OK");
  EXPECT_THAT(model->started, ElementsAre(1, 1));
}

// ---- jobs that cannot advance ----

TEST_F(RecoveryTest, AStalledJobIsOfferedAgainWithoutSpinning) {
  auto model = AddModel("m");
  bool room = false;
  model->work = [&](uint64_t) { return room ? 1 : 0; };
  auto job = Submit("a", kInteractive, 3);
  executor_.Advance(absl::Seconds(1));
  EXPECT_GE(model->steps.size(), 8u);
  EXPECT_LE(model->steps.size(), 20u);
  room = true;
  executor_.Advance(absl::Milliseconds(110));
  EXPECT_EQ(job.sink->heard.back(), "end OK");
}

TEST_F(RecoveryTest, AStalledJobIsTriedWhenAnotherEnds) {
  // Room for one job; the second of another client is let in when the first has ended.
  auto model = AddModel("m");
  model->work = [&](uint64_t tag) { return tag == 1 || model->live_jobs == 1 ? 1 : 0; };
  auto first = Submit("a", kInteractive, 300);
  auto second = Submit("b", kInteractive, 3);
  executor_.RunUntilIdle();
  EXPECT_EQ(first.sink->heard.back(), "end OK");
  EXPECT_EQ(second.sink->heard.back(), "end OK");
  EXPECT_LE(second.sink->end_time - first.sink->end_time, absl::Milliseconds(4));
  EXPECT_LE(model->steps.size(), 330u) << "vain steps";
}

TEST_F(RecoveryTest, AMoreUrgentStalledJobHasALesserOneParked) {
  auto model = AddModel("m");
  // One job's state fits; parking makes room.
  model->work = [&](uint64_t tag) { return tag == 2 && model->parked.empty() ? 0 : 1; };
  auto background = Submit("a", kBackground, 50);
  Submitted interactive;
  model->on_step = [&](const auto&) {
    if (model->steps.size() == 10) interactive = Submit("b", kInteractive, 20);
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  EXPECT_THAT(model->parked, ElementsAre(1));
  EXPECT_EQ(interactive.sink->heard.back(), "end OK");
  EXPECT_EQ(background.sink->heard.back(), "end OK");
  EXPECT_LE(interactive.sink->usage.device_time, absl::Milliseconds(21));
  EXPECT_LT(interactive.sink->end_time, background.sink->end_time);
}

TEST_F(RecoveryTest, AParkedJobMayEndBeforeItIsParked) {
  auto model = AddModel("m");
  model->work = [&](uint64_t tag) { return tag == 2 && model->live_jobs > 1 ? 0 : 1; };
  auto background = Submit("a", kBackground, 50);
  Submitted interactive;
  model->on_step = [&](const std::vector<uint64_t>& tags) {
    if (model->steps.size() == 10) interactive = Submit("b", kInteractive, 20);
    if (tags[0] == 2) background.cancel.Cancel();
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  EXPECT_EQ(interactive.sink->heard.back(), "end OK");
}

// ---- leaving ----

TEST_F(RecoveryTest, DrainEndsBackgroundAndRefusesNew) {
  AddModel("m");
  auto interactive = Submit("a", kInteractive, 10);
  auto utility = Submit("a", kUtility, 10);
  auto background = Submit("a", kBackground, 10);
  scheduler().BeginDrain();
  EXPECT_THAT(background.sink->heard, Contains("end SHUTTING_DOWN"));
  EXPECT_TRUE(HasReason(Submit("a", kInteractive, 1).status, Reason::kShuttingDown));
  EXPECT_FALSE(scheduler().WaitUntilIdle(clock_.Now()));
  executor_.RunUntilIdle();
  EXPECT_EQ(interactive.sink->heard.back(), "end OK");
  EXPECT_EQ(utility.sink->heard.back(), "end OK");
  EXPECT_TRUE(scheduler().WaitUntilIdle(clock_.Now()));
}

TEST_F(RecoveryTest, CancelAllEndsEverythingInEveryPhase) {
  auto model = AddModel("m");
  auto running = Submit("a", kInteractive, 1000);
  auto waiting = Submit("a", kUtility, 10);
  source_.hold = true;
  auto loading = Submit("b", kInteractive, 10);
  model->on_step = [&](const auto&) {
    if (model->steps.size() == 3) scheduler().CancelAll();
    return absl::OkStatus();
  };
  executor_.RunUntilIdle();
  for (const Submitted* job : {&running, &waiting, &loading}) {
    EXPECT_THAT(job->sink->heard, Contains("end SHUTTING_DOWN"));
  }
  EXPECT_TRUE(scheduler().WaitUntilIdle(clock_.Now()));
  EXPECT_THAT(model->steps, SizeIs(3));
}

TEST_F(RecoveryTest, WaitUntilIdleGivesUpAtTheDeadline) {
  AddModel("m");
  Submit("a", kInteractive, 10).job->SetPaused(true);
  executor_.RunUntilIdle();
  const absl::Time deadline = clock_.Now() + absl::Seconds(5);
  bool idle = true;
  std::thread waiter([&] { idle = scheduler().WaitUntilIdle(deadline); });
  // Whether the waiter is there already or not, it returns once the clock has reached the deadline
  // and the timer has run.
  clock_.Advance(absl::Seconds(5));
  std::atomic<bool> joined = false;
  std::thread timer([&] {
    while (!joined) {
      executor_.RunUntilIdle();
      std::this_thread::yield();
    }
  });
  waiter.join();
  joined = true;
  timer.join();
  EXPECT_FALSE(idle);
}

TEST_F(RecoveryTest, AHandleMayOutliveTheScheduler) {
  AddModel("m");
  auto job = Submit("a", kInteractive, 1);
  Finish();
  job.job->SetPaused(true);
  job.job->Fail(absl::InternalError("late"));
  job.job->Bind(BoundModel{});
  EXPECT_EQ(job.job->Place().position, 0);
  job.cancel.Cancel();
  EXPECT_EQ(job.sink->ends, 1);
}

}  // namespace
}  // namespace intelligenced

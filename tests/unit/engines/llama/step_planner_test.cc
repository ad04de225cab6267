#include "runtime/engines/llama/step_planner.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PlanLimits kRoomy = {.pool_cells = 10000, .slots = 32, .rows = 64, .max_rows = 512};

PlanJob Decoding(uint64_t age, int cells) {
  return {.age = age, .in_step = true, .resident = true, .cells = cells, .pending = 1};
}
PlanJob New(uint64_t age, int prompt) {
  return {.age = age, .in_step = true, .resident = false, .cells = 0, .pending = prompt};
}
PlanJob Idle(uint64_t age, int cells) {
  return {.age = age, .in_step = false, .resident = true, .cells = cells, .pending = 1};
}

TEST(PlanBatch, NothingGivesNothing) {
  const Plan plan = PlanBatch({}, kRoomy);
  EXPECT_THAT(plan.rows, IsEmpty());
  EXPECT_THAT(plan.park, IsEmpty());
  EXPECT_THAT(plan.admit, IsEmpty());
}

TEST(PlanBatch, EveryDecodingJobGetsItsRowAndPromptsTheRest) {
  const Plan plan = PlanBatch({Decoding(1, 10), New(2, 500), Decoding(3, 20)}, kRoomy);
  EXPECT_THAT(plan.rows, ElementsAre(1, 62, 1));
  EXPECT_THAT(plan.admit, ElementsAre(1));
}

TEST(PlanBatch, DecodingIsNotHeldBackByTheBudget) {
  std::vector<PlanJob> jobs;
  for (int i = 0; i < 16; ++i) jobs.push_back(Decoding(i, 5));
  jobs.push_back(New(99, 300));
  PlanLimits limits = kRoomy;
  limits.rows = 8;
  const Plan plan = PlanBatch(jobs, limits);
  EXPECT_EQ(std::count(plan.rows.begin(), plan.rows.end() - 1, 1), 16);
  EXPECT_EQ(plan.rows.back(), 1) << "the prompt goes on, slowly";
}

TEST(PlanBatch, AShortPromptIsThroughAtOnceBesideLongOnes) {
  const Plan plan = PlanBatch({New(1, 5000), New(2, 10), New(3, 4000)}, kRoomy);
  EXPECT_THAT(plan.rows, ElementsAre(17, 10, 37));
}

TEST(PlanBatch, TheOldestPromptGoesOnHoweverManyShortOnesCome) {
  std::vector<PlanJob> jobs = {New(1, 5000)};
  for (int i = 2; i < 12; ++i) jobs.push_back(New(i, 60));
  const Plan plan = PlanBatch(jobs, kRoomy);
  EXPECT_EQ(plan.rows[0], 17);
  EXPECT_EQ(plan.rows[1], 38) << "the others one after the other";
  EXPECT_EQ(plan.rows[2], 1) << "though each a little";
}

TEST(PlanBatch, TheBatchNeverExceedsItsHardLimit) {
  std::vector<PlanJob> jobs;
  for (int i = 0; i < 6; ++i) jobs.push_back(Decoding(i, 5));
  jobs.push_back(New(99, 300));
  PlanLimits limits = kRoomy;
  limits.max_rows = 4;
  const Plan plan = PlanBatch(jobs, limits);
  EXPECT_THAT(plan.rows, ElementsAre(1, 1, 1, 1, 0, 0, 0));
}

TEST(PlanBatch, TheYoungestGivesWayWhenThePoolIsFull) {
  PlanLimits limits = kRoomy;
  limits.pool_cells = 100;
  // 50 + 49 cells and one more each are 101.
  const Plan plan = PlanBatch({Decoding(2, 49), Decoding(1, 50)}, limits);
  EXPECT_THAT(plan.rows, ElementsAre(0, 1));
  EXPECT_THAT(plan.park, ElementsAre(0));
}

TEST(PlanBatch, IdleJobsGiveWayBeforeJobsOfTheStepYoungestFirst) {
  PlanLimits limits = kRoomy;
  limits.pool_cells = 100;
  const Plan plan = PlanBatch({Idle(1, 30), Decoding(5, 40), Idle(2, 30)}, limits);
  EXPECT_THAT(plan.rows, ElementsAre(0, 1, 0));
  EXPECT_THAT(plan.park, ElementsAre(2));
}

TEST(PlanBatch, ANewJobNeedsSlackBesideOlderOnes) {
  PlanLimits limits = kRoomy;
  limits.pool_cells = 51 + 20 + kAdmissionSlack - 1;
  EXPECT_THAT(PlanBatch({Decoding(1, 50), New(2, 20)}, limits).rows, ElementsAre(1, 0));
  ++limits.pool_cells;
  EXPECT_THAT(PlanBatch({Decoding(1, 50), New(2, 20)}, limits).rows, ElementsAre(1, 20));
}

TEST(PlanBatch, TheOldestOfTheStepIsAlwaysMovedIn) {
  PlanLimits limits = kRoomy;
  limits.pool_cells = 100;
  const PlanJob parked = {.age = 1, .in_step = true, .resident = false, .cells = 90, .pending = 1};
  const Plan plan = PlanBatch({Decoding(2, 50), parked, Idle(3, 40)}, limits);
  EXPECT_THAT(plan.rows, ElementsAre(0, 1, 0));
  EXPECT_THAT(plan.admit, ElementsAre(1));
  EXPECT_THAT(plan.park, ElementsAre(2, 0));
}

TEST(PlanBatch, SlotsAreALimitToo) {
  PlanLimits limits = kRoomy;
  limits.slots = 2;
  const Plan plan = PlanBatch({Idle(1, 5), Idle(2, 5), New(3, 4)}, limits);
  EXPECT_THAT(plan.rows, ElementsAre(0, 0, 4));
  EXPECT_THAT(plan.park, ElementsAre(1));
}

// Whatever happens, the planner keeps its promises and every job ends.
TEST(PlanBatch, RandomLoadsFinishWithinThePool) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    const int pool = 100 + static_cast<int>(random() % 300);
    const PlanLimits limits = {.pool_cells = pool, .slots = 6, .rows = 16, .max_rows = 32};
    struct State {
      PlanJob job;
      int total;
    };
    std::vector<State> jobs;
    for (int i = 0; i < 12; ++i) {
      const int prompt = 1 + static_cast<int>(random() % 80);
      const int total = std::min(pool, prompt + 1 + static_cast<int>(random() % 100));
      jobs.push_back({New(i, std::min(prompt, total)), total});
    }
    int rounds = 0;
    while (!jobs.empty()) {
      ASSERT_LT(++rounds, 20000) << "stuck in trial " << trial;
      std::vector<PlanJob> views;
      int chosen = 0;
      for (State& state : jobs) {
        state.job.in_step = chosen < 4 && random() % 2 == 0;
        chosen += state.job.in_step;
        if (state.job.in_step || state.job.resident) views.push_back(state.job);
      }
      if (chosen == 0) continue;
      const Plan plan = PlanBatch(views, limits);
      for (int index : plan.park) {
        ASSERT_TRUE(views[index].resident);
        ASSERT_EQ(plan.rows[index], 0);
        views[index].resident = false;
      }
      for (int index : plan.admit) views[index].resident = true;
      int cells = 0, slots = 0, rows = 0;
      for (size_t i = 0; i < views.size(); ++i) {
        ASSERT_LE(plan.rows[i], views[i].pending);
        if (plan.rows[i] > 0) {
          ASSERT_TRUE(views[i].resident && views[i].in_step);
        }
        rows += plan.rows[i];
        views[i].cells += plan.rows[i];
        views[i].pending -= plan.rows[i];
        if (views[i].resident) cells += views[i].cells, ++slots;
      }
      ASSERT_LE(cells, limits.pool_cells);
      ASSERT_LE(slots, limits.slots);
      ASSERT_LE(rows, limits.max_rows);
      ASSERT_GT(rows, 0) << "a step with jobs always advances one";
      for (const PlanJob& view : views) {
        for (State& state : jobs) {
          if (state.job.age == view.age) state.job = view;
        }
      }
      std::erase_if(jobs, [](State& state) {
        if (state.job.pending > 0) return false;
        state.job.pending = 1;
        return state.job.cells + 1 > state.total;
      });
    }
  }
}

TEST(PlanBatch, ASharedBeginningTakesItsRoomOnce) {
  std::vector<PlanJob> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(Decoding(i, 99));
    jobs.back().base = 0;
    jobs.back().base_cells = 300;
  }
  PlanLimits limits = kRoomy;
  limits.pool_cells = 700;
  Plan plan = PlanBatch(jobs, limits);
  EXPECT_THAT(plan.rows, ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(plan.used, 300 + 4 * 100);
  jobs[3].base = 1;
  plan = PlanBatch(jobs, limits);
  EXPECT_THAT(plan.park, ElementsAre(3)) << "another beginning takes its own room";
  EXPECT_EQ(plan.used, 300 + 3 * 100);
}

TEST(BatchSizer, LargerThanATileMeansWholeTiles) {
  BatchSizer sizer(absl::Milliseconds(50), 8, 512);
  sizer.Record(8, absl::Milliseconds(33));
  EXPECT_EQ(sizer.rows(), 10);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(sizer.Expected(20)), 99.4, 0.1) << "of 10.06 that fit";
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Milliseconds(3.5) * sizer.rows());
  EXPECT_EQ(sizer.rows(), 16) << "14 fit";
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Milliseconds(1.1) * sizer.rows());
  EXPECT_EQ(sizer.rows(), 48) << "45 fit";
}

TEST(BatchSizer, BeginsWithWhatIsExpected) {
  EXPECT_EQ(BatchSizer(absl::Milliseconds(50), 8, 512, absl::Milliseconds(1)).rows(), 48);
  EXPECT_EQ(BatchSizer(absl::Milliseconds(50), 8, 512, absl::Milliseconds(70)).rows(), 8);
  EXPECT_EQ(BatchSizer(absl::Milliseconds(50), 8, 512, absl::Nanoseconds(1)).rows(), 512);
  EXPECT_EQ(BatchSizer(absl::Milliseconds(50), 8, 512, absl::ZeroDuration()).rows(), 512);
}

TEST(BatchSizer, KnowsOtherDurationsToo) {
  const BatchSizer sizer(absl::Milliseconds(600), 8, 512, absl::Milliseconds(2));
  EXPECT_EQ(sizer.rows(), 304) << "300 fit";
  EXPECT_EQ(sizer.RowsIn(absl::Milliseconds(200)), 96) << "100 fit";
  EXPECT_EQ(sizer.RowsIn(absl::Milliseconds(1)), 8);
  EXPECT_EQ(sizer.RowsIn(absl::Seconds(2)), 512);
  // Also of a machine that computes the largest batch in less than the target.
  EXPECT_EQ(BatchSizer(absl::Milliseconds(600), 8, 512, absl::Milliseconds(0.5)).Expected(512),
            absl::Milliseconds(256));
}

TEST(BatchSizer, ArrivesAtTheTarget) {
  BatchSizer sizer(absl::Milliseconds(50), 8, 512);
  EXPECT_EQ(sizer.rows(), 8);
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Milliseconds(0.5) * sizer.rows());
  EXPECT_NEAR(sizer.rows(), 100, 5);
}

TEST(BatchSizer, GrowsToItsLimitAndNotBelowItsLeast) {
  BatchSizer sizer(absl::Milliseconds(50), 8, 512);
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Microseconds(10));
  EXPECT_EQ(sizer.rows(), 512);
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Seconds(10));
  EXPECT_EQ(sizer.rows(), 8);
}

TEST(BatchSizer, OneDisturbedBatchHalvesAtMost) {
  BatchSizer sizer(absl::Milliseconds(50), 8, 512);
  for (int i = 0; i < 20; ++i) sizer.Record(sizer.rows(), absl::Milliseconds(0.5) * sizer.rows());
  const int before = sizer.rows();
  sizer.Record(before, absl::Seconds(60));
  EXPECT_GE(sizer.rows(), before / 2);
}

TEST(BatchSizer, SingleTokensTeachNothing) {
  BatchSizer sizer(absl::Milliseconds(50), 8, 512);
  sizer.Record(1, absl::Seconds(1));
  sizer.Record(20, absl::ZeroDuration());
  EXPECT_EQ(sizer.rows(), 8);
}

}  // namespace
}  // namespace intelligenced

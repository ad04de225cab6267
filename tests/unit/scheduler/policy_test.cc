#include "runtime/scheduler/policy.h"

#include <functional>
#include <map>
#include <queue>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr RequestClass kInteractive = RequestClass::kInteractive;
constexpr RequestClass kUtility = RequestClass::kUtility;
constexpr RequestClass kBackground = RequestClass::kBackground;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

// One lane of capacity 1 with one model of batch 1 until told otherwise.
class PolicyTest : public testing::Test {
 protected:
  PolicyTest() {
    snapshot_.now = kNow;
    snapshot_.lanes.resize(1);
    snapshot_.models.resize(1);
  }

  int Client(double weight = 1, double virtual_time = 0) {
    PolicyClient& client = snapshot_.clients.emplace_back();
    client.weight = weight;
    client.virtual_time.resize(1);
    client.virtual_time[0].fill(virtual_time);
    return static_cast<int>(snapshot_.clients.size()) - 1;
  }

  PolicyJob& Add(int client, RequestClass request_class, int model = 0,
                 absl::Duration waited = absl::ZeroDuration()) {
    PolicyJob& job = snapshot_.jobs.emplace_back();
    job.client = client;
    job.request_class = request_class;
    job.model = model;
    job.waiting_since = kNow - waited;
    return job;
  }

  std::vector<std::vector<int>> Batches() {
    std::vector<std::vector<int>> batches;
    for (const PolicyStep& step : Decide(options_, snapshot_).steps) batches.push_back(step.jobs);
    return batches;
  }

  PolicyOptions options_;
  PolicySnapshot snapshot_;
};

TEST_F(PolicyTest, NothingToDo) {
  const PolicyDecision decision = Decide(options_, snapshot_);
  EXPECT_THAT(decision.steps, IsEmpty());
  EXPECT_EQ(decision.wake, absl::InfiniteFuture());
}

TEST_F(PolicyTest, ClassesComeFirst) {
  const int a = Client();
  const int b = Client();
  Add(a, kBackground);
  Add(a, kUtility);
  Add(b, kInteractive);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(2)));
}

TEST_F(PolicyTest, InsideAClassTheLeastServedClient) {
  Add(Client(1, 5), kUtility);
  Add(Client(1, 3), kUtility);
  Add(Client(1, 4), kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(PolicyTest, NobodyIsBehindTheLane) {
  // The second was idle while the first was served: level, not ahead by five seconds.
  snapshot_.lanes[0].virtual_time.fill(5);
  const int busy = Client(1, 5);
  const int idle = Client(1, 0);
  Add(busy, kUtility);
  Add(idle, kUtility);
  EXPECT_EQ(FairKey(snapshot_.lanes[0], snapshot_.clients[idle], 0, ClassIndex(kUtility)), 5);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0)));
}

TEST_F(PolicyTest, TheLaneFollowsTheClientChosen) {
  Add(Client(1, 7), kUtility);
  Add(Client(1, 9), kUtility);
  const PolicyDecision decision = Decide(options_, snapshot_);
  EXPECT_EQ(decision.lane_virtual_time[0][ClassIndex(kUtility)], 7);
  EXPECT_EQ(decision.lane_virtual_time[0][ClassIndex(kInteractive)], 0);
}

TEST_F(PolicyTest, AClientsJobsOnOneModelInOrder) {
  const int a = Client();
  Add(a, kUtility);
  Add(a, kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0)));
}

TEST_F(PolicyTest, AClientsModelsInTurn) {
  snapshot_.models.resize(2);
  const int a = Client();
  Add(a, kUtility, 0, absl::Milliseconds(1));
  Add(a, kUtility, 1, absl::Milliseconds(20));
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

struct AgeingCase {
  RequestClass request_class;
  absl::Duration waited;
  // Against a job of this class that has just come, from a client that is ahead.
  RequestClass rival;
  bool wins;
};

class AgeingTest : public PolicyTest, public testing::WithParamInterface<AgeingCase> {};

TEST_P(AgeingTest, Raises) {
  const AgeingCase& c = GetParam();
  const int old_client = Client(1, 8);
  const int rival = Client(1, 7);
  Add(old_client, c.request_class, 0, c.waited);
  Add(rival, c.rival);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(c.wins ? 0 : 1)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, AgeingTest,
    testing::Values(AgeingCase{kBackground, absl::Seconds(9.9), kUtility, false},
                    // Level with UTILITY now: fair shares decide, for the rival.
                    AgeingCase{kBackground, absl::Seconds(10), kUtility, false},
                    AgeingCase{kBackground, absl::Seconds(20), kUtility, true},
                    AgeingCase{kBackground, absl::Seconds(20), kInteractive, false},
                    AgeingCase{kBackground, absl::Seconds(29.9), kInteractive, false},
                    // Overdue.
                    AgeingCase{kBackground, absl::Seconds(30), kInteractive, true},
                    AgeingCase{kUtility, absl::Seconds(19), kInteractive, false},
                    AgeingCase{kUtility, absl::Seconds(20), kInteractive, true},
                    AgeingCase{kInteractive, absl::Seconds(10), kInteractive, true},
                    AgeingCase{kBackground, absl::Hours(10'000), kInteractive, true}));

TEST_F(PolicyTest, RaisedJobYieldsToARealOneAtEqualShares) {
  Add(Client(), kBackground, 0, absl::Seconds(20));
  Add(Client(), kInteractive);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(PolicyTest, OneJobOfAFloodIsRaised) {
  snapshot_.models[0].max_batch = 8;
  const int flood = Client();
  const int person = Client();
  for (int i = 0; i < 5; ++i) Add(flood, kBackground, 0, absl::Seconds(25));
  Add(person, kInteractive);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(5, 0)));
}

TEST_F(PolicyTest, BatchIsSharedByWeight) {
  snapshot_.models[0].max_batch = 8;
  const int light = Client(1);
  const int heavy = Client(3);
  for (int i = 0; i < 20; ++i) Add(light, kUtility);
  for (int i = 0; i < 20; ++i) Add(heavy, kUtility);
  const auto batches = Batches();
  ASSERT_THAT(batches, SizeIs(1));
  ASSERT_THAT(batches[0], SizeIs(8));
  EXPECT_EQ(std::count_if(batches[0].begin(), batches[0].end(), [](int j) { return j >= 20; }), 6);
}

TEST_F(PolicyTest, AFreePlaceInABatchIsUsedByWhoeverIsThere) {
  snapshot_.models[0].max_batch = 4;
  const int a = Client(1, 100);
  const int b = Client(1, 0);
  for (int i = 0; i < 3; ++i) Add(a, kUtility);
  Add(b, kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(3, 0, 1, 2)));
}

TEST_F(PolicyTest, LowerClassStaysOutOfTheBatch) {
  snapshot_.models[0].max_batch = 8;
  Add(Client(), kBackground);
  Add(Client(), kInteractive);
  Add(Client(), kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(PolicyTest, SkipsWhatCannotBeStepped) {
  const int a = Client();
  Add(a, kInteractive, -1);
  Add(a, kInteractive).paused = true;
  Add(a, kInteractive).ending = true;
  Add(a, kInteractive).not_before = kNow + absl::Milliseconds(3);
  EXPECT_THAT(Batches(), IsEmpty());
  EXPECT_EQ(Decide(options_, snapshot_).wake, kNow + absl::Milliseconds(3));
  Add(a, kBackground);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(4)));
}

TEST_F(PolicyTest, NothingOnABusyModel) {
  const int a = Client();
  Add(a, kInteractive);
  snapshot_.models[0].busy = true;
  EXPECT_THAT(Batches(), IsEmpty());
}

TEST_F(PolicyTest, StalledAfterTheClientsOthers) {
  const int a = Client();
  Add(a, kUtility).stalled = true;
  Add(a, kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(PolicyTest, SuspectsAreSteppedAlone) {
  snapshot_.models[0].max_batch = 4;
  const int a = Client();
  Add(a, kUtility).alone = true;
  Add(a, kUtility);
  Add(a, kUtility);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0)));
  snapshot_.jobs[0].alone = false;
  snapshot_.jobs[1].alone = true;
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0, 2)));
}

TEST_F(PolicyTest, Deadlines) {
  const int a = Client();
  Add(a, kUtility).deadline = kNow;
  Add(a, kUtility).deadline = kNow + absl::Seconds(5);
  Add(a, kUtility, -1).deadline = kNow - absl::Seconds(1);
  PolicyJob& stepping = Add(a, kUtility);
  stepping.stepping = true;
  stepping.deadline = kNow;
  PolicyJob& ending = Add(a, kUtility);
  ending.ending = true;
  ending.deadline = kNow;
  const PolicyDecision decision = Decide(options_, snapshot_);
  EXPECT_THAT(decision.expired, ElementsAre(0, 2, 3));
  EXPECT_EQ(decision.wake, kNow + absl::Seconds(5));
  ASSERT_THAT(decision.steps, SizeIs(1));
  EXPECT_THAT(decision.steps[0].jobs, ElementsAre(1));
}

TEST_F(PolicyTest, Budget) {
  const int a = Client();
  Add(a, kInteractive);
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].budget, options_.idle_quantum);
  PolicyJob& paused = Add(a, kBackground);
  paused.paused = true;
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].budget, options_.idle_quantum);
  paused.paused = false;
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].budget, options_.contended_quantum);
  // The batch takes all there are: nobody waits.
  snapshot_.models[0].max_batch = 2;
  snapshot_.jobs[1].request_class = kInteractive;
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].budget, options_.idle_quantum);
}

TEST_F(PolicyTest, UnitsAreLongWhereNobodyWaitsAndNobodyJustCame) {
  const int a = Client();
  Add(a, kBackground);
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].unit, options_.idle_unit);
  snapshot_.lanes[0].last_yield = kNow - options_.yield_memory / 2;
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].unit, options_.unit);
  snapshot_.lanes[0].last_yield = kNow - options_.yield_memory;
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].unit, options_.idle_unit);
  Add(a, kInteractive);
  EXPECT_EQ(Decide(options_, snapshot_).steps[0].unit, options_.unit);
}

TEST_F(PolicyTest, StepsYieldToWhoIsMoreUrgentAndLongUnitsToWhoIsAsUrgent) {
  const auto yields = [&](RequestClass step, absl::Duration unit, RequestClass newcomer) {
    return ShouldYield(options_, ClassIndex(step), unit, newcomer);
  };
  EXPECT_TRUE(yields(kBackground, options_.idle_unit, kInteractive));
  EXPECT_TRUE(yields(kInteractive, options_.idle_unit, kInteractive));
  EXPECT_TRUE(yields(kBackground, options_.idle_unit, kBackground));
  EXPECT_FALSE(yields(kInteractive, options_.idle_unit, kBackground));
  EXPECT_FALSE(yields(kInteractive, options_.unit, kInteractive)) << "it is short anyhow";
  EXPECT_TRUE(yields(kBackground, options_.unit, kInteractive)) << "its budget may have just begun";
}

TEST_F(PolicyTest, LanesDoNotDisturbEachOther) {
  snapshot_.lanes.resize(2);
  snapshot_.models.resize(2);
  snapshot_.models[1].lane = 1;
  const int a = Client();
  Add(a, kBackground, 1);
  Add(a, kInteractive, 0);
  const PolicyDecision decision = Decide(options_, snapshot_);
  ASSERT_THAT(decision.steps, SizeIs(2));
  EXPECT_EQ(decision.steps[0].budget, options_.idle_quantum);
  EXPECT_EQ(decision.steps[1].budget, options_.idle_quantum);
}

// Models side by side. Model i has the width given.
class WidthTest : public PolicyTest {
 protected:
  void Lane(int capacity, std::vector<int> widths) {
    snapshot_.lanes[0].capacity = capacity;
    snapshot_.models.clear();
    for (const int width : widths) snapshot_.models.emplace_back().width = width;
  }
  void Busy(int model, RequestClass request_class) {
    snapshot_.models[model].busy = true;
    snapshot_.models[model].step_class = ClassIndex(request_class);
    snapshot_.models[model].step_width = snapshot_.models[model].width;
    snapshot_.lanes[0].in_use += snapshot_.models[model].width;
  }
};

TEST_F(WidthTest, SideBySideWhatFits) {
  Lane(4, {2, 1, 2, 1});
  for (int model = 0; model < 4; ++model) Add(Client(1, model), kUtility, model);
  // The third does not fit beside the first two; the fourth does.
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(3)));
}

TEST_F(WidthTest, WiderThanTheLaneTakesTheLane) {
  Lane(2, {8});
  Add(Client(), kUtility);
  const PolicyDecision decision = Decide(options_, snapshot_);
  ASSERT_THAT(decision.steps, SizeIs(1));
  EXPECT_EQ(decision.steps[0].width, 2);
}

TEST_F(WidthTest, RoomIsKeptForAWideModel) {
  Lane(2, {1, 1, 2});
  Busy(0, kUtility);
  Add(Client(1, 5), kUtility, 1);
  Add(Client(1, 3), kUtility, 2);
  EXPECT_THAT(Batches(), IsEmpty());
  snapshot_.models[0].busy = false;
  snapshot_.lanes[0].in_use = 0;
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(WidthTest, NothingOnALaneThatIsFullOfTheOwnClassOrHigherOnes) {
  Lane(2, {1, 1, 2});
  Busy(0, kInteractive);
  Busy(1, kUtility);
  Add(Client(), kUtility, 2);
  EXPECT_THAT(Batches(), IsEmpty());
}

TEST_F(WidthTest, StepsOfLowerClassesTakeNoRoomFromAPerson) {
  Lane(2, {1, 1, 2});
  Busy(0, kBackground);
  Busy(1, kUtility);
  Add(Client(), kInteractive, 2);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0)));
}

TEST_F(WidthTest, ButAPersonsStepTakesItFromThem) {
  Lane(2, {1, 1, 2});
  Busy(0, kBackground);
  Add(Client(), kBackground, 1);
  Add(Client(), kInteractive, 2);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(WidthTest, NoRoomIsKeptWhereAHigherClassWouldTakeIt) {
  Lane(2, {1, 1, 2});
  Busy(0, kInteractive);
  Add(Client(1, 5), kBackground, 1);
  Add(Client(1, 3), kBackground, 2);
  EXPECT_THAT(Batches(), ElementsAre(ElementsAre(0)));
}

// Steps end at different times, on a lane shared by narrow models and a wide one; every client
// has endless work on its own model. A discrete simulation of the policy alone.
TEST_F(WidthTest, FairSharesOnALaneOfSeveralModels) {
  Lane(4, {1, 2, 4, 3});
  const std::vector<double> weights = {1, 1, 2, 1};
  for (int i = 0; i < 4; ++i) Add(Client(weights[i]), kUtility, i);
  std::vector<double> device_time(4);
  using End = std::pair<absl::Time, int>;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends;
  for (int i = 0; i < 4; ++i) snapshot_.models[i].expected_step = absl::Milliseconds(20);
  absl::Time now = kNow;
  for (int turn = 0; turn < 20'000; ++turn) {
    snapshot_.now = now;
    const PolicyDecision decision = Decide(options_, snapshot_);
    snapshot_.lanes[0].virtual_time = decision.lane_virtual_time[0];
    for (const PolicyStep& step : decision.steps) {
      PolicyModel& model = snapshot_.models[step.model];
      model.busy = true;
      model.step_class = step.step_class;
      model.step_width = step.width;
      snapshot_.lanes[0].in_use += step.width;
      PolicyJob& job = snapshot_.jobs[step.jobs[0]];
      job.stepping = true;
      // Narrow steps are the shorter ones, and never in phase.
      const absl::Duration length = absl::Milliseconds(13 + 3 * step.model);
      const double cost = absl::ToDoubleSeconds(length) * step.width;
      double& own = snapshot_.clients[job.client].virtual_time[0][step.step_class];
      own = FairKey(snapshot_.lanes[0], snapshot_.clients[job.client], 0, step.step_class) +
            cost / snapshot_.clients[job.client].weight;
      device_time[step.model] += cost;
      ends.emplace(now + length, step.model);
      ASSERT_LE(snapshot_.lanes[0].in_use, 4);
    }
    ASSERT_FALSE(ends.empty());
    const auto [when, model] = ends.top();
    ends.pop();
    now = when;
    snapshot_.models[model].busy = false;
    snapshot_.lanes[0].in_use -= snapshot_.models[model].step_width;
    for (PolicyJob& job : snapshot_.jobs) {
      if (job.model != model) continue;
      job.stepping = false;
      job.waiting_since = now;
    }
  }
  // A model of width 1 cannot use more than its one core, so shares are not by weight alone; but
  // nobody starves, the wide ones least of all.
  const double total = device_time[0] + device_time[1] + device_time[2] + device_time[3];
  for (int i = 0; i < 4; ++i) EXPECT_GT(device_time[i] / total, 0.1) << i;
  EXPECT_GT(device_time[2] / total, 0.3);
}

TEST(PolicyWeightTest, TakesOnlyWeights) {
  EXPECT_EQ(PolicyWeight({.id = "a", .display_name = "", .weight = 2}), 2);
  EXPECT_EQ(PolicyWeight({.id = "a", .display_name = "", .weight = 0}), 1);
  EXPECT_EQ(PolicyWeight({.id = "a", .display_name = "", .weight = -3}), 1);
  EXPECT_EQ(PolicyWeight({.id = "a", .display_name = "", .weight = 1e300}), 1000);
}

}  // namespace
}  // namespace intelligenced

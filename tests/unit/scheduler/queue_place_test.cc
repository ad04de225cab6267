#include <optional>

#include "gtest/gtest.h"
#include "runtime/scheduler/policy.h"

namespace intelligenced {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

class QueuePlaceTest : public testing::Test {
 protected:
  QueuePlaceTest() {
    snapshot_.now = kNow;
    snapshot_.lanes.resize(1);
    snapshot_.models.resize(1);
    snapshot_.clients.resize(2);
  }

  PolicyJob& Add(int client, RequestClass request_class,
                 std::optional<absl::Duration> remaining = absl::Seconds(1)) {
    PolicyJob& job = snapshot_.jobs.emplace_back();
    job.client = client;
    job.model = 0;
    job.request_class = request_class;
    job.waiting_since = kNow;
    job.remaining = remaining;
    return job;
  }

  int Position(int job) {
    const auto places = QueuePlaces(options_, snapshot_);
    return places[job].has_value() ? places[job]->position : -1;
  }
  std::optional<absl::Duration> Wait(int job) {
    return QueuePlaces(options_, snapshot_)[job]->expected_wait;
  }

  PolicyOptions options_;
  PolicySnapshot snapshot_;
};

TEST_F(QueuePlaceTest, ByClassThenByShare) {
  Add(0, RequestClass::kUtility);      // 0: started
  Add(0, RequestClass::kUtility);      // 1
  Add(0, RequestClass::kUtility);      // 2
  Add(1, RequestClass::kUtility);      // 3: before the first client's second
  Add(1, RequestClass::kBackground);   // 4
  Add(1, RequestClass::kInteractive);  // 5
  snapshot_.jobs[0].started = true;
  EXPECT_EQ(Position(0), -1);
  EXPECT_EQ(Position(5), 0);
  EXPECT_EQ(Position(3), 1);
  EXPECT_EQ(Position(1), 2);
  EXPECT_EQ(Position(2), 3);
  EXPECT_EQ(Position(4), 4);
}

TEST_F(QueuePlaceTest, WeightCounts) {
  snapshot_.clients[1].weight = 4;
  for (int i = 0; i < 3; ++i) Add(0, RequestClass::kUtility);
  for (int i = 0; i < 3; ++i) Add(1, RequestClass::kUtility);
  EXPECT_EQ(Position(0), 0);
  EXPECT_EQ(Position(3), 1);
  EXPECT_EQ(Position(4), 2);
  EXPECT_EQ(Position(5), 3);
  EXPECT_EQ(Position(1), 4);
}

TEST_F(QueuePlaceTest, LanesAreCountedApart) {
  snapshot_.lanes.resize(2);
  snapshot_.models.resize(2);
  snapshot_.models[1].lane = 1;
  Add(0, RequestClass::kUtility);
  Add(0, RequestClass::kUtility).model = 1;
  Add(0, RequestClass::kUtility).model = 1;
  Add(0, RequestClass::kUtility).model = -1;
  EXPECT_EQ(Position(0), 0);
  EXPECT_EQ(Position(1), 0);
  EXPECT_EQ(Position(2), 1);
  EXPECT_EQ(Position(3), -1);
}

TEST_F(QueuePlaceTest, ExpectedWait) {
  Add(0, RequestClass::kUtility);
  EXPECT_EQ(Wait(0), absl::ZeroDuration());
  snapshot_.lanes[0].in_use = 1;
  EXPECT_EQ(Wait(0), options_.contended_quantum);
  snapshot_.lanes[0].in_use = 0;
  // Its client's earlier job, alone on the lane.
  Add(0, RequestClass::kUtility);
  EXPECT_EQ(Wait(1), absl::Seconds(1));
  // At half the lane.
  Add(1, RequestClass::kUtility);
  EXPECT_EQ(Wait(1), absl::Seconds(2));
  EXPECT_EQ(Wait(2), absl::ZeroDuration());
  // All of the higher class first.
  Add(1, RequestClass::kInteractive, absl::Seconds(3));
  EXPECT_EQ(Wait(1), absl::Seconds(5));
  // Two cores.
  snapshot_.lanes[0].capacity = 2;
  EXPECT_EQ(Wait(1), absl::Seconds(2.5));
}

TEST_F(QueuePlaceTest, PlacesInABatchShortenTheWait) {
  snapshot_.models[0].max_batch = 4;
  for (int i = 0; i < 8; ++i) Add(0, RequestClass::kUtility);
  EXPECT_EQ(Wait(3), absl::ZeroDuration());
  EXPECT_GT(Wait(4), absl::ZeroDuration());
  EXPECT_LT(Wait(4), Wait(7));
}

TEST_F(QueuePlaceTest, UnknownLengthsGiveNoWait) {
  Add(0, RequestClass::kUtility, std::nullopt);
  Add(0, RequestClass::kUtility);
  Add(1, RequestClass::kUtility);
  Add(1, RequestClass::kBackground);
  EXPECT_EQ(Wait(1), std::nullopt);
  EXPECT_TRUE(Wait(2).has_value());
  EXPECT_EQ(Wait(3), std::nullopt);
}

TEST_F(QueuePlaceTest, EndedAndExpiredAreNotCounted) {
  Add(0, RequestClass::kUtility).ending = true;
  Add(0, RequestClass::kUtility).deadline = kNow;
  Add(0, RequestClass::kUtility);
  EXPECT_EQ(Position(0), -1);
  EXPECT_EQ(Position(1), -1);
  EXPECT_EQ(Position(2), 0);
}

class ParkVictimTest : public QueuePlaceTest {
 protected:
  int Victim(std::vector<int> stalled) {
    return ChooseParkVictim(snapshot_, stalled, std::vector<bool>(snapshot_.jobs.size()));
  }
  PolicyJob& Started(RequestClass request_class) {
    PolicyJob& job = Add(0, request_class);
    job.started = true;
    return job;
  }
};

TEST_F(ParkVictimTest, PausedThenLowestClassThenYoungest) {
  Started(RequestClass::kUtility);  // 0: stalled
  EXPECT_EQ(Victim({0}), -1);
  Started(RequestClass::kBackground);
  Started(RequestClass::kBackground);
  EXPECT_EQ(Victim({0}), 2);
  Started(RequestClass::kInteractive).paused = true;
  EXPECT_EQ(Victim({0}), 3);
}

TEST_F(ParkVictimTest, NeverOneThatGetsOnAsUrgently) {
  Started(RequestClass::kUtility);
  Started(RequestClass::kUtility);
  Started(RequestClass::kInteractive);
  EXPECT_EQ(Victim({0}), -1);
}

TEST_F(ParkVictimTest, TheYoungestWhenAllAreStuck) {
  for (int i = 0; i < 3; ++i) Started(RequestClass::kUtility).stalled = true;
  EXPECT_EQ(Victim({0, 1, 2}), 2);
  EXPECT_EQ(Victim({2}), 1);
  snapshot_.jobs.resize(1);
  EXPECT_EQ(Victim({0}), -1);
  EXPECT_EQ(Victim({}), -1);
}

TEST_F(ParkVictimTest, NotTwiceAndNotWhatHasNoState) {
  Started(RequestClass::kInteractive);
  Started(RequestClass::kUtility);
  Add(0, RequestClass::kBackground);
  EXPECT_EQ(Victim({0}), 1);
  EXPECT_EQ(ChooseParkVictim(snapshot_, {0}, {false, true, false}), -1);
}

}  // namespace
}  // namespace intelligenced

// Which frames are computed and which are dropped, under a clock of the test's own.
#include "services/vision/frame_queue.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/clock.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class FrameQueueTest : public testing::Test {
 protected:
  using Queue = FrameQueue<std::string>;

  void Add(Queue& queue, uint64_t bytes = 1) {
    queue.Add(std::to_string(queue.received()), bytes, clock_.Now());
  }
  // The number of the frame taken; -1: none.
  int Take(Queue& queue) {
    const auto frame = queue.Take(clock_.Now());
    if (!frame.has_value()) return -1;
    EXPECT_EQ(frame->payload, std::to_string(frame->number));
    return static_cast<int>(frame->number);
  }
  static std::vector<std::pair<uint64_t, uint64_t>> Drops(Queue& queue) {
    std::vector<std::pair<uint64_t, uint64_t>> drops;
    while (const auto run = queue.drops().Take()) drops.emplace_back(run->first, run->count);
    return drops;
  }

  ManualClock clock_;
};

TEST_F(FrameQueueTest, WithOnePlaceTheNewestIsNext) {
  Queue queue({});
  EXPECT_EQ(Take(queue), -1);
  for (int i = 0; i < 5; ++i) Add(queue);
  EXPECT_EQ(queue.waiting(), 1);
  EXPECT_EQ(Take(queue), 4);
  EXPECT_EQ(Take(queue), -1);
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(0, 4)));
  EXPECT_EQ(queue.drops().total(), 4);
}

TEST_F(FrameQueueTest, SeveralPlacesKeepTheOrder) {
  Queue queue({.max_frames = 3});
  for (int i = 0; i < 5; ++i) Add(queue);
  EXPECT_EQ(Take(queue), 2);
  Add(queue);
  EXPECT_EQ(Take(queue), 3);
  EXPECT_EQ(Take(queue), 4);
  EXPECT_EQ(Take(queue), 5);
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(0, 2)));
}

TEST_F(FrameQueueTest, BytesAreBoundedButOneFrameMayWait) {
  Queue queue({.max_frames = 8, .max_bytes = 100});
  Add(queue, 40);
  Add(queue, 40);
  Add(queue, 40);
  EXPECT_EQ(queue.waiting(), 2);
  Add(queue, 500);
  EXPECT_EQ(queue.waiting(), 1);
  EXPECT_EQ(Take(queue), 3);
  // What was taken does not count any more.
  Add(queue, 60);
  Add(queue, 40);
  EXPECT_EQ(queue.waiting(), 2);
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(0, 3)));
}

TEST_F(FrameQueueTest, WhatIsTooOldIsDropped) {
  Queue queue({.max_frames = 8, .max_age = absl::Milliseconds(100)});
  Add(queue);
  clock_.Advance(absl::Milliseconds(60));
  Add(queue);
  EXPECT_EQ(queue.next_expiry(), clock_.Now() + absl::Milliseconds(40));
  clock_.Advance(absl::Milliseconds(39));
  queue.Expire(clock_.Now());
  EXPECT_EQ(queue.waiting(), 2);
  clock_.Advance(absl::Milliseconds(1));
  queue.Expire(clock_.Now());
  EXPECT_EQ(queue.waiting(), 1);
  EXPECT_EQ(queue.next_expiry(), clock_.Now() + absl::Milliseconds(60));
  clock_.Advance(absl::Milliseconds(60));
  EXPECT_EQ(Take(queue), -1);
  EXPECT_EQ(queue.next_expiry(), absl::InfiniteFuture());
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(0, 2)));
}

TEST_F(FrameQueueTest, WithoutAnAgeNothingExpires) {
  Queue queue({});
  Add(queue);
  EXPECT_EQ(queue.next_expiry(), absl::InfiniteFuture());
  clock_.Advance(absl::Hours(1000));
  EXPECT_EQ(Take(queue), 0);
}

TEST_F(FrameQueueTest, DropsOfNeighboursAreOneRun) {
  Queue queue({});
  for (int i = 0; i < 4; ++i) Add(queue);
  EXPECT_EQ(Take(queue), 3);  // 0 to 2 dropped
  queue.Drop(3);              // it did not decode
  Add(queue);
  EXPECT_EQ(Take(queue), 4);
  Add(queue);
  Add(queue);
  EXPECT_TRUE(queue.drops().has_untold());
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(0, 4), Pair(5, 1)));
  EXPECT_FALSE(queue.drops().has_untold());
  EXPECT_THAT(Drops(queue), IsEmpty());
  Add(queue);  // what was told is not told again
  EXPECT_THAT(Drops(queue), ElementsAre(Pair(6, 1)));
  EXPECT_EQ(queue.drops().total(), 6);
}

TEST_F(FrameQueueTest, EveryFrameIsTakenOrDropped) {
  Queue queue({.max_frames = 2, .max_bytes = 50, .max_age = absl::Milliseconds(7)});
  uint64_t taken = 0, random = 12345;
  int last = -1;
  for (int i = 0; i < 20'000; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const auto choice = static_cast<uint32_t>(random >> 33);
    if (choice % 3 == 0) {
      const int frame = Take(queue);
      taken += frame >= 0 ? 1 : 0;
      if (frame >= 0) {
        EXPECT_GT(frame, last);
        last = frame;
      }
    } else {
      Add(queue, choice % 40);
    }
    EXPECT_LE(queue.waiting(), 2);
    clock_.Advance(absl::Milliseconds(choice % 5));
  }
  EXPECT_EQ(taken + queue.drops().total() + queue.waiting(), queue.received());
}

}  // namespace
}  // namespace intelligenced

// Work in slices, under a clock that the test turns.
#include "runtime/engines/vision/slice.h"

#include <memory>

#include "gtest/gtest.h"
#include "runtime/base/clock.h"

namespace intelligenced {
namespace {

TEST(SlicedWorkTest, RunsUntilTheFirstCheckpointAfterTheEnd) {
  ManualClock clock;
  int done = 0;
  SlicedWork* body = nullptr;
  const auto work = std::make_unique<SlicedWork>(&clock, [&] {
    for (; done < 10; ++done) {
      clock.Advance(absl::Milliseconds(10));
      if (!body->GoOn()) return;
    }
  });
  body = work.get();
  work->Resume(clock.Now() + absl::Milliseconds(25));
  EXPECT_FALSE(work->Wait());
  EXPECT_EQ(done, 2);  // the third unit ended behind the slice's end
  EXPECT_EQ(work->last_slice(), absl::Milliseconds(30));
  // No budget: one unit.
  work->Resume(clock.Now());
  EXPECT_FALSE(work->Wait());
  EXPECT_EQ(done, 3);
  work->Resume(absl::InfiniteFuture());
  EXPECT_TRUE(work->Wait());
  EXPECT_EQ(done, 10);
  // Once it is done it stays so.
  work->Resume(absl::InfiniteFuture());
  EXPECT_TRUE(work->Wait());
}

TEST(SlicedWorkTest, DroppingEndsTheBodyAtItsCheckpoint) {
  ManualClock clock;
  bool told = false;
  SlicedWork* body = nullptr;
  auto work = std::make_unique<SlicedWork>(&clock, [&] {
    while (body->GoOn()) {
    }
    told = true;
  });
  body = work.get();
  work->Resume(clock.Now());
  EXPECT_FALSE(work->Wait());
  work.reset();
  EXPECT_TRUE(told);
}

TEST(SlicedWorkTest, NeverStarted) {
  ManualClock clock;
  bool ran = false;
  {
    const SlicedWork work(&clock, [&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace intelligenced

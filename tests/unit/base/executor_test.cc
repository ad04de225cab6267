#include "runtime/base/executor.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

TEST(ThreadPoolTest, RunsEverythingBeforeItIsGone) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 100; ++i) pool.Run([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST(ThreadPoolTest, RunsSideBySideUpToItsLimit) {
  absl::BlockingCounter both(2);
  absl::Notification done;
  ThreadPool pool("test", 2);
  for (int i = 0; i < 2; ++i) {
    pool.Run([&] {
      both.DecrementCount();
      done.WaitForNotification();
    });
  }
  both.Wait();  // hangs (and times out) if the second had to wait for the first
  done.Notify();
}

TEST(ThreadTimerTest, RunsInOrderOfTime) {
  SystemClock clock;
  std::vector<int> order;
  absl::Notification done;
  ThreadTimer timer(&clock);
  const absl::Time now = clock.Now();
  timer.Schedule(now + absl::Milliseconds(2), [&] {
    order.push_back(2);
    done.Notify();
  });
  timer.Schedule(now + absl::Milliseconds(1), [&] { order.push_back(1); });
  done.WaitForNotification();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ThreadTimerTest, CancelledWorkDoesNotRun) {
  SystemClock clock;
  ThreadTimer timer(&clock);
  const Timer::Id id = timer.Schedule(clock.Now() + absl::Hours(1), [] { FAIL(); });
  EXPECT_TRUE(timer.Cancel(id));
  EXPECT_FALSE(timer.Cancel(id));
}

TEST(ManualExecutorTest, TimersRunAtTheirTime) {
  ManualClock clock;
  ManualExecutor executor(&clock);
  const absl::Time start = clock.Now();
  std::vector<absl::Duration> at;
  executor.Schedule(start + absl::Seconds(2), [&] { at.push_back(clock.Now() - start); });
  executor.Schedule(start + absl::Seconds(1), [&] {
    at.push_back(clock.Now() - start);
    executor.Schedule(start + absl::Seconds(3), [&] { at.push_back(clock.Now() - start); });
  });
  executor.Advance(absl::Seconds(10));
  EXPECT_EQ(at,
            (std::vector<absl::Duration>{absl::Seconds(1), absl::Seconds(2), absl::Seconds(3)}));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(10));
}

}  // namespace
}  // namespace intelligenced

#include "runtime/base/cancel.h"

#include <atomic>
#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

TEST(CancelTest, DefaultTokenIsNeverCancelled) {
  CancelToken token;
  EXPECT_FALSE(token.cancelled());
  const CancelRegistration registration = token.OnCancel([] { FAIL(); });
}

TEST(CancelTest, CallbackRunsOnce) {
  CancelSource source;
  int runs = 0;
  const CancelRegistration registration = source.token().OnCancel([&] { ++runs; });
  source.Cancel();
  source.Cancel();
  EXPECT_TRUE(source.token().cancelled());
  EXPECT_EQ(runs, 1);
}

TEST(CancelTest, CallbackRunsAtOnceWhenAlreadyCancelled) {
  CancelSource source;
  source.Cancel();
  int runs = 0;
  const CancelRegistration registration = source.token().OnCancel([&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(CancelTest, DroppedRegistrationDoesNotRun) {
  CancelSource source;
  int runs = 0;
  {
    const CancelRegistration registration = source.token().OnCancel([&] { ++runs; });
  }
  source.Cancel();
  EXPECT_EQ(runs, 0);
}

TEST(CancelTest, CallbackMayDropItsOwnRegistration) {
  CancelSource source;
  auto registration = std::make_unique<CancelRegistration>();
  *registration = source.token().OnCancel([&] { registration.reset(); });
  source.Cancel();
  EXPECT_EQ(registration, nullptr);
}

TEST(CancelTest, DroppingWaitsForARunningCallback) {
  CancelSource source;
  absl::Notification started;
  absl::Notification proceed;
  std::atomic<bool> finished = false;
  CancelRegistration registration = source.token().OnCancel([&] {
    started.Notify();
    proceed.WaitForNotification();
    finished = true;
  });
  std::thread canceller([&] { source.Cancel(); });
  started.WaitForNotification();
  std::thread releaser([&] { proceed.Notify(); });
  registration.Reset();
  EXPECT_TRUE(finished);
  canceller.join();
  releaser.join();
}

}  // namespace
}  // namespace intelligenced

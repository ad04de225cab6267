// The timer that forgets sessions, under a manual clock.
#include "services/language_model/session_expiry.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

// Tells by its transcript's life whether a session's memory was given back.
class SessionExpiryTest : public ::testing::Test {
 protected:
  SessionExpiryTest()
      : timer_(&clock_),
        store_(std::make_shared<SessionStore>(SessionLimits(), &clock_,
                                              [this] { return absl::StrCat("id", ++last_id_); })),
        expiry_(std::make_unique<SessionExpiry>(store_, &timer_)) {}

  std::weak_ptr<const intelligence::v1::Message> Create(absl::Duration expire_after) {
    auto message = std::make_shared<const intelligence::v1::Message>();
    const std::weak_ptr<const intelligence::v1::Message> watched = message;
    EXPECT_TRUE(store_
                    ->Create("app", {.model = "m",
                                     .transcript = {std::move(message)},
                                     .expire_after = expire_after,
                                     .context_tokens = 0})
                    .ok());
    expiry_->Watch();
    return watched;
  }

  ManualClock clock_;
  ManualExecutor timer_;
  int last_id_ = 0;
  std::shared_ptr<SessionStore> store_;
  std::unique_ptr<SessionExpiry> expiry_;
};

TEST_F(SessionExpiryTest, MemoryComesBackWhenASessionExpires) {
  const auto later = Create(absl::Minutes(5));
  const auto sooner = Create(absl::Minutes(2));
  timer_.Advance(absl::Minutes(1));
  EXPECT_FALSE(sooner.expired());
  timer_.Advance(absl::Minutes(1));
  EXPECT_TRUE(sooner.expired());
  EXPECT_FALSE(later.expired());
  timer_.Advance(absl::Minutes(3));
  EXPECT_TRUE(later.expired());
}

TEST_F(SessionExpiryTest, UseIsFoundOutWhenTheTimerRuns) {
  const auto session = Create(absl::Minutes(2));
  timer_.Advance(absl::Minutes(1));
  ASSERT_TRUE(store_->Append("app", "id1", {}).ok());
  timer_.Advance(absl::Minutes(1));
  EXPECT_FALSE(session.expired());
  timer_.Advance(absl::Minutes(1));
  EXPECT_TRUE(session.expired());
}

TEST_F(SessionExpiryTest, ABusySessionIsWatchedOn) {
  const auto session = Create(absl::Minutes(2));
  auto turn = store_->BeginTurn("app", "id1", {}, nullptr);
  ASSERT_TRUE(turn.ok());
  timer_.Advance(absl::Minutes(11));
  EXPECT_FALSE(session.expired());
  turn->reset();
  timer_.Advance(absl::Minutes(2));
  timer_.Advance(absl::Minutes(2));
  EXPECT_TRUE(session.expired());
}

TEST_F(SessionExpiryTest, ItMayEndBeforeItsTimer) {
  const auto session = Create(absl::Minutes(2));
  expiry_.reset();
  timer_.Advance(absl::Minutes(3));
  EXPECT_FALSE(session.expired());
}

}  // namespace
}  // namespace intelligenced

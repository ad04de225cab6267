// Who may use which token, when, and how much may wait.
#include "daemon/attachment_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

Identity App(const std::string& name, uid_t user_id = 1000) {
  Identity identity;
  identity.user_id = user_id;
  identity.app = "exe:/bin/" + name;
  return identity;
}

std::shared_ptr<const Attachment> Bytes(const std::string& bytes) {
  return *Attachment::Copy(bytes);
}

class AttachmentTableTest : public ::testing::Test {
 protected:
  // Six bytes for an app, ten for a user, twelve in all.
  static AttachmentLimits Limits() {
    return {.app = {.count = 2, .bytes = 6},
            .user = {.count = 3, .bytes = 10},
            .all = {.count = 4, .bytes = 12},
            .lifetime = absl::Seconds(30)};
  }
  std::string Put(const Identity& owner, const std::string& bytes) {
    const absl::Status room = table_.Reserve(owner, bytes.size());
    EXPECT_TRUE(room.ok()) << room;
    const absl::StatusOr<std::string> token = table_.Add(owner, Bytes(bytes));
    EXPECT_TRUE(token.ok()) << token.status();
    return token.value_or("");
  }
  bool Refused(const Identity& owner, uint64_t bytes, Reason reason) {
    const absl::Status status = table_.Reserve(owner, bytes);
    if (!HasReason(status, reason)) return false;
    EXPECT_TRUE(FactsOf(status).retry_delay.has_value());
    return true;
  }

  ManualClock clock_;
  int tokens_ = 0;
  bool no_tokens_ = false;
  AttachmentTable table_{Limits(), &clock_, [this]() -> absl::StatusOr<std::string> {
                           if (no_tokens_) return MakeError(Reason::kMemoryInsufficient, "none");
                           return absl::StrCat("token-", ++tokens_);
                         }};
};

TEST_F(AttachmentTableTest, ATokenIsGoodOnce) {
  const std::string token = Put(App("a"), "abc");
  const auto taken = table_.Take(App("a").id(), token);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ((*taken)->size(), 3u);
  EXPECT_TRUE(HasReason(table_.Take(App("a").id(), token).status(), Reason::kFieldInvalid));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(AttachmentTableTest, AnotherAppCanNeitherUseATokenNorUseItUp) {
  const std::string token = Put(App("a"), "abc");
  for (const Identity& other : {App("b"), App("a", 1001)}) {
    EXPECT_TRUE(HasReason(table_.Take(other.id(), token).status(), Reason::kFieldInvalid));
  }
  EXPECT_TRUE(HasReason(table_.Take(App("a").id(), "token-9").status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(table_.Take(App("a").id(), "").status(), Reason::kFieldInvalid));
  EXPECT_TRUE(table_.Take(App("a").id(), token).ok());
}

TEST_F(AttachmentTableTest, ATokenExpiresToTheSecond) {
  const std::string first = Put(App("a"), "abc");
  clock_.Advance(absl::Seconds(10));
  const std::string second = Put(App("a"), "abc");
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Seconds(20));
  clock_.Advance(absl::Seconds(20));
  // Also where nobody has come to clean up.
  EXPECT_FALSE(table_.Take(App("a").id(), first).ok());
  EXPECT_EQ(table_.size(), 2u);
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Seconds(10));
  EXPECT_EQ(table_.size(), 1u);
  clock_.Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_TRUE(table_.Take(App("a").id(), second).ok());
  EXPECT_EQ(table_.Expire(), absl::InfiniteFuture());
}

TEST_F(AttachmentTableTest, WhatExpiresIsClosed) {
  std::weak_ptr<const Attachment> watched;
  {
    const auto attachment = Bytes("abc");
    watched = attachment;
    ASSERT_TRUE(table_.Reserve(App("a"), 3).ok());
    ASSERT_TRUE(table_.Add(App("a"), attachment).ok());
  }
  EXPECT_FALSE(watched.expired());
  clock_.Advance(absl::Seconds(30));
  table_.Expire();
  EXPECT_TRUE(watched.expired());
}

TEST_F(AttachmentTableTest, AnAppHasItsShare) {
  Put(App("a"), "abc");
  EXPECT_TRUE(Refused(App("a"), 4, Reason::kClientQuotaExceeded));  // seven bytes
  const std::string second = Put(App("a"), "abc");
  EXPECT_TRUE(Refused(App("a"), 0, Reason::kClientQuotaExceeded));  // three descriptors
  EXPECT_TRUE(Refused(App("b"), 7, Reason::kClientQuotaExceeded));  // never
  ASSERT_TRUE(table_.Take(App("a").id(), second).ok());
  Put(App("a"), "abc");
}

TEST_F(AttachmentTableTest, AUsersAppsShareOneBound) {
  Put(App("a"), "abc");
  Put(App("b"), "abcd");
  EXPECT_TRUE(Refused(App("c"), 4, Reason::kClientQuotaExceeded));
  Put(App("c"), "a");
  EXPECT_TRUE(Refused(App("d"), 1, Reason::kClientQuotaExceeded));
  // Others are none the worse for it.
  Put(App("d", 1001), "abcd");
  EXPECT_TRUE(Refused(App("e", 1002), 1, Reason::kQueueFull));
}

TEST_F(AttachmentTableTest, AReservationCountsUntilItIsReleased) {
  ASSERT_TRUE(table_.Reserve(App("a"), 6).ok());
  EXPECT_TRUE(Refused(App("a"), 1, Reason::kClientQuotaExceeded));
  table_.Release(App("a"), 6);
  ASSERT_TRUE(table_.Reserve(App("a"), 6).ok());
  // Nor does one stay that no token could be made for.
  no_tokens_ = true;
  EXPECT_TRUE(
      HasReason(table_.Add(App("a"), Bytes("abcdef")).status(), Reason::kMemoryInsufficient));
  no_tokens_ = false;
  Put(App("a"), "abcdef");
}

TEST_F(AttachmentTableTest, WhatARequestHoldsCountsUntilItLetsGo) {
  auto taken = table_.Take(App("a").id(), Put(App("a"), "abcdef"));
  ASSERT_TRUE(taken.ok());
  auto again = *taken;
  taken->reset();
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Refused(App("a"), 1, Reason::kClientQuotaExceeded));
  again.reset();
  Put(App("a"), "abcdef");
}

TEST(AttachmentTableEndTest, WhatARequestHoldsMayOutliveTheTable) {
  ManualClock clock;
  std::shared_ptr<const Attachment> taken;
  {
    AttachmentTable table({}, &clock);
    ASSERT_TRUE(table.Reserve(App("a"), 3).ok());
    taken = *table.Take(App("a").id(), *table.Add(App("a"), Bytes("abc")));
  }
  EXPECT_EQ(taken->Map()->bytes().size(), 3u);
}

TEST_F(AttachmentTableTest, RoomComesBackByItself) {
  Put(App("a"), "abcdef");
  EXPECT_TRUE(Refused(App("a"), 1, Reason::kClientQuotaExceeded));
  clock_.Advance(absl::Seconds(30));
  Put(App("a"), "abcdef");
}

TEST(RandomTokenTest, HasMuchToGuess) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const absl::StatusOr<std::string> token = MakeRandomToken();
    ASSERT_TRUE(token.ok());
    EXPECT_EQ(token->size(), 32u);
    EXPECT_EQ(token->find_first_not_of("0123456789abcdef"), std::string::npos);
    seen.insert(*token);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace intelligenced

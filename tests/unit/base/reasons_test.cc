#include "runtime/base/reasons.h"

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

TEST(ReasonsTest, NamesAreUniqueAndComeBack) {
  for (int i = 0; i <= static_cast<int>(Reason::kDeadlineExceeded); ++i) {
    const Reason reason = static_cast<Reason>(i);
    EXPECT_EQ(ReasonFromName(ReasonName(reason)), reason);
    EXPECT_NE(ReasonCode(reason), absl::StatusCode::kOk);
  }
  EXPECT_EQ(ReasonFromName("NO_SUCH_REASON"), std::nullopt);
}

TEST(ReasonsTest, FactsSurviveWhateverTheyHold) {
  const absl::Status status = MakeError(Reason::kQueueFull, "full",
                                        {.metadata = {{"quota", "a=b\nc"}, {"empty", ""}},
                                         .retry_delay = absl::Milliseconds(250),
                                         .field = "x.y"});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(status, Reason::kQueueFull));
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.metadata.at("quota"), "a=b\nc");
  EXPECT_EQ(facts.metadata.at("empty"), "");
  EXPECT_EQ(facts.retry_delay, absl::Milliseconds(250));
  EXPECT_EQ(facts.field, "x.y");
}

TEST(ReasonsTest, ForeignStatusHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace intelligenced

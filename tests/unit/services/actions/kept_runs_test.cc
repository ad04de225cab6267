#include "services/actions/kept_runs.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

KeptRuns::End Done(const std::string& dialog) {
  KeptRuns::End end;
  end.completed.mutable_result()->set_dialog(dialog);
  return end;
}

TEST(KeptRunsTest, KeepsAnEndForATime) {
  KeptRuns kept({.time = absl::Minutes(10)});
  const absl::Time now = absl::FromUnixSeconds(1);
  kept.Keep({"1000:a", "r"}, Done("one"), now);
  ASSERT_NE(kept.Find({"1000:a", "r"}, now), nullptr);
  EXPECT_EQ(kept.Find({"1000:a", "r"}, now)->completed.result().dialog(), "one");
  EXPECT_EQ(kept.Find({"1000:b", "r"}, now), nullptr);
  EXPECT_EQ(kept.Find({"1000:a", "r"}, now + absl::Minutes(10)), nullptr);
  kept.Keep({"1000:a", "r"}, Done("two"), now);
  EXPECT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept.Find({"1000:a", "r"}, now)->completed.result().dialog(), "two");
  // What is too old goes with the next one.
  kept.Keep({"1000:b", "r"}, Done("three"), now + absl::Minutes(11));
  EXPECT_EQ(kept.size(), 1U);
}

TEST(KeptRunsTest, TheOldestOfACallerMakeRoom) {
  KeptRuns kept({.of_caller = 3});
  const absl::Time now = absl::FromUnixSeconds(1);
  kept.Keep({"other", "r"}, Done(""), now);
  for (int i = 0; i < 5; ++i) kept.Keep({"me", absl::StrCat("r", i)}, Done(""), now);
  EXPECT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept.Find({"me", "r1"}, now), nullptr);
  EXPECT_NE(kept.Find({"me", "r2"}, now), nullptr);
  EXPECT_NE(kept.Find({"other", "r"}, now), nullptr);
}

TEST(KeptRunsTest, AllTogetherHaveABoundInBytes) {
  KeptRuns kept({.bytes = 10'000});
  const absl::Time now = absl::FromUnixSeconds(1);
  for (int i = 0; i < 20; ++i) {
    kept.Keep({absl::StrCat("caller", i), "r"}, Done(std::string(1000, 'x')), now);
  }
  EXPECT_LE(kept.size(), 8U);
  EXPECT_NE(kept.Find({"caller19", "r"}, now), nullptr);
  EXPECT_EQ(kept.Find({"caller0", "r"}, now), nullptr);
}

}  // namespace
}  // namespace intelligenced

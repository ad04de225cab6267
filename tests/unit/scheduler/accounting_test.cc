#include "runtime/scheduler/accounting.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/scheduler/admission.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

TEST(SlidingSumTest, ForgetsByTheSecond) {
  SlidingSum sum(10);
  EXPECT_EQ(sum.Sum(kNow), 0);
  sum.Add(kNow, 1);
  sum.Add(kNow + absl::Seconds(3), 2);
  EXPECT_EQ(sum.Sum(kNow + absl::Seconds(3)), 3);
  EXPECT_EQ(sum.Sum(kNow + absl::Seconds(9)), 3);
  EXPECT_EQ(sum.Sum(kNow + absl::Seconds(10)), 2);
  EXPECT_EQ(sum.Sum(kNow + absl::Seconds(13)), 0);
  sum.Add(kNow + absl::Seconds(14), 5);
  EXPECT_EQ(sum.Sum(kNow + absl::Seconds(14)), 5);
  sum.Add(kNow + absl::Hours(1), 7);
  EXPECT_EQ(sum.Sum(kNow + absl::Hours(1)), 7);
}

TEST(SlidingSumTest, SpreadsAndCutsOffWhatIsBefore) {
  SlidingSum sum(10);
  sum.AddSpread(kNow, kNow + absl::Seconds(4), 8);
  EXPECT_NEAR(sum.Sum(kNow + absl::Seconds(4)), 8, 1e-9);
  EXPECT_NEAR(sum.Sum(kNow + absl::Seconds(11)), 4, 1e-9);
  // 100 over 100 seconds, of which the window holds nine whole ones and the beginning of a tenth.
  SlidingSum longer(10);
  longer.AddSpread(kNow - absl::Seconds(100), kNow, 100);
  EXPECT_NEAR(longer.Sum(kNow), 9, 1e-9);
  SlidingSum instant(10);
  instant.AddSpread(kNow, kNow, 3);
  EXPECT_EQ(instant.Sum(kNow), 3);
}

TEST(TokenRateTest, DeltasAreCorrectedAtTheEnd) {
  TokenRate rate;
  for (int second = 0; second < 5; ++second) rate.AddDeltas(kNow + absl::Seconds(second), 10);
  const absl::Time end = kNow + absl::Seconds(5);
  EXPECT_NEAR(rate.PerSecond(end), 5, 1e-9);
  rate.Complete(kNow, end, 50, 80);
  EXPECT_NEAR(rate.PerSecond(end), 8, 1e-9);
  // Fewer tokens than deltas.
  rate.Complete(kNow, end, 50, 0);
  EXPECT_NEAR(rate.PerSecond(end), 3, 1e-9);
  EXPECT_EQ(rate.PerSecond(end + absl::Minutes(1)), 0);
}

TEST(AverageTest, FollowsSlowly) {
  Average average;
  EXPECT_EQ(average.value(), std::nullopt);
  average.Add(absl::Seconds(10));
  EXPECT_EQ(average.value(), absl::Seconds(10));
  average.Add(absl::Seconds(20));
  EXPECT_EQ(average.value(), absl::Seconds(12));
}

TEST(SplitDeviceTimeTest, ByWorkElseEvenly) {
  const absl::Duration second = absl::Seconds(1);
  EXPECT_THAT(SplitDeviceTime(4 * second, {1.0, 3.0}), ElementsAre(second, 3 * second));
  EXPECT_THAT(SplitDeviceTime(4 * second, {0.0, 0.0}), ElementsAre(2 * second, 2 * second));
  EXPECT_THAT(SplitDeviceTime(4 * second, {-1.0, 2.0}),
              ElementsAre(absl::ZeroDuration(), 4 * second));
}

struct AdmissionCase {
  const char* name;
  Holdings all;
  Holdings client;
  uint64_t bytes;
  std::optional<Reason> reason;
  const char* quota;
};

Holdings Held(int jobs, uint64_t bytes) {
  Holdings held;
  held.jobs = jobs;
  held.bytes = bytes;
  return held;
}

class AdmissionTest : public testing::TestWithParam<AdmissionCase> {};

TEST_P(AdmissionTest, Decides) {
  const AdmissionLimits limits{.max_queued_jobs = 10,
                               .max_queued_bytes = 1000,
                               .max_client_jobs = 4,
                               .max_client_bytes = 300};
  const AdmissionCase& c = GetParam();
  const absl::Status status = CheckAdmission(limits, c.all, c.client, c.bytes);
  EXPECT_EQ(ReasonOf(status), c.reason) << status;
  if (c.reason.has_value()) {
    EXPECT_EQ(FactsOf(status).metadata.at("quota"), c.quota);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, AdmissionTest,
    testing::Values(
        AdmissionCase{"free", Held(0, 0), Held(0, 0), 300, std::nullopt, ""},
        AdmissionCase{"last", Held(9, 900), Held(3, 200), 100, std::nullopt, ""},
        AdmissionCase{"queue_jobs", Held(10, 0), Held(0, 0), 1, Reason::kQueueFull, "jobs"},
        AdmissionCase{"queue_bytes", Held(1, 950), Held(0, 0), 51, Reason::kQueueFull, "bytes"},
        AdmissionCase{"client_jobs", Held(4, 0), Held(4, 0), 1, Reason::kClientQuotaExceeded,
                      "jobs"},
        AdmissionCase{"client_bytes", Held(1, 250), Held(1, 250), 51, Reason::kClientQuotaExceeded,
                      "bytes"},
        AdmissionCase{"both", Held(10, 0), Held(4, 0), 1, Reason::kClientQuotaExceeded, "jobs"},
        AdmissionCase{"never", Held(0, 0), Held(0, 0), 301, Reason::kClientQuotaExceeded, "bytes"},
        AdmissionCase{"overflow", Held(1, 100), Held(1, 100), ~uint64_t{0},
                      Reason::kClientQuotaExceeded, "bytes"}),
    [](const auto& test) { return test.param.name; });

TEST(RetryDelayTest, FromTheRateOfEnds) {
  const AdmissionLimits limits{.max_queued_jobs = 10,
                               .max_queued_bytes = 1000,
                               .max_client_jobs = 4,
                               .max_client_bytes = 300};
  const auto delay = [&](const Holdings& client, uint64_t bytes) {
    return FactsOf(CheckAdmission(limits, client, client, bytes)).retry_delay;
  };
  Holdings held = Held(4, 300);
  EXPECT_EQ(delay(held, 1), absl::Seconds(1));  // nothing known yet
  held.end_interval.Add(absl::Milliseconds(200));
  EXPECT_EQ(delay(held, 1), absl::Milliseconds(200));
  held.end_interval = {};
  held.end_interval.Add(absl::Microseconds(1));
  EXPECT_EQ(delay(held, 1), absl::Milliseconds(50));
  held.end_interval = {};
  held.end_interval.Add(absl::Hours(1));
  EXPECT_EQ(delay(held, 1), absl::Seconds(30));
  // 150 bytes too many, at 100 a job: one and a half jobs.
  held = Held(3, 300);
  held.end_interval.Add(absl::Seconds(2));
  EXPECT_EQ(delay(held, 150), absl::Seconds(3));
  // Never.
  EXPECT_EQ(delay(Held(0, 0), 301), std::nullopt);
}

TEST(HoldingsTest, CountsAndMeasures) {
  Holdings held;
  held.Enter(10, kNow);
  held.Enter(20, kNow + absl::Seconds(1));
  held.Leave(10, kNow + absl::Seconds(4));
  EXPECT_EQ(held.jobs, 1);
  EXPECT_EQ(held.bytes, 20u);
  EXPECT_EQ(held.end_interval.value(), absl::Seconds(4));
  held.Leave(20, kNow + absl::Seconds(8));
  // Idle time is not counted.
  held.Enter(1, kNow + absl::Hours(1));
  held.Leave(1, kNow + absl::Hours(1) + absl::Seconds(4));
  EXPECT_EQ(held.end_interval.value(), absl::Seconds(4));
}

}  // namespace
}  // namespace intelligenced

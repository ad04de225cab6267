#include "runtime/engines/onnx/seq2seq/batching.h"

#include <gtest/gtest.h>

#include <vector>

namespace intelligenced {
namespace {

size_t Next(const std::vector<size_t>& lengths, const GroupShape& shape = {},
            const GroupLimits& limits = {}) {
  return NextGroup(lengths, shape, limits);
}

TEST(NextGroupTest, TakesWhatIsOfALength) {
  EXPECT_EQ(Next({5, 5, 6, 7}), 4U);
  // 5 and half as much and 8: up to 15.
  EXPECT_EQ(Next({5, 15, 16}), 2U);
  EXPECT_EQ(Next({100, 158, 159}), 2U);
  EXPECT_EQ(Next({500}), 1U);
}

TEST(NextGroupTest, KeepsToEachLimit) {
  const std::vector<size_t> many(100, 10);
  EXPECT_EQ(Next(many, {.beams = 4}, {.rows = 16}), 4U);
  EXPECT_EQ(Next(many, {}, {.source_tokens = 55}), 5U);
  // 10 tokens of source and 15 of answer, two beams, 100 bytes each: 5,000 a segment.
  EXPECT_EQ(Next(many, {.beams = 2, .cache_bytes_per_token = 100}, {.cache_bytes = 21'000}), 4U);
  // One goes whatever the limits are.
  EXPECT_EQ(Next(many, {.beams = 8}, {.rows = 1, .source_tokens = 1, .cache_bytes = 1}), 1U);
}

TEST(PaceTest, GroupsAreAsLargeAsAUnitAllows) {
  const absl::Duration unit = absl::Milliseconds(50);
  Pace pace;
  const GroupLimits unknown = pace.Limits(unit);
  EXPECT_EQ(unknown.rows, GroupLimits().rows);
  // 5 ms a row.
  pace.SawDecoder(8, absl::Milliseconds(40));
  EXPECT_EQ(pace.Limits(unit).rows, 10U);
  EXPECT_EQ(pace.Limits(2 * unit).rows, 20U);
  // One row alone takes longer, which says nothing of ten.
  pace.SawDecoder(1, absl::Milliseconds(30));
  EXPECT_EQ(pace.Limits(unit).rows, 10U);
  // Ten took 80 ms: slower than was thought.
  pace.SawDecoder(10, absl::Milliseconds(80));
  EXPECT_LT(pace.Limits(unit).rows, 10U);
  // Very slow, very quick, and a clock that stands still.
  Pace slow;
  slow.SawDecoder(8, absl::Seconds(80));
  slow.SawEncoder(100, absl::Seconds(80));
  EXPECT_EQ(slow.Limits(unit).rows, 1U);
  EXPECT_EQ(slow.Limits(unit).source_tokens, 16U);
  Pace quick;
  quick.SawDecoder(8, absl::Nanoseconds(8));
  EXPECT_EQ(quick.Limits(unit).rows, 256U);
  Pace still;
  still.SawDecoder(8, absl::ZeroDuration());
  EXPECT_EQ(still.Limits(unit).rows, GroupLimits().rows);
}

}  // namespace
}  // namespace intelligenced

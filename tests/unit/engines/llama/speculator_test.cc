#include "runtime/engines/llama/speculator.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

constexpr auto kUnit = absl::Milliseconds(10);

// What a batch of each size was measured to take, in units.
BatchCosts Costs(const std::vector<std::pair<int, double>>& measured) {
  BatchCosts costs;
  for (const auto& [rows, units] : measured) costs.Record(rows, units * kUnit);
  return costs;
}

double Units(const BatchCosts& costs, int rows) {
  const std::optional<absl::Duration> cost = costs.Of(rows);
  return cost ? absl::FDivDuration(*cost, kUnit) : -1;
}

TEST(BatchCostsTest, BetweenMeasurementsItIsALine) {
  const BatchCosts costs = Costs({{1, 1}, {4, 4}, {16, 10}});
  EXPECT_DOUBLE_EQ(Units(costs, 1), 1);
  EXPECT_DOUBLE_EQ(Units(costs, 2), 2);
  EXPECT_DOUBLE_EQ(Units(costs, 3), 4) << "kernels take three as four";
  EXPECT_DOUBLE_EQ(Units(costs, 4), 4);
  EXPECT_DOUBLE_EQ(Units(costs, 5), 6);
  EXPECT_DOUBLE_EQ(Units(costs, 8), 6);
  EXPECT_DOUBLE_EQ(Units(costs, 13), 10);
  EXPECT_DOUBLE_EQ(Units(costs, 16), 10);
}

TEST(BatchCostsTest, WhatWasNeverMeasuredIsHopedFor) {
  EXPECT_EQ(Units(BatchCosts(), 1), -1);
  EXPECT_EQ(Units(Costs({{16, 10}}), 1), -1) << "nothing so small was measured";
  const BatchCosts costs = Costs({{1, 1}});
  EXPECT_LT(Units(costs, 16), 4);
  EXPECT_GT(Units(costs, 16), Units(costs, 8));
  EXPECT_GT(Units(costs, 1000), Units(costs, 128));
}

TEST(BatchCostsTest, OneDisturbedBatchChangesLittleAndManyChangeAll) {
  BatchCosts costs = Costs({{1, 1}});
  costs.Record(1, 1000 * kUnit);
  EXPECT_LT(Units(costs, 1), 1.3);
  for (int index = 0; index < 50; ++index) costs.Record(1, 3 * kUnit);
  EXPECT_NEAR(Units(costs, 1), 3, 0.01);
}

TEST(BatchCostsTest, MeasurementsAge) {
  BatchCosts costs = Costs({{1, 1}, {16, 100}});
  EXPECT_DOUBLE_EQ(Units(costs, 16), 100);
  for (int index = 0; index <= BatchCosts::kLifetime; ++index) costs.Record(1, kUnit);
  EXPECT_LT(Units(costs, 16), 4) << "it is tried again";
}

TEST(BatchCostsTest, NonsenseIsNotCounted) {
  BatchCosts costs;
  costs.Record(0, kUnit);
  costs.Record(-1, kUnit);
  costs.Record(1, absl::ZeroDuration());
  costs.Record(1000, kUnit);
  EXPECT_EQ(costs.Of(1), std::nullopt);
}

std::vector<int32_t> Count(int from, int to) {
  std::vector<int32_t> tokens;
  for (int token = from; token < to; ++token) tokens.push_back(token);
  return tokens;
}

// On a guide of 0, 1, 2 …, after `right` tokens of it.
Speculator Copying(int right) {
  Speculator speculator(DraftSource(Count(0, 1000), {}));
  for (int token = 0; token < right; ++token) speculator.Append(token);
  return speculator;
}

int Length(const Speculator& speculator, const BatchCosts& costs, DraftLimits limits) {
  return static_cast<int>(speculator.Draft(costs, limits).size());
}

TEST(SpeculatorTest, TheLengthFollowsFromCostsAndOdds) {
  // A memory-bound model, one whose further rows cost half, one that has no gain, one that gains
  // from tiles of 16 only.
  const BatchCosts cheap = Costs({{1, 1}, {2, 1}, {4, 1.1}, {8, 1.2}, {16, 1.5}, {32, 6}});
  const BatchCosts half = Costs({{1, 1}, {2, 1.5}, {4, 2.5}, {8, 4.5}, {16, 8.5}});
  const BatchCosts dear = Costs({{1, 1}, {2, 2}, {4, 4}, {8, 8}, {16, 16}, {32, 32}});
  const BatchCosts tiles = Costs({{1, 1}, {2, 2}, {4, 3.9}, {8, 7.6}, {12, 11}, {16, 8}});
  struct Case {
    const char* name;
    const BatchCosts& costs;
    int right;
    DraftLimits limits;
    int length;
  };
  for (const Case& test : std::vector<Case>{
           {"cheap rows: all that there is room for", cheap, 100, {.most = 15}, 15},
           {"never more than the longest", cheap, 100, {.most = 1000}, kMaxDraft},
           {"as few as there is room for", cheap, 100, {.most = 2}, 2},
           {"no room", cheap, 100, {.most = 0}, 0},
           {"less than none", cheap, 100, {.most = -3}, 0},
           {"rows at half the price", half, 400, {.most = 15}, 15},
           {"rows at full price", dear, 400, {.most = 15}, 0},
           {"only a full tile pays", tiles, 400, {.most = 15}, 15},
           {"no full tile", tiles, 400, {.most = 14}, 14},
           {"the tile is out of reach", tiles, 400, {.most = 10}, 0},
           {"a limit of time", half, 400, {.most = 15, .longest = 5 * kUnit}, 7},
           {"a limit below what it takes anyway", half, 400, {.most = 15, .longest = kUnit / 2}, 0},
           {"beside seven others", cheap, 100, {.most = 15, .others = 7}, 8},
           {"beside others who would wait for nothing", dear, 400, {.most = 15, .others = 7}, 0},
           {"eager", dear, 0, {.most = 15, .eager = true}, 15},
       }) {
    EXPECT_EQ(Length(Copying(test.right), test.costs, test.limits), test.length) << test.name;
  }
}

TEST(SpeculatorTest, NothingBeforeAnythingWasMeasured) {
  EXPECT_EQ(Length(Copying(50), BatchCosts(), {.most = 15}), 0);
  EXPECT_EQ(Length(Copying(50), Costs({{1, 1}}), {.most = 15}), 15) << "then it is tried";
}

TEST(SpeculatorTest, StopsWhenTheOutputGoesItsOwnWayAndComesBackByItself) {
  const BatchCosts costs = Costs({{1, 1}, {2, 1.4}, {4, 2}, {8, 3}, {16, 5}});
  Speculator speculator(DraftSource(Count(0, 5000), {}));
  int said = 0;
  for (; said < 50; ++said) speculator.Append(said);
  EXPECT_EQ(Length(speculator, costs, {.most = 15}), 15);
  const double before = speculator.Odds(DraftKind::kGuide);

  // Each fourth token is another one: every place found again is wrong soon after.
  for (int index = 0; index < 300; ++index, ++said) {
    speculator.Append(index % 4 == 0 ? 100000 + index : said);
  }
  EXPECT_LE(Length(speculator, costs, {.most = 15}), 3);
  EXPECT_LT(speculator.Odds(DraftKind::kGuide), before);

  // Copying again. Nothing has to be computed for that to be noticed.
  for (int index = 0; index < 150; ++index, ++said) speculator.Append(said);
  EXPECT_EQ(Length(speculator, costs, {.most = 15}), 15);
}

TEST(SpeculatorTest, ChanceRepetitionsAreNotFollowedForLong) {
  const BatchCosts costs = Costs({{1, 1}, {2, 1.5}, {4, 2.5}, {8, 4.5}, {16, 8.5}});
  Speculator speculator(DraftSource({}, {}));
  // The same three tokens again and again, always followed by another one.
  for (int index = 0; index < 60; ++index) {
    for (const int32_t token : {1, 2, 3, 1000 + index}) speculator.Append(token);
  }
  for (const int32_t token : {1, 2, 3}) speculator.Append(token);
  EXPECT_LT(speculator.Odds(DraftKind::kRepeat), 0.2);
  EXPECT_EQ(Length(speculator, costs, {.most = 15}), 0);
}

TEST(SpeculatorTest, TheDraftIsWhatTheSourceProposes) {
  const BatchCosts costs = Costs({{1, 1}, {16, 1.2}});
  Speculator speculator = Copying(30);
  const absl::Span<const int32_t> draft = speculator.Draft(costs, {.most = 15});
  ASSERT_EQ(draft.size(), 15u);
  for (int index = 0; index < 15; ++index) EXPECT_EQ(draft[index], 30 + index);
}

}  // namespace
}  // namespace intelligenced

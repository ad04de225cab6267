#include "runtime/engines/onnx/seq2seq/row_moves.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the table holds after the moves.
std::vector<size_t> Apply(const std::vector<size_t>& order) {
  std::vector<size_t> table(order.size());
  std::iota(table.begin(), table.end(), size_t{0});
  size_t spare = 0;
  for (const RowMove& move : PlanRowMoves(order)) {
    const size_t value = move.from == RowMove::kSpare ? spare : table[move.from];
    (move.to == RowMove::kSpare ? spare : table[move.to]) = value;
  }
  return table;
}

TEST(RowMovesTest, NothingMovesWhereNothingChanges) {
  EXPECT_THAT(PlanRowMoves({}), IsEmpty());
  EXPECT_THAT(PlanRowMoves({0, 1, 2, 3}), IsEmpty());
}

TEST(RowMovesTest, OneCopyForEachRowThatChanges) {
  EXPECT_THAT(PlanRowMoves({0, 0, 2, 2}),
              testing::UnorderedElementsAre(RowMove{0, 1}, RowMove{2, 3}));
  // Row 1 is wanted before it is written over.
  EXPECT_THAT(PlanRowMoves({0, 0, 1}), ElementsAre(RowMove{1, 2}, RowMove{0, 1}));
  EXPECT_THAT(PlanRowMoves({1, 0}),
              ElementsAre(RowMove{0, RowMove::kSpare}, RowMove{1, 0}, RowMove{RowMove::kSpare, 1}));
}

TEST(RowMovesTest, EveryOrderComesOut) {
  for (size_t code = 0; code < 3125; ++code) {
    std::vector<size_t> order;
    for (size_t i = 0, rest = code; i < 5; ++i, rest /= 5) order.push_back(rest % 5);
    EXPECT_EQ(Apply(order), order);
  }
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> order(64);
    for (size_t& row : order) row = random() % order.size();
    EXPECT_EQ(Apply(order), order);
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    EXPECT_EQ(Apply(order), order);
  }
}

}  // namespace
}  // namespace intelligenced

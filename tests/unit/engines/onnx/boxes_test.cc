#include "runtime/engines/onnx/boxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace intelligenced {
namespace {

Detection At(float left, float top, float side, float score) {
  return {.box = {left, top, left + side, top + side}, .score = score, .points = {{left, top}}};
}

TEST(BoxesTest, OverlapIsSharedAreaOverAll) {
  EXPECT_FLOAT_EQ(Overlap({0, 0, 2, 2}, {0, 0, 2, 2}), 1);
  EXPECT_FLOAT_EQ(Overlap({0, 0, 2, 2}, {1, 0, 3, 2}), 2.0F / 6);
  EXPECT_FLOAT_EQ(Overlap({0, 0, 2, 2}, {2, 0, 3, 2}), 0);
  EXPECT_FLOAT_EQ(Overlap({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
  EXPECT_FLOAT_EQ(Overlap({2, 2, 0, 0}, {0, 0, 2, 2}), 0) << "inside out";
}

TEST(BoxesTest, TheBestOfAHeapStays) {
  const auto kept = SuppressOverlaps(
      {At(0, 0, 10, 0.5), At(1, 0, 10, 0.9), At(50, 0, 10, 0.7), At(51, 0, 10, 0.6)}, 0.3, 100);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_FLOAT_EQ(kept[0].score, 0.9);
  EXPECT_FLOAT_EQ(kept[0].box.left, 1);
  EXPECT_FLOAT_EQ(kept[1].score, 0.7);
}

TEST(BoxesTest, OnlyTheBestAreLookedAt) {
  EXPECT_EQ(
      SuppressOverlaps({At(0, 0, 1, 0.5), At(10, 0, 1, 0.9), At(20, 0, 1, 0.7)}, 0.3, 2).size(),
      2U);
  EXPECT_TRUE(SuppressOverlaps({}, 0.3, 2).empty());
}

TEST(BoxesTest, AHeapIsBlendedByScore) {
  const auto blended =
      BlendOverlaps({At(0, 0, 10, 0.6), At(2, 0, 10, 0.2), At(90, 0, 10, 0.1)}, 0.3, 100);
  ASSERT_EQ(blended.size(), 2U);
  EXPECT_FLOAT_EQ(blended[0].score, 0.6);
  EXPECT_FLOAT_EQ(blended[0].box.left, 0.5);
  EXPECT_FLOAT_EQ(blended[0].points[0].x, 0.5);
  EXPECT_FLOAT_EQ(blended[1].box.left, 90);
}

}  // namespace
}  // namespace intelligenced

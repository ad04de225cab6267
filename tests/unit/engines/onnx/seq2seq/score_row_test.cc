#include "runtime/engines/onnx/seq2seq/score_row.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Lengths around those of the vectors and blocks inside, and a real vocabulary's.
constexpr size_t kSizes[] = {1, 2, 15, 16, 17, 31, 33, 511, 512, 513, 578, 1029, 65'001};

std::vector<float> Random(size_t size, std::mt19937& random) {
  std::normal_distribution<float> normal(-3, 6);
  std::vector<float> scores(size);
  for (float& score : scores) score = normal(random);
  return scores;
}

TEST(ScoreRowTest, SumsAreThoseOfDoubles) {
  std::mt19937 random(3);
  for (const size_t size : kSizes) {
    const std::vector<float> scores = Random(size, random);
    const float largest = LargestScore(scores);
    EXPECT_EQ(largest, *std::max_element(scores.begin(), scores.end()));
    double sum = 0;
    for (const float score : scores) sum += std::exp(static_cast<double>(score) - largest);
    EXPECT_NEAR(SumOfLikelihoods(scores, largest) / sum, 1, 1e-6) << size;
  }
}

TEST(ScoreRowTest, WhatIsFarBelowAddsNothing) {
  std::vector<float> scores(40, -1e30F);
  scores[7] = 2;
  scores[8] = -kInfinity;
  EXPECT_NEAR(SumOfLikelihoods(scores, LargestScore(scores)), 1, 1e-6);
  for (const float gap : {-0.0F, -1e-20F, -0.5F, -86.9F, -87.1F, -200.0F}) {
    EXPECT_NEAR(SumOfLikelihoods({{0, gap}}, 0), 1 + std::exp(static_cast<double>(gap)), 1e-6);
  }
}

TEST(ScoreRowTest, HighestAreThoseOfAWholeSort) {
  std::mt19937 random(4);
  for (const size_t size : kSizes) {
    std::vector<float> scores = Random(size, random);
    // Many equals: of them the first come first.
    for (float& score : scores) score = std::round(score);
    std::vector<int64_t> banned;
    for (int i = 0; i < 3; ++i) banned.push_back(static_cast<int64_t>(random() % size));
    std::vector<std::pair<float, int64_t>> expected;
    for (size_t i = 0; i < size; ++i) {
      const auto token = static_cast<int64_t>(i);
      if (std::find(banned.begin(), banned.end(), token) == banned.end()) {
        expected.emplace_back(scores[i], token);
      }
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const size_t count : {1U, 2U, 8U, 16U}) {
      auto first = expected;
      first.resize(std::min(count, expected.size()));
      EXPECT_EQ(HighestScores(scores, count, banned), first) << size << " " << count;
    }
  }
}

TEST(ScoreRowTest, NumbersThatAreNone) {
  std::vector<float> scores(50, kNaN);
  EXPECT_THAT(HighestScores(scores, 4, {}), IsEmpty());
  EXPECT_EQ(LargestScore(scores), -kInfinity);
  scores[20] = 1;
  scores[21] = -kInfinity;
  EXPECT_THAT(HighestScores(scores, 4, {}), ElementsAre(Pair(1, 20)));
  EXPECT_THAT(HighestScores(scores, 0, {}), IsEmpty());
  EXPECT_THAT(HighestScores({}, 4, {}), IsEmpty());
}

}  // namespace
}  // namespace intelligenced

// Beam search against tables that were worked out by hand.
#include "runtime/engines/onnx/seq2seq/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// Tokens: 0 ends, 4 is the start and the padding.
constexpr int64_t kEnd = 0, kStart = 4;
constexpr size_t kWords = 5;

// What follows the tokens so far, as probabilities.
using Table = std::map<std::vector<int64_t>, std::vector<double>>;

SearchSettings Settings(int beams) {
  return {.start = kStart, .end = kEnd, .padding = kStart, .beams = beams, .max_length = 8};
}

struct Outcome {
  std::vector<int64_t> tokens;
  bool truncated = false;
  int steps = 0;
};

// Runs a search to its end. After texts that a table does not have everything is as likely; with no
// table at all token 3 follows forever.
Outcome Search(const SearchSettings& settings, const Table& table,
               std::optional<int64_t> first = std::nullopt) {
  SegmentSearch search(&settings, first, 4);
  std::vector<std::vector<int64_t>> texts = {{}};
  Outcome outcome;
  while (!search.done()) {
    // What each row has behind it.
    std::vector<std::vector<int64_t>> next;
    std::vector<std::vector<float>> scores;
    std::vector<const float*> pointers;
    for (const SearchRow& row : search.rows()) {
      std::vector<int64_t> text = texts[row.before];
      if (outcome.steps > 0) text.push_back(row.token);
      const auto found = table.find(text);
      std::vector<double> chances = {0.2, 0.2, 0.2, 0.2, 0.2};
      if (table.empty()) chances = {0.001, 0.001, 0.001, 0.996, 0.001};
      if (found != table.end()) chances = found->second;
      std::vector<float>& logits = scores.emplace_back();
      // Not normalised: 7 more than the logarithm.
      for (const double chance : chances)
        logits.push_back(static_cast<float>(std::log(chance) + 7));
      next.push_back(std::move(text));
    }
    for (const auto& row : scores) pointers.push_back(row.data());
    texts = std::move(next);
    search.Advance(pointers, kWords);
    ++outcome.steps;
  }
  outcome.tokens = search.result();
  outcome.truncated = search.truncated();
  return outcome;
}

// The best first token leads to nothing good: 0.5 · 0.4 against 0.4 · 0.9.
Table Garden() {
  return {
      {{}, {0.02, 0.5, 0.4, 0.05, 0.03}},
      {{1}, {0.4, 0.2, 0.2, 0.1, 0.1}},
      {{2}, {0.9, 0.04, 0.03, 0.02, 0.01}},
  };
}

TEST(SegmentSearchTest, GreedyTakesTheBestEachTime) {
  const Outcome outcome = Search(Settings(1), Garden());
  EXPECT_THAT(outcome.tokens, ElementsAre(1, kEnd));
  EXPECT_EQ(outcome.steps, 2);
  EXPECT_FALSE(outcome.truncated);
}

TEST(SegmentSearchTest, ABeamFindsTheBestWhole) {
  const Outcome outcome = Search(Settings(2), Garden());
  EXPECT_THAT(outcome.tokens, ElementsAre(2, kEnd));
  EXPECT_FALSE(outcome.truncated);
}

// ln 0.02 by itself is -3.9; "1 end" has (ln 0.5 + ln 0.4) / 2 = -0.80, "2 end" (ln 0.4 + ln 0.9)
// / 2 = -0.51. An end counts only among the first two candidates, so that the first is never one.
TEST(SegmentSearchTest, AnEndCountsOnlyAmongTheBest) {
  Table table = Garden();
  table[{}] = {0.09, 0.5, 0.4, 0.005, 0.005};
  SearchSettings settings = Settings(2);
  // Sums alone: ln 0.09 = -2.4 would lose anyway; whatever has no length must not win by it.
  settings.length_penalty = -3;
  EXPECT_THAT(Search(settings, table).tokens, ElementsAre(2, kEnd));
}

// Two ways to say it: "1 end" with ln(0.6 · 0.5) = -1.20 and "1 2 2 end" with
// ln(0.6 · 0.4 · 0.9 · 0.9) = -1.64. Over their lengths -0.60 and -0.41.
Table ShortOrLong() {
  return {
      {{}, {0.01, 0.6, 0.01, 0.37, 0.01}},       {{1}, {0.5, 0.03, 0.4, 0.04, 0.03}},
      {{1, 2}, {0.04, 0.02, 0.9, 0.02, 0.02}},   {{1, 2, 2}, {0.9, 0.04, 0.02, 0.02, 0.02}},
      {{3}, {0.02, 0.245, 0.245, 0.245, 0.245}},
  };
}

TEST(SegmentSearchTest, TheLengthPenaltyChoosesBetweenShortAndLong) {
  SearchSettings settings = Settings(2);
  EXPECT_THAT(Search(settings, ShortOrLong()).tokens, ElementsAre(1, 2, 2, kEnd));
  settings.length_penalty = 0;
  EXPECT_THAT(Search(settings, ShortOrLong()).tokens, ElementsAre(1, kEnd));
}

TEST(SegmentSearchTest, StoppingAtOnceMissesWhatComesLater) {
  SearchSettings settings = Settings(2);
  // A second text that ends at once, so that two have ended before the long one is whole.
  Table table = ShortOrLong();
  table[{1, 2}] = {0.44, 0.02, 0.5, 0.02, 0.02};
  table[{1, 2, 2}] = {0.98, 0.005, 0.005, 0.005, 0.005};
  settings.early = EarlyStopping::kAtOnce;
  const Outcome at_once = Search(settings, table);
  settings.early = EarlyStopping::kHeuristic;
  const Outcome patient = Search(settings, table);
  settings.early = EarlyStopping::kNever;
  const Outcome most_patient = Search(settings, table);
  // -0.60 for "1 end", ln(0.6 · 0.4 · 0.44) / 3 = -0.75 for "1 2 end"; what goes on has -0.71.
  EXPECT_THAT(at_once.tokens, ElementsAre(1, kEnd));
  EXPECT_EQ(at_once.steps, 3);
  // ln(0.6 · 0.4 · 0.5 · 0.98) / 4 = -0.54.
  EXPECT_THAT(patient.tokens, ElementsAre(1, 2, 2, kEnd));
  EXPECT_THAT(most_patient.tokens, ElementsAre(1, 2, 2, kEnd));
  EXPECT_GE(most_patient.steps, patient.steps);
}

TEST(SegmentSearchTest, TheFirstTokenIsForced) {
  for (const int beams : {1, 2}) {
    Table table = Garden();
    table[{3}] = {0.05, 0.05, 0.8, 0.05, 0.05};
    table[{3, 2}] = {0.9, 0.02, 0.02, 0.03, 0.03};
    EXPECT_THAT(Search(Settings(beams), table, 3).tokens, ElementsAre(3, 2, kEnd)) << beams;
  }
}

TEST(SegmentSearchTest, BannedTokensAreNeverChosen) {
  for (const int beams : {1, 2}) {
    SearchSettings settings = Settings(beams);
    settings.banned = {1};
    EXPECT_THAT(Search(settings, Garden()).tokens, ElementsAre(2, kEnd)) << beams;
  }
}

// Without the banned token, which has 0.8 there, "1 end" is worth (ln 0.5 + ln 0.9) / 2 = -0.40
// and more than "2 end" with -0.51; with it (ln 0.5 + ln 0.18) / 2 = -1.2.
TEST(SegmentSearchTest, WhatIsLeftMayBeTheWhole) {
  Table table = Garden();
  table[{1}] = {0.18, 0.01, 0.005, 0.005, 0.8};
  SearchSettings settings = Settings(2);
  settings.banned = {kStart};
  EXPECT_THAT(Search(settings, table).tokens, ElementsAre(2, kEnd));
  settings.renormalize = true;
  EXPECT_THAT(Search(settings, table).tokens, ElementsAre(1, kEnd));
}

TEST(SegmentSearchTest, WhatDoesNotEndIsCutAtTheLongest) {
  for (const int beams : {1, 3}) {
    SearchSettings settings = Settings(beams);
    const Outcome open = Search(settings, {});
    EXPECT_THAT(open.tokens, SizeIs(7)) << beams;
    EXPECT_TRUE(open.truncated);
    settings.forced_end = kEnd;
    const Outcome forced = Search(settings, {});
    EXPECT_THAT(forced.tokens, SizeIs(7));
    EXPECT_EQ(forced.tokens.back(), kEnd);
    EXPECT_TRUE(forced.truncated);
  }
}

TEST(SegmentSearchTest, LoopsAndGrowthAreCut) {
  for (const int beams : {1, 2}) {
    SearchSettings settings = Settings(beams);
    settings.max_length = 5000;
    const Outcome outcome = Search(settings, {});
    EXPECT_TRUE(outcome.truncated);
    EXPECT_LE(outcome.steps, 40) << beams;
    // What it said again and again stands once.
    EXPECT_THAT(outcome.tokens, ElementsAre(3)) << beams;
  }
}

TEST(RepeatedTailTest, CountsWhatComesAgain) {
  const auto tail = [](std::vector<int64_t> tokens) { return FindRepeatedTail(tokens, 3).tokens; };
  EXPECT_EQ(tail({}), 0U);
  EXPECT_EQ(tail({1, 2, 3}), 0U);
  EXPECT_EQ(tail({9, 1, 1, 1}), 3U);
  EXPECT_EQ(tail({9, 1, 2, 1, 2, 1, 2}), 6U);
  EXPECT_EQ(tail({1, 2, 3, 1, 2, 3}), 0U);
  EXPECT_EQ(tail({1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}), 0U);
  const std::vector<int64_t> pairs = {9, 1, 2, 1, 2, 1, 2};
  EXPECT_EQ(FindRepeatedTail(pairs, 3).period, 2U);
  const std::vector<int64_t> ones(12, 1);
  EXPECT_EQ(FindRepeatedTail(ones, 3).period, 1U);
}

}  // namespace
}  // namespace intelligenced

#include "services/writing_tools/text_parts.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

std::string LongText(int sentences) {
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    text += "Sentence number " + std::to_string(i) + " tells a little more of the story. ";
    if (i % 7 == 6) text += "\n\n";
  }
  return text;
}

void ExpectTiles(const std::vector<ByteSpan>& parts, ByteSpan span) {
  ASSERT_FALSE(parts.empty());
  EXPECT_EQ(parts.front().start, span.start);
  EXPECT_EQ(parts.back().end, span.end);
  for (size_t i = 1; i < parts.size(); ++i) EXPECT_EQ(parts[i].start, parts[i - 1].end);
}

TEST(TextPartsTest, PartsTileTheSpanAndKeepTheirSize) {
  const std::string text = LongText(200);
  for (const size_t limit : {100u, 400u, 5000u}) {
    const ByteSpan span{64, text.size() - 63};
    const std::vector<ByteSpan> parts = SplitSpan(text, span, limit);
    ExpectTiles(parts, span);
    for (const ByteSpan& part : parts) EXPECT_LE(part.size(), limit);
  }
}

TEST(TextPartsTest, PartsEndAtSentences) {
  const std::string text = LongText(50);
  for (const ByteSpan& part : SplitSpan(text, {0, text.size()}, 300)) {
    const std::string_view words = part.In(text);
    EXPECT_EQ(words.substr(0, 8), "Sentence");
  }
}

TEST(TextPartsTest, OneEndlessWordIsStillSplit) {
  const std::string word(100'000, 'w');
  const std::vector<ByteSpan> parts = SplitSpan(word, {0, word.size()}, 1000);
  ExpectTiles(parts, {0, word.size()});
  EXPECT_GT(parts.size(), 50u);
}

TEST(TextPartsTest, HalvesAreSmallerUntilTheyAreTooShort) {
  const std::string text = LongText(40);
  std::vector<ByteSpan> spans = {{0, text.size()}};
  int rounds = 0;
  while (!spans.empty() && rounds < 100) {
    const ByteSpan span = spans.front();
    spans.erase(spans.begin());
    const std::vector<ByteSpan> halves = Halve(text, span);
    if (halves.empty()) {
      EXPECT_LE(span.size(), 2 * kMinPartBytes);
      continue;
    }
    ++rounds;
    ExpectTiles(halves, span);
    EXPECT_GE(halves.size(), 2u);
    for (const ByteSpan& half : halves) EXPECT_LT(half.size(), span.size());
    spans.insert(spans.end(), halves.begin(), halves.end());
  }
  EXPECT_LT(rounds, 100);
  EXPECT_TRUE(Halve("short", {0, 5}).empty());
}

TEST(TextPartsTest, BudgetFollowsTheContext) {
  const std::string text = LongText(100);
  const size_t small = PartBytes(text, 512, 200, 1.3, 10'000);
  const size_t large = PartBytes(text, 4096, 200, 1.3, 10'000);
  EXPECT_LT(small, large);
  EXPECT_EQ(PartBytes(text, 100'000, 200, 1.3, 1500), 1500u);
  // No room at all: the smallest part, and the model says that it does not fit.
  EXPECT_EQ(PartBytes(text, 100, 200, 1.3, 1500), kMinPartBytes);
  EXPECT_EQ(PartBytes("", 2048, 200, 1.3, 1500), 1500u);
  // Prompt, part and answer fit by the estimate.
  const double part_tokens = EstimateTokens(text.substr(0, large));
  EXPECT_LE(200 + part_tokens * 2.3, 4096 + 8);
}

TEST(TextPartsTest, EstimateIsHigherForOtherScripts) {
  EXPECT_EQ(EstimateTokens(""), 0u);
  EXPECT_EQ(EstimateTokens("abcdef"), 2u);
  EXPECT_GE(EstimateTokens("日本語"), 6u);
}

TEST(TextPartsTest, SpansAreCutToTheirPart) {
  const std::vector<ByteSpan> spans = {{2, 4}, {8, 12}, {20, 30}};
  EXPECT_THAT(SpansWithin(spans, {0, 10}), testing::ElementsAre(ByteSpan{2, 4}, ByteSpan{8, 10}));
  EXPECT_THAT(SpansWithin(spans, {10, 21}), testing::ElementsAre(ByteSpan{0, 2}, ByteSpan{10, 11}));
  EXPECT_TRUE(SpansWithin(spans, {4, 8}).empty());
  EXPECT_TRUE(SpansWithin({}, {0, 8}).empty());
}

}  // namespace
}  // namespace intelligenced

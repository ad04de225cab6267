#include "runtime/engines/apertium/parts.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using intelligence::engine::v1::KeptSpan;
using testing::ElementsAre;
using testing::IsEmpty;

KeptSpan Kept(size_t start, size_t end) {
  KeptSpan span;
  span.set_start(static_cast<uint32_t>(start));
  span.set_end(static_cast<uint32_t>(end));
  return span;
}

// They tile the text, none is longer than allowed, and no kept span is cut.
void Check(const std::string& text, const std::vector<KeptSpan>& kept) {
  size_t at = 0;
  for (const TextPart& part : CutIntoParts(text, kept)) {
    EXPECT_EQ(part.span.start, at);
    EXPECT_FALSE(part.span.empty());
    EXPECT_TRUE(IsCharBorder(text, part.span.start));
    if (!part.as_is && kept.empty()) EXPECT_LE(part.span.size(), kMaxPartBytes);
    for (const KeptSpan& span : kept) {
      EXPECT_FALSE(span.start() < part.span.start && part.span.start < span.end());
    }
    at = part.span.end;
  }
  EXPECT_EQ(at, text.size());
}

TEST(ApertiumPartsTest, WhatIsShortIsOnePart) {
  EXPECT_THAT(CutIntoParts("", {}), IsEmpty());
  EXPECT_THAT(CutIntoParts("One. Two.", {}), ElementsAre(TextPart{{0, 9}, false}));
  const std::string page(kMaxPartBytes / 2, ' ');
  EXPECT_EQ(CutIntoParts(page + "x", {}).size(), 1U);
  EXPECT_EQ(CutIntoParts(std::string(kLongWordBytes - 1, 'a'), {}).size(), 1U);
}

TEST(ApertiumPartsTest, LongTextsAreCutBetweenParagraphsAndSentences) {
  std::string text;
  while (text.size() < 1'000'000) text += "The cat sleeps on the mat. The dog barks.\n\n";
  Check(text, {});
  for (const TextPart& part : CutIntoParts(text, {})) {
    EXPECT_TRUE(part.span.start == 0 || text[part.span.start - 1] == '\n');
  }
  std::string words;
  while (words.size() < 100'000) words += "word ";
  Check(words, {});
  for (const TextPart& part : CutIntoParts(words, {})) EXPECT_EQ(part.span.size() % 5, 0U);
}

TEST(ApertiumPartsTest, AWordThatNoDictionaryHasIsNotAskedFor) {
  const std::string word(300'000, 'a');
  const std::string text = absl::StrCat("A ", word, " sleeps.");
  EXPECT_THAT(CutIntoParts(text, {}),
              ElementsAre(TextPart{{0, 2}, false}, TextPart{{2, 300'002}, true},
                          TextPart{{300'002, text.size()}, false}));
  std::string chinese;
  while (chinese.size() < 5000) chinese += "\xe8\xaa\x9e";
  EXPECT_TRUE(CutIntoParts(chinese, {}).front().as_is);
  // Signs end a word, and kept spans do.
  std::string list;
  while (list.size() < 50'000) list += "abc,";
  for (const TextPart& part : CutIntoParts(list, {})) EXPECT_FALSE(part.as_is);
  Check(list, {});
  const std::string twice(2 * kLongWordBytes - 2, 'a');
  const auto parts = CutIntoParts(twice, {Kept(kLongWordBytes - 1, kLongWordBytes)});
  EXPECT_THAT(parts, ElementsAre(TextPart{{0, twice.size()}, false}));
}

TEST(ApertiumPartsTest, KeptSpansStayWhole) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::string text;
    std::vector<KeptSpan> kept;
    while (text.size() < 20'000) {
      constexpr std::string_view kPieces[] = {"word ", "End. ", "\n\n", "\xc3\xa9", ", ", "<b>"};
      const size_t pick = random() % 6;
      const size_t start = text.size();
      absl::StrAppend(&text, kPieces[pick]);
      if (pick == 5) {
        // Some are longer than a part.
        const size_t length = random() % 50 == 0 ? 9000 : random() % 200;
        for (size_t i = 0; i < length; ++i) text += i % 7 == 0 ? ". " : "x";
        kept.push_back(Kept(start, text.size()));
      }
    }
    Check(text, kept);
  }
}

TEST(ApertiumPartsTest, HostileTextTakesNoLongerThanItsLength) {
  for (const std::string& text :
       {std::string(1 << 20, '\0'), std::string(1 << 20, '.'), std::string(1 << 20, '\n'),
        std::string(1 << 20, ' '), std::string(1 << 20, '<'),
        absl::StrCat("One.", std::string(1 << 20, ' '), "Two.")}) {
    Check(text, {});
  }
}

}  // namespace
}  // namespace intelligenced

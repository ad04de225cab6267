#include "runtime/base/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;

void ExpectTiles(std::string_view text, const std::vector<ByteSpan>& pieces) {
  size_t end = 0;
  for (const ByteSpan& piece : pieces) {
    ASSERT_EQ(piece.start, end);
    ASSERT_GT(piece.end, piece.start);
    ASSERT_TRUE(IsCharBorder(text, piece.end));
    end = piece.end;
  }
  ASSERT_EQ(end, text.size());
}

std::vector<std::string> Sentences(std::string_view text) {
  std::vector<std::string> result;
  const std::vector<ByteSpan> spans = SplitSentences(text);
  ExpectTiles(text, spans);
  for (const ByteSpan& span : spans) result.emplace_back(TrimSpan(text, span).In(text));
  return result;
}

std::vector<std::string> Paragraphs(std::string_view text) {
  std::vector<std::string> result;
  const std::vector<ByteSpan> spans = SplitParagraphs(text);
  ExpectTiles(text, spans);
  for (const ByteSpan& span : spans) result.emplace_back(TrimSpan(text, span).In(text));
  return result;
}

TEST(SentencesTest, SplitsAtStops) {
  EXPECT_THAT(Sentences("One. Two! Three? Four"), ElementsAre("One.", "Two!", "Three?", "Four"));
  EXPECT_THAT(Sentences("What?! No... Yes."), ElementsAre("What?!", "No...", "Yes."));
  EXPECT_THAT(Sentences("this is one. this is two."), ElementsAre("this is one.", "this is two."));
  EXPECT_THAT(Sentences("日本語です。次の文。"), ElementsAre("日本語です。", "次の文。"));
  EXPECT_THAT(Sentences("¿Qué? ¡Sí! Élan."), ElementsAre("¿Qué?", "¡Sí!", "Élan."));
}

TEST(SentencesTest, KeepsAbbreviationsNumbersAndInitialsTogether) {
  EXPECT_THAT(Sentences("Dr. Smith met Mrs. Jones. They spoke."),
              ElementsAre("Dr. Smith met Mrs. Jones.", "They spoke."));
  EXPECT_THAT(Sentences("It costs 3.50 today. See Fig. 3 and no. 4."),
              ElementsAre("It costs 3.50 today.", "See Fig. 3 and no. 4."));
  EXPECT_THAT(Sentences("J. R. R. Tolkien wrote it. So did I. Then he left."),
              ElementsAre("J. R. R. Tolkien wrote it.", "So did I.", "Then he left."));
  EXPECT_THAT(Sentences("Use tools, e.g. Hammers, i.e. Big ones."),
              ElementsAre("Use tools, e.g. Hammers, i.e. Big ones."));
  EXPECT_THAT(Sentences("Apples, pears, etc. are fruit. Buy apples, etc. Then go."),
              ElementsAre("Apples, pears, etc. are fruit.", "Buy apples, etc.", "Then go."));
  EXPECT_THAT(Sentences("At 5 p.m. we left. It was 5 p.m. Then we left."),
              ElementsAre("At 5 p.m. we left.", "It was 5 p.m.", "Then we left."));
  EXPECT_THAT(Sentences("Go to example.com now. Or foo.bar/baz. Done."),
              ElementsAre("Go to example.com now.", "Or foo.bar/baz.", "Done."));
  EXPECT_THAT(Sentences("Well... maybe not. Hmm… ok."),
              ElementsAre("Well... maybe not.", "Hmm… ok."));
}

TEST(SentencesTest, ClosersBelongToTheSentence) {
  EXPECT_THAT(Sentences("\"Stop!\" he said. (It was late.) “No.” Then."),
              ElementsAre("\"Stop!\" he said.", "(It was late.)", "“No.”", "Then."));
  EXPECT_THAT(Sentences("It was **bold.** Next."), ElementsAre("It was **bold.**", "Next."));
}

TEST(SentencesTest, ParagraphsAndMarkdownBlocks) {
  EXPECT_THAT(Paragraphs("\n\nOne\nline.\n\n\nTwo.\n"), ElementsAre("One\nline.", "Two."));
  EXPECT_THAT(Paragraphs("# Title\ntext\n- a\n- b\n  more\n1. x\n> q\n| t |\n"),
              ElementsAre("# Title", "text", "- a", "- b\n  more", "1. x", "> q", "| t |"));
  EXPECT_THAT(Paragraphs("a\n```c\nx. Y.\n\nz\n```\n\nb"),
              ElementsAre("a", "```c\nx. Y.\n\nz\n```", "b"));
  EXPECT_THAT(Paragraphs("~~~\nnever closed\n\n\n"), ElementsAre("~~~\nnever closed"));
  EXPECT_THAT(Sentences("# A title\nFirst one. Second\none.\n\n1. Item one\n2. Item two. More."),
              ElementsAre("# A title", "First one.", "Second\none.", "1. Item one", "2. Item two.",
                          "More."));
  EXPECT_THAT(Sentences("a. B\n\n```\ncode. Here. Too.\n```\n\nC."),
              ElementsAre("a.", "B", "```\ncode. Here. Too.\n```", "C."));
}

TEST(SentencesTest, LineMarkers) {
  EXPECT_EQ(LineMarkerLength("- x", 0), 2u);
  EXPECT_EQ(LineMarkerLength("  12. x", 0), 6u);
  EXPECT_EQ(LineMarkerLength("> > ## x", 0), 7u);
  EXPECT_EQ(LineMarkerLength("• x", 0), 4u);
  EXPECT_EQ(LineMarkerLength("-x", 0), 0u);
  EXPECT_EQ(LineMarkerLength("1984. It was", 0), 0u);
  EXPECT_EQ(LineMarkerLength("", 0), 0u);
  EXPECT_EQ(LineMarkerLength("-", 0), 0u);
}

TEST(SentencesTest, CutsWhatIsTooLong) {
  std::string words;
  while (words.size() < 1000) words += "wörter ";
  const std::vector<ByteSpan> cut = SplitSentences(words, 100);
  ExpectTiles(words, cut);
  for (const ByteSpan& span : cut) {
    EXPECT_LE(span.size(), 100u);
    EXPECT_EQ(words[span.end - 1], ' ');
  }
  const std::string one(500, '\xC3');
  ExpectTiles("ääääääääääääääää", SplitSentences("ääääääääääääääää", 5));
  EXPECT_FALSE(SplitSentences(one, 7).empty());
}

TEST(SentencesTest, PartsRespectTheLimitAndCutBetweenParagraphs) {
  std::string text;
  for (int i = 0; i < 40; ++i) absl::StrAppend(&text, "Paragraph number ", i, ". It is short.\n\n");
  const std::vector<ByteSpan> parts = SplitIntoParts(text, 200);
  ExpectTiles(text, parts);
  EXPECT_GT(parts.size(), 5u);
  for (const ByteSpan& part : parts) {
    EXPECT_LE(part.size(), 200u);
    EXPECT_EQ(text.substr(part.start, 9), "Paragraph");
  }
  EXPECT_TRUE(SplitIntoParts("", 10).empty());
}

TEST(SentencesTest, HostileInputTakesLinearTime) {
  constexpr size_t kSize = 500'000;
  const auto repeat = [](std::string_view piece) {
    std::string text;
    text.reserve(kSize + piece.size());
    while (text.size() < kSize) text += piece;
    return text;
  };
  // Each would take minutes if it were quadratic; the test's time limit decides.
  for (const std::string_view piece :
       {"x", " ", "\n", ".", "`", "> ", "-", "1", "```\n", ". ", "a. ", "\xC3", "”", ".\n"}) {
    const std::string text = repeat(piece);
    EXPECT_FALSE(SplitSentences(text).empty());
    EXPECT_FALSE(SplitParagraphs(text).empty());
  }
  EXPECT_FALSE(SplitSentences(std::string(10'000'000, 'x')).empty());
}

TEST(SentencesTest, AnyBytesTile) {
  uint32_t seed = 1;
  constexpr std::string_view kAlphabet = "aB. !?\n`\"-#>1)\xC3\xA4\xE2\x80\xA6|";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      seed = seed * 1664525 + 1013904223;
      text += kAlphabet[(seed >> 16) % kAlphabet.size()];
    }
    size_t end = 0;
    for (const ByteSpan& span : SplitSentences(text, 16)) {
      ASSERT_EQ(span.start, end);
      ASSERT_GT(span.end, span.start) << text;
      end = span.end;
    }
    ASSERT_EQ(end, text.size());
  }
}

}  // namespace
}  // namespace intelligenced

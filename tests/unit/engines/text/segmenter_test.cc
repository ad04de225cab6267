#include "runtime/engines/text/segmenter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<ByteSpan> Spans(proto::TextUnit unit, std::string_view text,
                            const std::string& language = "") {
  auto rules = SegmentRules::Open(unit, language);
  EXPECT_TRUE(rules.ok()) << rules.status();
  std::vector<ByteSpan> spans;
  SegmentRun run(&*rules, text);
  size_t before = 0;
  while (!run.done()) {
    EXPECT_TRUE(run.Advance(spans).ok());
    EXPECT_GT(run.position(), before);
    EXPECT_LE(run.position() - before, 64U * 1024);
    before = run.position();
  }
  return spans;
}

std::vector<std::string> Segments(proto::TextUnit unit, std::string_view text,
                                  const std::string& language = "") {
  std::vector<std::string> segments;
  for (const ByteSpan& span : Spans(unit, text, language)) segments.emplace_back(span.In(text));
  return segments;
}

TEST(SegmenterTest, Sentences) {
  EXPECT_THAT(Segments(proto::TEXT_UNIT_SENTENCE, "  One. Two?\n\nThree 3.5 is a number!  "),
              ElementsAre("One.", "Two?", "Three 3.5 is a number!"));
  EXPECT_THAT(Segments(proto::TEXT_UNIT_UNSPECIFIED, "猫が寝た。犬も寝た。"),
              ElementsAre("猫が寝た。", "犬も寝た。"));
}

TEST(SegmenterTest, AbbreviationsOfALanguageDoNotEndSentences) {
  const std::string text = "Mr. Smith left. He was late.";
  EXPECT_EQ(Segments(proto::TEXT_UNIT_SENTENCE, text).size(), 3U);
  EXPECT_THAT(Segments(proto::TEXT_UNIT_SENTENCE, text, "en-GB"),
              ElementsAre("Mr. Smith left.", "He was late."));
  EXPECT_EQ(Segments(proto::TEXT_UNIT_SENTENCE, text, "xx-not a tag").size(), 3U);
}

TEST(SegmenterTest, Words) {
  EXPECT_THAT(Segments(proto::TEXT_UNIT_WORD, "Don't panic — it's 42, naïve José!"),
              ElementsAre("Don't", "panic", "it's", "42", "naïve", "José"));
  EXPECT_THAT(Segments(proto::TEXT_UNIT_WORD, "ฉันรักเธอ"), ElementsAre("ฉัน", "รัก", "เธอ"));
  EXPECT_GE(Segments(proto::TEXT_UNIT_WORD, "我们今天去北京").size(), 3U);
}

TEST(SegmenterTest, CharactersArePeoplesNotUnicodes) {
  EXPECT_THAT(
      Segments(proto::TEXT_UNIT_CHARACTER, "e\u0301👩‍👩‍👧🇩🇪\r\nक्षि"),
      ElementsAre("e\u0301", "👩‍👩‍👧", "🇩🇪", "\r\n", "क्षि"));
}

TEST(SegmenterTest, NothingHasNoSegments) {
  EXPECT_THAT(Spans(proto::TEXT_UNIT_SENTENCE, ""), IsEmpty());
  EXPECT_THAT(Spans(proto::TEXT_UNIT_SENTENCE, " \n\u3000 "), IsEmpty());
  EXPECT_THAT(Spans(proto::TEXT_UNIT_WORD, " …— "), IsEmpty());
}

// Pieces do not show: what is found in a long text is what is found in each of its parts.
TEST(SegmenterTest, LongTextsAreCutWhereNobodySees) {
  const std::string sentence =
      "Žluťoučký kůň didn't eat 3.5 kg 今天去北京的人很多 "
      "👩‍👩‍👧🇩🇪 "
      "of "
      "hay.";
  std::string text;
  int count = 0;
  for (; text.size() < 400'000; ++count) absl::StrAppend(&text, sentence, " ");
  for (const auto unit :
       {proto::TEXT_UNIT_SENTENCE, proto::TEXT_UNIT_WORD, proto::TEXT_UNIT_CHARACTER}) {
    const std::vector<ByteSpan> alone = Spans(unit, sentence);
    std::vector<ByteSpan> expected;
    for (int i = 0; i < count; ++i) {
      const size_t start = static_cast<size_t>(i) * (sentence.size() + 1);
      for (const ByteSpan& span : alone) expected.push_back({start + span.start, start + span.end});
      if (unit == proto::TEXT_UNIT_CHARACTER) {
        expected.push_back({start + sentence.size(), start + sentence.size() + 1});
      }
    }
    EXPECT_EQ(Spans(unit, text), expected) << unit;
  }
}

TEST(SegmenterTest, EndlessTextsComeToAnEnd) {
  const std::string letters(1 << 20, 'x');
  EXPECT_EQ(Spans(proto::TEXT_UNIT_WORD, letters).size(), 16U);
  EXPECT_GE(Spans(proto::TEXT_UNIT_SENTENCE, letters).size(), 16U);
  EXPECT_EQ(Spans(proto::TEXT_UNIT_CHARACTER, letters).size(), letters.size());
  std::string han;
  while (han.size() < (1U << 18)) han += "天";
  const auto words = Spans(proto::TEXT_UNIT_WORD, han);
  EXPECT_EQ(words.back().end, han.size());
  std::string marks = "a";
  while (marks.size() < (1U << 18)) marks += "\u0301";
  EXPECT_EQ(Spans(proto::TEXT_UNIT_CHARACTER, marks).front().size(), 16U * 1024 - 1);
}

}  // namespace
}  // namespace intelligenced

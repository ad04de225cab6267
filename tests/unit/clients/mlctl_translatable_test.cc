#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/translatable.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced::mlctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Upper(std::vector<std::string> texts) {
  for (std::string& text : texts) absl::AsciiStrToUpper(&text);
  return texts;
}

constexpr char kSubRip[] =
    "\xef\xbb\xbf"
    "1\r\n00:00:01,000 --> 00:00:02,000\r\nthe old house\r\nis empty.\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000 X1:5\r\n- who?\r\n- me.\r\n\r\n\r\n"
    "3\r\n00:00:05,000 --> 00:00:06,000\r\n\r\n"
    "4\r\n00:00:07,000 --> 00:00:08,000\r\n<i>bye</i>";

TEST(SubtitlesTest, OnlyWordsAreTranslatedAndLinesStay) {
  const auto parsed = ParseSubtitles(kSubRip, SubtitleFormat::kSubRip);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->texts,
              ElementsAre("the old house is empty.", "- who?", "- me.", "<i>bye</i>"));
  const std::string out = parsed->render(Upper(parsed->texts));
  EXPECT_THAT(out, HasSubstr("00:00:02,000\r\nTHE OLD HOUSE\r\nIS EMPTY.\r\n\r\n2\r\n"));
  EXPECT_THAT(out, HasSubstr("X1:5\r\n- WHO?\r\n- ME.\r\n\r\n\r\n3"));
  EXPECT_THAT(out, testing::EndsWith("\r\n<I>BYE</I>"));
  EXPECT_EQ(parsed->render(parsed->texts), kSubRip);
}

TEST(SubtitlesTest, WebVttKeepsNotesAndStyles) {
  const std::string file =
      "WEBVTT - some title\n\nNOTE not this\nnor this\n\nSTYLE\n::cue { color: red }\n\n"
      "intro\n00:01.000 --> 00:02.000 line:0\n<v Ann>hello\n";
  const auto parsed = ParseSubtitles(file, SubtitleFormat::kWebVtt);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->texts, ElementsAre("<v Ann>hello"));
  EXPECT_EQ(parsed->render(parsed->texts), file);
}

TEST(SubtitlesTest, WhatIsNoSubtitlesIsRefused) {
  EXPECT_FALSE(ParseSubtitles("hello", SubtitleFormat::kWebVtt).ok());
  EXPECT_FALSE(ParseSubtitles("hello\n\nworld", SubtitleFormat::kSubRip).ok());
  EXPECT_TRUE(ParseSubtitles("", SubtitleFormat::kSubRip).ok());
}

TEST(SubtitlesTest, ATranslationCannotEndItsCue) {
  const auto parsed =
      ParseSubtitles("1\n0 --> 1\na b\nc\n\n2\n1 --> 2\nx\n", SubtitleFormat::kSubRip);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->render({"A\n\nB", ""}), "1\n0 --> 1\nA\nB\n\n2\n1 --> 2\n \n");
}

TEST(SubtitlesTest, LinesAreBrokenNearTheirEnds) {
  EXPECT_EQ(BreakIntoLines("one two three four", 2), "one two\nthree four");
  EXPECT_EQ(BreakIntoLines("one", 3), "one");
  EXPECT_EQ(BreakIntoLines("", 2), "");
  EXPECT_EQ(BreakIntoLines("a b c", 1), "a b c");
  EXPECT_EQ(BreakIntoLines("ááá éé", 2), "ááá\néé");
}

constexpr char kPo[] = R"(# A translator's word
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"

#. extracted
#: main.c:1
#, c-format
#| msgid "old"
msgctxt "menu"
msgid "open %s"
msgstr ""

msgid "done already"
msgstr "hecho ya"

#, fuzzy
msgid "fuzzy one"
msgstr "algo"

msgid ""
"first line\n"
"second \"line\"\n"
msgstr ""

msgid "one file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""
msgstr[2] ""

#~ msgid "gone"
#~ msgstr ""
)";

TEST(PoTest, OnlyWhatIsMissingIsTranslated) {
  const auto parsed = ParsePo(kPo);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->texts,
              ElementsAre("open %s", "first line\nsecond \"line\"\n", "one file", "%d files"));
  const std::string out = parsed->render({"ABRIR %s", "PRIMERA\nSEGUNDA \"L\"", "UN \\", "%d F"});
  EXPECT_THAT(out, HasSubstr("#, fuzzy, c-format\n#| msgid \"old\"\nmsgctxt \"menu\"\nmsgid "
                             "\"open %s\"\nmsgstr \"ABRIR %s\"\n\n"));
  EXPECT_THAT(out, HasSubstr("msgstr \"hecho ya\""));
  EXPECT_THAT(out, HasSubstr("#, fuzzy\nmsgid \"fuzzy one\"\nmsgstr \"algo\""));
  EXPECT_THAT(out, HasSubstr("msgstr \"\"\n\"PRIMERA\\n\"\n\"SEGUNDA \\\"L\\\"\\n\"\n\n"));
  EXPECT_THAT(out, HasSubstr("msgstr[0] \"UN \\\\\"\nmsgstr[1] \"%d F\"\nmsgstr[2] \"%d F\"\n"));
  EXPECT_THAT(out, HasSubstr("#~ msgid \"gone\"\n#~ msgstr \"\"\n"));
  EXPECT_THAT(out,
              testing::StartsWith("# A translator's word\nmsgid \"\"\nmsgstr \"\"\n\"Content"));
  // What was written is a catalogue again, with nothing left to do.
  const auto again = ParsePo(out);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->texts, IsEmpty());
  EXPECT_EQ(again->render({}), out);
}

TEST(PoTest, TheFlagIsAChoiceAndLineEndsStay) {
  const auto parsed = ParsePo("msgid \"a\"\r\nmsgstr \"\"\r\n", {.mark_fuzzy = false});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->render({"b"}), "msgid \"a\"\r\nmsgstr \"b\"\r\n");
}

TEST(PoTest, WhatIsNoCatalogueIsRefusedWithItsLine) {
  for (const char* file :
       {"hello", "msgid a", "msgstr \"\"\n", "\"a\"\n", "msgid \"a\"\nmsgid \"b\"\n",
        "msgid \"a\"\nmsgstr[0] \"\"\n", "msgid \"a\"\nmsgid_plural \"b\"\nmsgstr \"\"\n",
        "msgid \"a\"\nmsgid_plural \"b\"\nmsgstr[1] \"\"\n", "msgid \"a\"\n# c\nmsgstr \"\"\n",
        "msgid \"a\nmsgstr \"\"\n", "msgid \"a\"\nmsgstr[x] \"\"\n",
        "msgid \"a\"\nmsgstr \"\"\nnonsense\n", "# only a comment\n"}) {
    EXPECT_FALSE(ParsePo(file).ok()) << file;
  }
  EXPECT_THAT(ParsePo("msgid \"a\"\nx\n").status().message(), HasSubstr("line 2"));
  EXPECT_TRUE(ParsePo("").ok());
  // An escape without a character: the message stays.
  EXPECT_THAT(ParsePo("msgid \"a\\x41\"\nmsgstr \"\"\n")->texts, IsEmpty());
}

TEST(TranslatableTest, AnythingComesBackByteForByteOrIsRefused) {
  std::mt19937 random(2);
  constexpr std::string_view kPieces[] = {"msgid \"a\"\n",
                                          "msgstr \"\"\n",
                                          "msgid_plural \"b\"\n",
                                          "msgstr[0] \"\"\n",
                                          "#~ x\n",
                                          "# c\n",
                                          "#, c\n",
                                          "\"more\"\n",
                                          "\n",
                                          "\r\n",
                                          "WEBVTT",
                                          "1\n",
                                          "0 --> 1\n",
                                          "word ",
                                          "- x\n",
                                          "\"",
                                          "\\",
                                          "\xff",
                                          "\xc3"};
  for (int round = 0; round < 20'000; ++round) {
    std::string file = round % 3 == 0 ? "WEBVTT\n\n" : "";
    for (uint32_t i = random() % 12; i > 0; --i) file += kPieces[random() % std::size(kPieces)];
    if (const auto po = ParsePo(file); po.ok()) EXPECT_EQ(po->render({}), file);
    for (const SubtitleFormat format : {SubtitleFormat::kSubRip, SubtitleFormat::kWebVtt}) {
      if (const auto cues = ParseSubtitles(file, format); cues.ok()) cues->render(cues->texts);
    }
  }
}

}  // namespace
}  // namespace intelligenced::mlctl

#include "runtime/engines/text/proofreader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/mechanics.h"
#include "runtime/engines/text/proofread_task.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

std::string Corrected(const std::string& text, std::vector<ByteSpan> extra = {}) {
  std::vector<ByteSpan> spans = FindProtectedSpans(text);
  spans.insert(spans.end(), extra.begin(), extra.end());
  spans = MergeSpans(std::move(spans));
  std::string result;
  size_t done = 0;
  for (const Edit& edit : ProofreadWhole(Tools().proofreader, text, spans)) {
    EXPECT_GE(edit.span.start, done);
    EXPECT_FALSE(OverlapsAny(spans, edit.span)) << text;
    EXPECT_FALSE(edit.types.empty());
    EXPECT_FALSE(edit.explanation.empty());
    EXPECT_GT(edit.confidence, 0);
    EXPECT_LE(edit.confidence, 1);
    absl::StrAppend(&result, text.substr(done, edit.span.start - done), edit.replacement);
    done = edit.span.end;
  }
  return result + text.substr(done);
}

TEST(ProofreaderTest, CorrectsSeveralKindsAtOnce) {
  EXPECT_EQ(Corrected("Their is a eror in this sentance, and and it dont look good."),
            "There is an error in this sentence, and it doesn't look good.");
  EXPECT_EQ(Corrected("I could of recieved alot of letters."),
            "I could have received a lot of letters.");
  EXPECT_EQ(Corrected("He have went home. They was late."), "He has gone home. They were late.");
  EXPECT_EQ(Corrected("Its a pity that your going."), "It's a pity that you're going.");
}

TEST(ProofreaderTest, LeavesGoodTextAlone) {
  for (const std::string text :
       {"The cat sat on the mat.", "She had had enough of that.", "It's its own reward.",
        "Mr. Krzyzewski met Ms. Nguyen in Reykjavik.",
        "Use `teh_value` or teh.txt, see http://teh.x.", "NASA's API returns JSON.",
        "The colour of the centre was organised.", "He said “bonjour” to her.",
        "I like camelCase and snake_case names.", "", "... ???", "日本語のテキスト。",
        "A URL, an hour, a unit, an honest man."}) {
    EXPECT_EQ(Corrected(text), text);
  }
}

TEST(ProofreaderTest, Mechanics) {
  EXPECT_EQ(Corrected("Stop the the car."), "Stop the car.");
  EXPECT_EQ(Corrected("I ate a apple and an banana."), "I ate an apple and a banana.");
  EXPECT_EQ(Corrected("First, i ate ,then we left"), "First, I ate, then we left");
  EXPECT_EQ(Corrected("It was home.The end."), "It was home. The end.");
  EXPECT_EQ(Corrected("Back in the 1980's it was new."), "Back in the 1980s it was new.");
  EXPECT_EQ(Corrected("It is 25$ now."), "It is $25 now.");
  EXPECT_EQ(Corrected("They don;t know."), "They don't know.");
  EXPECT_EQ(Corrected("Will it work again ? I hope so !"), "Will it work again? I hope so!");
  EXPECT_EQ(Corrected("Copy it to ."), "Copy it to .");
  EXPECT_EQ(Corrected("Really ???"), "Really ???");
  EXPECT_EQ(Corrected("\"Where ?\" she asked."), "\"Where?\" she asked.");
  EXPECT_EQ(Corrected("Between you and I, it failed."), "Between you and me, it failed.");
  EXPECT_EQ(Corrected("Windows 10's shell and xcode 11's tools"),
            "Windows 10's shell and xcode 11's tools");
  EXPECT_EQ(Corrected("This is one. this is two."), "This is one. This is two.");
  EXPECT_EQ(Corrected("this is one. this is two."), "this is one. this is two.");
}

TEST(ProofreaderTest, ArticleFollowsTheSound) {
  const auto an = [](const std::string& word) {
    const std::vector<Token> tokens = Tokenize(word);
    return TakesAn(tokens[0], word);
  };
  for (const char* word : {"apple", "hour", "honest", "umbrella", "unimportant", "8", "11"}) {
    EXPECT_EQ(an(word), true) << word;
  }
  for (const char* word : {"user", "unit", "one", "European", "house", "yard", "7"}) {
    EXPECT_EQ(an(word), false) << word;
  }
  for (const char* word : {"SQL", "x", "herb", "mp3", "18th"}) {
    EXPECT_EQ(an(word), std::nullopt) << word;
  }
}

TEST(ProofreaderTest, ShortWords) {
  EXPECT_EQ(Corrected("I know yuo well."), "I know you well.");
  // Short for something.
  for (const std::string text : {"Put it in the src and tmp dirs.", "The cmd and the cfg differ.",
                                 "Run vim or zsh in the usr tree."}) {
    EXPECT_EQ(Corrected(text), text);
  }
}

TEST(ProofreaderTest, SubjectsAndVerbs) {
  EXPECT_EQ(Corrected("It doesn't runs and they was late."), "It doesn't run and they were late.");
  EXPECT_EQ(Corrected("He did not worked at all."), "He did not work at all.");
  EXPECT_EQ(Corrected("I likes it. He would liked it."), "I like it. He would like it.");
  EXPECT_EQ(Corrected("He's the man who's car was stolen."), "He's the man whose car was stolen.");
  EXPECT_EQ(Corrected("It rains cats an dogs."), "It rains cats and dogs.");
  for (const std::string text :
       {"The people we know were the best.", "The man I gave you was here.",
        "This has you covered.", "Friends, most of whom are ill.", "She fell sick.",
        "He is obsessed with that."}) {
    EXPECT_EQ(Corrected(text), text);
  }
}

TEST(ProofreaderTest, WhatIsProtectedStays) {
  EXPECT_EQ(Corrected("teh cat and `teh` cat and teh cat", {{23, 34}}),
            "the cat and `teh` cat and teh cat");
  const std::string code = "```\ndont recieve\n```\nI dont recieve it.";
  EXPECT_EQ(Corrected(code), "```\ndont recieve\n```\nI don't receive it.");
}

TEST(ProofreaderTest, TypesAndAlternatives) {
  const std::vector<Edit> edits =
      ProofreadWhole(Tools().proofreader, "We will recieve the parcel tommorow.", {});
  ASSERT_EQ(edits.size(), 2u);
  EXPECT_EQ(edits[0].types[0], ::intelligence::engine::v1::CORRECTION_TYPE_SPELLING);
  for (const std::string& other : edits[0].alternatives) EXPECT_NE(other, edits[0].replacement);
}

TEST(ProofreaderTest, AnyTextKeepsItsProperties) {
  // Words that rules look at, marks and strange bytes, in any order.
  const std::vector<std::string> pieces = {
      "their", "is", "a",      "of", "could", "the",        "the", "dont", ",",
      ".",     " ",  "I",      "i",  "`x`",   "http://a.b", "teh", "ö",    "😀",
      "'",     "\"", "1980's", "25", "$",     "-",          "\n",  "to",   "loose"};
  uint32_t seed = 3;
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (int i = 0; i < 25; ++i) {
      seed = seed * 1664525 + 1013904223;
      text += pieces[(seed >> 12) % pieces.size()];
      if ((seed >> 20) % 4 != 0) text += ' ';
    }
    EXPECT_TRUE(IsValidUtf8(Corrected(text))) << text;
  }
}

}  // namespace
}  // namespace intelligenced

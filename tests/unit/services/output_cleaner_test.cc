#include "services/writing_tools/output_cleaner.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "services/writing_tools/placeholders.h"

namespace intelligenced {
namespace {

constexpr std::string_view kSource = "Some text.";

struct Case {
  std::string_view source;
  std::string_view answer;
  std::string_view clean;
};

constexpr Case kCases[] = {
    {kSource, "Plain answer.", "Plain answer."},
    {kSource, "  \n Plain answer. \n\n", "Plain answer."},
    {kSource, "Sure! Here is the corrected text:\n\nPlain answer.", "Plain answer."},
    {kSource, "Here's a rewritten version:\nFirst line.\nSecond line.",
     "First line.\nSecond line."},
    {kSource, "Here is where I live. It is nice.", "Here is where I live. It is nice."},
    {kSource, "Sure, that works for me.\nSee you.", "Sure, that works for me.\nSee you."},
    {kSource, "\"Plain answer.\"", "Plain answer."},
    {kSource, "“Plain answer.”", "Plain answer."},
    {kSource, "\"Yes,\" he said, \"no.\"", "\"Yes,\" he said, \"no.\""},
    {kSource, "\"Yes,\" he said.", "\"Yes,\" he said."},
    {"\"Quoted.\"", "\"Quoted.\"", "\"Quoted.\""},
    {kSource, "```\ncode line\n```", "code line"},
    {kSource, "```markdown\n- a\n- b\n```\n", "- a\n- b"},
    {"```\nx\n```", "```\nx\n```", "```\nx\n```"},
    {kSource, "<think>hm, \"well\"\n</think>\n\nPlain answer.", "Plain answer."},
    {kSource, "<think>for ever", ""},
    {kSource, "", ""},
    {kSource, " \n ", ""},
    {kSource, "<b>bold</b>", "<b>bold</b>"},
    {kSource, "Certainly", "Certainly"},
};

TEST(OutputCleanerTest, WrappingIsTakenOff) {
  for (const Case& test : kCases) {
    EXPECT_EQ(CleanOutput(test.source, test.answer), test.clean) << test.answer;
  }
}

TEST(OutputCleanerTest, StreamGivesTheSameInAnyPieces) {
  for (const Case& test : kCases) {
    for (size_t piece = 1; piece <= 7; ++piece) {
      OutputCleaner cleaner(test.source);
      std::string got;
      for (size_t at = 0; at < test.answer.size(); at += piece) {
        got += cleaner.Push(test.answer.substr(at, piece));
      }
      got += cleaner.Finish();
      EXPECT_EQ(got, test.clean) << test.answer << " in pieces of " << piece;
    }
  }
}

TEST(OutputCleanerTest, PlainTextFlowsAtOnce) {
  OutputCleaner cleaner(kSource);
  EXPECT_EQ(cleaner.Push("Plain"), "Plain");
  EXPECT_EQ(cleaner.Push(" answer "), " answer");
  EXPECT_EQ(cleaner.Push("now"), " now");
}

TEST(PlaceholdersTest, MarksComeBackAsTheyWere) {
  const std::string text = "Run `make all` and see https://a.b/c now";
  const Placeholders marks(text, {{4, 14}, {23, 36}});
  EXPECT_EQ(marks.masked(), "Run [[1]] and see [[2]] now");
  EXPECT_EQ(marks.Restore("Now look at [[2]], then run [[1]]."),
            "Now look at https://a.b/c, then run `make all`.");
}

TEST(PlaceholdersTest, AnswerWithoutAMarkOrWithOneTwiceIsRefused) {
  const Placeholders marks("a b c", {{2, 3}});
  EXPECT_FALSE(marks.Restore("a c").has_value());
  EXPECT_FALSE(marks.Restore("a [[1]] [[1]]").has_value());
  EXPECT_EQ(marks.Restore("a [[7]] [[ [[1]]"), "a [[7]] [[ b");
}

TEST(PlaceholdersTest, BracketsOfTheTextAreNotUsed) {
  const Placeholders marks("x [[1]] y", {{8, 9}});
  EXPECT_EQ(marks.masked(), "x [[1]] {{1}}");
  EXPECT_EQ(marks.Restore("[[1]] {{1}}"), "[[1]] y");
}

TEST(PlaceholdersTest, WithoutSpansNothingChanges) {
  const Placeholders marks("x [[1]]", {});
  EXPECT_TRUE(marks.empty());
  EXPECT_EQ(marks.masked(), "x [[1]]");
  EXPECT_EQ(marks.Restore("any [[2]]"), "any [[2]]");
}

}  // namespace
}  // namespace intelligenced

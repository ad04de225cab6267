#include "runtime/engines/text/summarizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using ::intelligence::engine::v1::SummarizeTask;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kArticle[] =
    "# The harbour bridge\n\n"
    "The city council decided on Monday to rebuild the old harbour bridge, which has been closed "
    "since the storm. The harbour bridge carries the only road to the island, and the council "
    "expects the work on the bridge to take two years. Some people cheered. The weather was "
    "mild.\n\n"
    "Engineers said that the bridge could be rebuilt for less money than a tunnel would cost. "
    "Shops on the island have lost half of their customers since the bridge was closed. "
    "The council will pay the shops for their losses until the bridge opens again.\n\n"
    "- Ferries run every hour\n- Tickets are free\n- Bicycles are allowed\n";

std::string Summary(const std::string& text, uint32_t type, uint32_t length = 1,
                    uint32_t format = 1, uint32_t input = 1) {
  SummarizeTask task;
  task.set_text(text);
  task.set_type(type);
  task.set_length(length);
  task.set_format(format);
  task.set_input_type(input);
  EXPECT_TRUE(SummarizeRun::Check(task).ok());
  SummarizeRun run(&task);
  int steps = 0;
  while (!run.done() && ++steps < 100'000) run.Advance();
  EXPECT_TRUE(run.done());
  EXPECT_TRUE(IsValidUtf8(run.result()));
  return run.result();
}

TEST(SummarizerTest, PicksSentencesOfTheText) {
  const std::string tldr = Summary(kArticle, 1);
  EXPECT_THAT(kArticle, HasSubstr(tldr));
  EXPECT_THAT(tldr, HasSubstr("bridge"));
  const std::string points = Summary(kArticle, 3, 2, 2);
  const std::vector<std::string> lines = absl::StrSplit(points, '\n');
  EXPECT_LE(lines.size(), 5u);
  EXPECT_GE(lines.size(), 3u);
  size_t place = 0;
  const std::string article(kArticle);
  for (const std::string& line : lines) {
    ASSERT_EQ(line.substr(0, 2), "- ");
    const size_t found = article.find(line.substr(2));
    ASSERT_NE(found, std::string::npos) << line;
    EXPECT_GE(found, place);  // in the text's order
    place = found;
  }
}

TEST(SummarizerTest, WhatIsBesideThePointIsNoPoint) {
  EXPECT_THAT(Summary(kArticle, 3, 2, 2), Not(HasSubstr("weather was mild")));
}

TEST(SummarizerTest, LengthsAreBounds) {
  const auto lines = [](const std::string& text) {
    return 1 + std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_LE(lines(Summary(kArticle, 3, 1)), 3);
  EXPECT_LE(lines(Summary(kArticle, 3, 3)), 7);
  EXPECT_LT(Summary(kArticle, 1, 1).size(), Summary(kArticle, 1, 3).size());
  for (const uint32_t length : {1u, 2u, 3u}) {
    const std::string headline =
        Summary(std::string(kArticle).substr(std::string(kArticle).find("The city")), 4, length);
    const size_t words = std::vector<std::string>(absl::StrSplit(headline, ' ')).size();
    EXPECT_LE(words, length == 1 ? 12u : length == 2 ? 17u : 22u) << headline;
    EXPECT_NE(headline.back(), '.');
  }
}

TEST(SummarizerTest, HeadlinesAreCutBetweenClauses) {
  EXPECT_EQ(MakeHeadline("Short enough.", 12), "Short enough");
  EXPECT_EQ(MakeHeadline("", 12), "");
  EXPECT_EQ(
      MakeHeadline("However, the council will rebuild the bridge, which has been closed since "
                   "the storm of last year.",
                   12),
      "The council will rebuild the bridge");
  EXPECT_EQ(MakeHeadline("The council will rebuild the old bridge because nobody can reach the "
                         "island any more.",
                         12),
            "The council will rebuild the old bridge");
  EXPECT_EQ(Summary(kArticle, 4), "The harbour bridge");
}

TEST(SummarizerTest, ListsWhatTheTextEnumerates) {
  EXPECT_EQ(Summary(kArticle, 5, 1, 2),
            "- Ferries run every hour\n- Tickets are free\n- Bicycles are allowed");
}

TEST(SummarizerTest, ConversationsKeepTheirSpeakers) {
  const std::string talk =
      "Anna: Hi!\nBen: Hi Anna.\nAnna: The release is planned for Friday and the tests are red.\n"
      "Ben: I will fix the red tests before the release on Friday.\nAnna: Thanks!\n";
  const std::string points = Summary(talk, 3, 1, 1, 2);
  EXPECT_THAT(points, HasSubstr("Ben: I will fix the red tests"));
}

TEST(SummarizerTest, AnyLanguageAndShape) {
  const std::string german =
      "Der Stadtrat will die alte Brücke am Hafen neu bauen. Die Brücke am Hafen ist seit dem "
      "Sturm "
      "gesperrt. Das Wetter war mild. Der Bau der Brücke soll zwei Jahre dauern.";
  EXPECT_THAT(Summary(german, 1), HasSubstr("Brücke"));
  EXPECT_THAT(Summary("今日は天気がいいです。明日も天気がいいでしょう。猫が好きです。", 1),
              HasSubstr("天気"));
  EXPECT_EQ(Summary("One sentence only.", 1, 3), "One sentence only.");
  EXPECT_FALSE(Summary("```\ncode only\n```", 1).empty());
  EXPECT_FALSE(Summary(std::string("a\0b", 3), 1).empty());
  EXPECT_FALSE(Summary(std::string(300'000, 'x'), 3).empty());
  EXPECT_FALSE(Summary("word", 4).empty());
  EXPECT_EQ(Summary("   \n ", 1), "");
}

TEST(SummarizerTest, TheSameSentenceIsSaidOnce) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "The bridge is closed because of the storm. ";
  text += "Ferries run to the island every hour.";
  EXPECT_EQ(Summary(text, 3, 3).find("closed"), Summary(text, 3, 3).rfind("closed"));
}

TEST(SummarizerTest, LongTextsInBoundedSteps) {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) {
    absl::StrAppend(&text, "Report ", i, " tells of the bridge number ", i % 97,
                    " and of the weather on that day. ");
  }
  SummarizeTask task;
  task.set_text(text);
  task.set_type(3);
  SummarizeRun run(&task);
  int steps = 0;
  size_t longest = 0;
  while (!run.done()) {
    const size_t before = run.position();
    run.Advance();
    longest = std::max(longest, run.position() - before);
    ++steps;
  }
  EXPECT_GT(steps, 50);
  EXPECT_LE(longest, 32u * 1024);
  EXPECT_FALSE(run.result().empty());
}

TEST(SummarizerTest, RefusesWhatItCannotDo) {
  SummarizeTask task;
  task.set_type(6);
  EXPECT_TRUE(HasReason(SummarizeRun::Check(task), Reason::kNoCapableModel));
  task.set_type(7);
  EXPECT_TRUE(HasReason(SummarizeRun::Check(task), Reason::kFieldInvalid));
  task.set_type(1);
  task.set_length(4);
  EXPECT_TRUE(HasReason(SummarizeRun::Check(task), Reason::kFieldInvalid));
  task.set_length(1);
  task.set_format(3);
  EXPECT_TRUE(HasReason(SummarizeRun::Check(task), Reason::kFieldInvalid));
  task.set_format(1);
  task.set_input_type(3);
  EXPECT_TRUE(HasReason(SummarizeRun::Check(task), Reason::kFieldInvalid));
}

TEST(SummarizerTest, ContentWords) {
  EXPECT_THAT(ContentWords("The CAT's 2 hats, Ü!"),
              ElementsAre("the", "cat", "s", "2", "hats", "ü"));
  EXPECT_THAT(ContentWords("天気x"), ElementsAre("天", "気", "x"));
}

}  // namespace
}  // namespace intelligenced

#include "runtime/engines/text/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/engines/text/rewriter.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;

std::vector<RuleMatch> Matches(const RuleBook& book, std::string_view text) {
  std::vector<RuleMatch> matches;
  book.FindMatches(text, Tokenize(text), matches);
  return matches;
}

// The text with the first match applied.
std::string Applied(std::string_view rules, std::string_view text) {
  const absl::StatusOr<RuleBook> book =
      RuleBook::Parse(absl::StrCat("@ GRAMMAR 0.9 Because.\n", rules), &Tools().lexicon);
  EXPECT_TRUE(book.ok()) << book.status();
  if (!book.ok()) return "";
  const std::vector<RuleMatch> matches = Matches(*book, text);
  std::string result(text);
  if (!matches.empty()) {
    result.replace(matches[0].span.start, matches[0].span.size(), matches[0].replacement);
  }
  return result;
}

TEST(RulesTest, ReplacesWordsAndKeepsCase) {
  EXPECT_EQ(Applied("should of => should have", "You should of gone."), "You should have gone.");
  EXPECT_EQ(Applied("should of => should have", "SHOULD OF"), "SHOULD HAVE");
  EXPECT_EQ(Applied("should of => should have", "Should of"), "Should have");
  EXPECT_EQ(Applied("should of => should have", "should, of"), "should, of");
}

TEST(RulesTest, ContextStaysAsItIs) {
  EXPECT_EQ(Applied("to [loose] the|my => lose", "I loose to loose my keys"),
            "I loose to lose my keys");
  EXPECT_EQ(Applied("couple [] days => of", "A couple days."), "A couple of days.");
  EXPECT_EQ(Applied("hours [] $ => ago", "Two hours."), "Two hours ago.");
  EXPECT_EQ(Applied("^ [] few days => a", "Few days passed"), "A few days passed");
  EXPECT_EQ(Applied("ask [to] me => -", "They ask to me."), "They ask me.");
  EXPECT_EQ(Applied("^ [basically ,] => -", "Basically, it works."), "It works.");
}

TEST(RulesTest, UsesFormsSetsAndExceptions) {
  EXPECT_EQ(Applied("set o it them\ndid @o? [<past>] => $3:base ;; did went ;; did go",
                    "It did it went."),
            "It did it go.");
  EXPECT_EQ(Applied("{arise} the question => {raise} the question", "That arose the question"),
            "That raised the question");
  EXPECT_EQ(Applied("[than] !you|i => then ;; than x ;; than i", "more than you"), "more than you");
  EXPECT_EQ(Applied("[than] !you|i => then ;; than x ;; than i", "more than"), "more then");
  EXPECT_EQ(Applied("=march <number> => March $2", "in march 1990"), "in March 1990");
  EXPECT_EQ(Applied("=march <number> => March $2", "in MARCH 1990"), "in MARCH 1990");
}

TEST(RulesTest, LeavesNamesOfTheMachineAlone) {
  EXPECT_EQ(Applied("alot => a lot", "call aLot now"), "call aLot now");
  EXPECT_EQ(Applied("alot => a lot", "see alot.txt"), "see alot.txt");
  EXPECT_EQ(Applied("alot => a lot", "the x-alot"), "the x-alot");
  EXPECT_EQ(Applied("alot => a lot", "I like it alot."), "I like it a lot.");
}

TEST(RulesTest, BrokenBooksAreRefusedWithTheirLines) {
  const auto error = [](std::string_view source) {
    return std::string(RuleBook::Parse(source, &Tools().lexicon).status().message());
  };
  EXPECT_THAT(error("a => b"), HasSubstr("line 1"));
  EXPECT_THAT(error("@ GRAMMAR x y"), HasSubstr("heading"));
  EXPECT_THAT(error("@ NOTHING 0.5 y"), HasSubstr("heading"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\na b"), HasSubstr("=>"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\n@no => b"), HasSubstr("no set"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\n<no> => b ;; x ;; y"), HasSubstr("no use"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\n{go:no} => b"), HasSubstr("no form"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\na => $2"), HasSubstr("no element"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\n[a b => c"), HasSubstr("brackets"));
  EXPECT_THAT(error("@ GRAMMAR 0.5 y\n<noun> a => c"), HasSubstr("examples"));
}

// Each rule finds its own wrong example and leaves its right one alone.
void CheckExamples(std::string_view name, const RuleBook& book) {
  EXPECT_GT(book.size(), 50u);
  for (const RuleExamples& examples : book.examples()) {
    const auto by_this_rule = [&](std::string_view text) {
      std::string made = "-";
      for (const RuleMatch& match : Matches(book, text)) {
        if (match.line != examples.line) continue;
        made = std::string(text);
        made.replace(match.span.start, match.span.size(), match.replacement);
      }
      return made;
    };
    const std::string made = by_this_rule(examples.wrong);
    EXPECT_NE(made, "-") << name << ", line " << examples.line
                         << ", does not correct: " << examples.wrong;
    if (!examples.corrected.empty()) EXPECT_EQ(made, examples.corrected) << name;
    if (examples.right.empty()) continue;
    EXPECT_EQ(by_this_rule(examples.right), "-")
        << name << ", line " << examples.line << ", changes: " << examples.right;
  }
}

TEST(RulesTest, ExamplesHold) {
  CheckExamples("proofreading", Tools().rules);
  const auto rewriter = Rewriter::Load(&Tools().lexicon);
  ASSERT_TRUE(rewriter.ok()) << rewriter.status();
  CheckExamples("concise", (*rewriter)->book(RewriteBook::kConcise));
  CheckExamples("formal", (*rewriter)->book(RewriteBook::kFormal));
  CheckExamples("casual", (*rewriter)->book(RewriteBook::kCasual));
}

}  // namespace
}  // namespace intelligenced

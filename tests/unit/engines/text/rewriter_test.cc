#include "runtime/engines/text/rewriter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/protected_spans.h"
#include "runtime/base/reasons.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

const Rewriter& TheRewriter() {
  static const auto* const rewriter = Rewriter::Load(&Tools().lexicon)->release();
  return *rewriter;
}

std::string With(RewriteBook book, const std::string& text) {
  const std::vector<RewriteBook> books = {book};
  return TheRewriter().Rewrite(text, FindProtectedSpans(text), books);
}

TEST(RewriterTest, Concise) {
  EXPECT_EQ(With(RewriteBook::kConcise, "In order to win, we made a decision to stay."),
            "To win, we decided to stay.");
  EXPECT_EQ(With(RewriteBook::kConcise,
                 "It is important to note that he left due to the fact that "
                 "it rained."),
            "He left because it rained.");
  EXPECT_EQ(With(RewriteBook::kConcise, "A plain sentence."), "A plain sentence.");
}

TEST(RewriterTest, FormalUndoesContractionsCorrectly) {
  const std::pair<const char*, const char*> cases[] = {
      {"He's been ill.", "He has been ill."},
      {"He's ill.", "He is ill."},
      {"She's taken it.", "She has taken it."},
      {"It's late.", "It is late."},
      {"I'd go if I'd known.", "I would go if I had known."},
      {"Don't you see?", "Do you not see?"},
      {"John's dog isn't here.", "John's dog is not here."},
      {"Why isn't there an answer?", "Why is there not an answer?"},
      {"It works, doesn't it?", "It works, does it not?"},
      {"I know it isn't that bad.", "I know it is not that bad."},
      {"Can't stop, won't stop.", "Cannot stop, will not stop."},
      {"Let's go.", "Let us go."},
      {"They gonna fix it asap.", "They going to fix it as soon as possible."}};
  for (const auto& [before, after] : cases) {
    EXPECT_EQ(With(RewriteBook::kFormal, before), after);
  }
}

TEST(RewriterTest, Casual) {
  EXPECT_EQ(With(RewriteBook::kCasual, "We are pleased that it is ready."),
            "We're pleased that it's ready.");
  EXPECT_EQ(With(RewriteBook::kCasual, "Please do not hesitate to contact us."),
            "Please feel free to get in touch with us.");
  EXPECT_EQ(With(RewriteBook::kCasual, "It is, however, true that an additional step is required."),
            "It is, however, true that an additional step is needed.");
  EXPECT_EQ(With(RewriteBook::kCasual, "I do not know who he is."), "I don't know who he is.");
}

TEST(RewriterTest, TheArticleFollowsTheNewWord) {
  EXPECT_EQ(With(RewriteBook::kFormal, "It is a really good idea."), "It is an excellent idea.");
  EXPECT_EQ(With(RewriteBook::kFormal, "An awesome and a huge one."),
            "An excellent and a substantial one.");
  // What the writer wrote stays as it is, right or not.
  EXPECT_EQ(With(RewriteBook::kFormal, "A apple."), "A apple.");
}

TEST(RewriterTest, ProtectedPartsComeBack) {
  EXPECT_EQ(With(RewriteBook::kConcise, "Run `in order to` in order to see."),
            "Run `in order to` to see.");
  EXPECT_EQ(With(RewriteBook::kFormal, "See https://x.example/don't for what don't means."),
            "See https://x.example/don't for what do not means.");
}

TEST(RewriterTest, WhatRulesCannotDoIsRefused) {
  const auto books = [](uint32_t style, uint32_t tone, uint32_t length) {
    ::intelligence::engine::v1::RewriteTask task;
    task.set_style(style);
    task.set_tone(tone);
    task.set_length(length);
    return BooksForRewrite(task);
  };
  for (const uint32_t style : {0u, 1u, 5u, 6u, 7u}) {
    EXPECT_TRUE(HasReason(books(style, 0, 0).status(), Reason::kNoCapableModel)) << style;
  }
  EXPECT_TRUE(HasReason(books(4, 0, 3).status(), Reason::kNoCapableModel));
  EXPECT_TRUE(HasReason(books(0, 1, 1).status(), Reason::kNoCapableModel));
  EXPECT_TRUE(HasReason(books(8, 0, 0).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(books(4, 4, 0).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(books(4, 0, 4).status(), Reason::kFieldInvalid));
  using Books = std::vector<RewriteBook>;
  EXPECT_EQ(*books(4, 0, 0), Books{RewriteBook::kConcise});
  EXPECT_EQ(*books(0, 2, 2), (Books{RewriteBook::kConcise, RewriteBook::kFormal}));
  EXPECT_EQ(*books(2, 0, 0), Books{RewriteBook::kCasual});
  EXPECT_EQ(*books(2, 2, 0), Books{RewriteBook::kFormal});
}

}  // namespace
}  // namespace intelligenced

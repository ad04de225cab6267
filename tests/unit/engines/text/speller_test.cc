#include "runtime/engines/text/speller.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/base/reasons.h"
#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

TEST(SpellerTest, SlipsCostByHowLikelyTheyAre) {
  EXPECT_EQ(SlipCost("the", "the"), 0);
  EXPECT_LT(SlipCost("the", "teh"), SlipCost("the", "tke"));
  EXPECT_LT(SlipCost("accommodate", "acommodate"), SlipCost("accommodate", "accmmodate"));
  EXPECT_LT(SlipCost("dog", "dof"), SlipCost("dog", "dop"));
  EXPECT_LT(SlipCost("house", "hpuse"), SlipCost("house", "pouse"));
  EXPECT_GT(SlipCost("cat", "elephant"), 12);
  EXPECT_GT(SlipCost("", std::string(1000, 'x')), 12);
}

TEST(SpellerTest, KnowsWordsOfBothSidesAndOfTheTrade) {
  Speller& speller = *Tools().speller;
  for (const char* word : {"house", "don't", "colour", "organise", "travelling", "config", "repo",
                           "couldn't've", "dog's"}) {
    EXPECT_TRUE(speller.Knows(word)) << word;
  }
  for (const char* word : {"recieve", "teh", "definately", "sentance"}) {
    EXPECT_FALSE(speller.Knows(word)) << word;
  }
}

TEST(SpellerTest, RanksSuggestions) {
  Speller& speller = *Tools().speller;
  const std::pair<const char*, const char*> cases[] = {
      {"recieve", "receive"},       {"eror", "error"},           {"sentance", "sentence"},
      {"definately", "definitely"}, {"seperate", "separate"},    {"occured", "occurred"},
      {"wierd", "weird"},           {"untill", "until"},         {"becuase", "because"},
      {"goverment", "government"},  {"tommorow", "tomorrow"},    {"beleive", "believe"},
      {"adress", "address"},        {"neccessary", "necessary"}, {"enviroment", "environment"}};
  for (const auto& [typed, meant] : cases) {
    const std::vector<Suggestion> suggestions = speller.Suggest(typed, 3);
    ASSERT_FALSE(suggestions.empty()) << typed;
    EXPECT_EQ(suggestions[0].word, meant);
    EXPECT_LE(suggestions.size(), 3u);
  }
}

TEST(SpellerTest, BadInputHasNoSuggestions) {
  Speller& speller = *Tools().speller;
  EXPECT_TRUE(speller.Suggest("", 5).empty());
  EXPECT_TRUE(speller.Suggest(std::string(100'000, 'x'), 5).empty());
  EXPECT_FALSE(speller.Knows(std::string(100'000, 'x')));
  EXPECT_FALSE(speller.Knows("\xFF\xFE"));
}

TEST(SpellerTest, MissingFilesAreSaid) {
  const auto missing = Speller::Load("/nowhere.aff", kDictionary, "", &Tools().lexicon);
  EXPECT_TRUE(HasReason(missing.status(), Reason::kModelLoadFailed));
  const auto wrong = Speller::Load(kDictionary, kAffixes, "", &Tools().lexicon);
  EXPECT_TRUE(HasReason(wrong.status(), Reason::kModelLoadFailed));
}

}  // namespace
}  // namespace intelligenced

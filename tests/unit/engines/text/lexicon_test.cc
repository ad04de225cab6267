#include "runtime/engines/text/lexicon.h"

#include <gtest/gtest.h>

#include "tests/unit/engines/text/dictionary.h"

namespace intelligenced {
namespace {

TEST(LexiconTest, KnowsHowCommonWordsAre) {
  const Lexicon& lexicon = Tools().lexicon;
  EXPECT_GT(lexicon.Frequency("the"), lexicon.Frequency("house"));
  EXPECT_GT(lexicon.Frequency("house"), lexicon.Frequency("aardvark"));
  EXPECT_EQ(lexicon.Frequency("xqzvk"), 0);
}

TEST(LexiconTest, KnowsHowWordsAreUsed) {
  const Lexicon& lexicon = Tools().lexicon;
  EXPECT_TRUE(lexicon.Uses("walk") & kUseVerb);
  EXPECT_TRUE(lexicon.Uses("goes") & kUseThird);
  EXPECT_TRUE(lexicon.Uses("went") & kUsePast);
  EXPECT_TRUE(lexicon.Uses("gone") & kUseParticiple);
  EXPECT_TRUE(lexicon.Uses("making") & kUseIng);
  EXPECT_TRUE(lexicon.Uses("dogs") & kUsePlural);
  EXPECT_TRUE(lexicon.Uses("house") & kUseNoun);
  EXPECT_FALSE(lexicon.Uses("also") & kUseVerb);
  EXPECT_FALSE(lexicon.Uses("dog") & kUsePlural);
}

TEST(LexiconTest, InflectsVerbs) {
  const Lexicon& lexicon = Tools().lexicon;
  const auto form = [&](std::string_view base, VerbForm kind) {
    return lexicon.Inflect(base, kind);
  };
  EXPECT_EQ(form("stop", VerbForm::kPast), "stopped");
  EXPECT_EQ(form("try", VerbForm::kThird), "tries");
  EXPECT_EQ(form("make", VerbForm::kIng), "making");
  EXPECT_EQ(form("lie", VerbForm::kIng), "lying");
  EXPECT_EQ(form("see", VerbForm::kIng), "seeing");
  EXPECT_EQ(form("go", VerbForm::kThird), "goes");
  EXPECT_EQ(form("write", VerbForm::kParticiple), "written");
  EXPECT_EQ(form("prefer", VerbForm::kPast), "preferred");
  EXPECT_EQ(form("visit", VerbForm::kIng), "visiting");
  EXPECT_EQ(form("need", VerbForm::kPast), "needed");
  EXPECT_EQ(lexicon.VerbBase("wrote"), "write");
  EXPECT_EQ(lexicon.FormOf("written"), VerbForm::kParticiple);
  EXPECT_EQ(lexicon.VerbBase("xyz"), "");
}

TEST(LexiconTest, InflectsNouns) {
  const Lexicon& lexicon = Tools().lexicon;
  EXPECT_EQ(lexicon.Plural("box"), "boxes");
  EXPECT_EQ(lexicon.Plural("city"), "cities");
  EXPECT_EQ(lexicon.Plural("hero"), "heroes");
  EXPECT_EQ(lexicon.Plural("child"), "children");
  EXPECT_EQ(lexicon.Singular("children"), "child");
  EXPECT_EQ(lexicon.Singular("dogs"), "dog");
  EXPECT_EQ(lexicon.Singular("bus"), "bus");
}

TEST(LexiconTest, SurvivesBadData) {
  const Lexicon lexicon("word\n ok\nword2 \n\nlone an\n", "go went\n\ngo went gone\n");
  EXPECT_EQ(lexicon.Frequency("word"), 0);
  EXPECT_EQ(lexicon.Frequency("lone"), 1);
  EXPECT_EQ(lexicon.Inflect("go", VerbForm::kPast), "went");
  EXPECT_EQ(lexicon.Inflect("", VerbForm::kPast), "");
}

}  // namespace
}  // namespace intelligenced

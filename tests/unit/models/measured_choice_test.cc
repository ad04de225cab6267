// Which model serves when nobody chose.
#include "runtime/models/measured_choice.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace intelligenced {
namespace {

constexpr char kCapability[] = "writing.proofread";

Manifest Model(std::string name, int rank, std::string exact = "", std::string changed = "",
               bool built_in = false) {
  Manifest model;
  model.name = std::move(name);
  model.rank = rank;
  model.built_in = built_in;
  if (!exact.empty()) model.parameters["x-measured.writing.proofread.exact"] = exact;
  if (!changed.empty()) model.parameters["x-measured.writing.proofread.changed"] = changed;
  return model;
}

std::string Chosen(const std::vector<Manifest>& models) {
  std::vector<const Manifest*> pointers;
  for (const Manifest& model : models) pointers.push_back(&model);
  const Manifest* chosen = ChooseByMeasure(pointers, kCapability);
  return chosen == nullptr ? "" : chosen->name;
}

TEST(MeasuredChoiceTest, TheHighestRankServesWhereNothingWasMeasured) {
  EXPECT_EQ(Chosen({}), "");
  EXPECT_EQ(Chosen({Model("a", 0), Model("b", 50), Model("c", 9)}), "b");
  EXPECT_EQ(Chosen({Model("a", 5), Model("b", 5)}), "a");
}

TEST(MeasuredChoiceTest, AModelTakesOverFromTheRulesOnlyWhenItsScoresBeatTheirs) {
  const Manifest rules = Model("rules", 0, "0.55", "0.019", true);
  const auto against = [&](std::string exact, std::string changed, bool built_in = true) {
    return Chosen({rules, Model("writer", 2, std::move(exact), std::move(changed), built_in)});
  };
  EXPECT_EQ(against("0.60", "0.019"), "writer");
  EXPECT_EQ(against("0.60", "0.010"), "writer");
  EXPECT_EQ(against("0.60", "0.020"), "rules") << "spoils more";
  EXPECT_EQ(against("0.55", "0.010"), "rules") << "no more right";
  EXPECT_EQ(against("0.50", "0.019", false), "rules") << "an installed one too, if it says so";
  EXPECT_EQ(against("", ""), "rules") << "built in and not measured";
  EXPECT_EQ(against("", "", false), "writer") << "somebody wanted it";
}

TEST(MeasuredChoiceTest, OneThatFailsLeavesItsPlaceToTheNext) {
  const Manifest rules = Model("rules", 0, "0.55", "0.02", true);
  EXPECT_EQ(Chosen({Model("bad", 90, "0.2", "0.3"), Model("good", 50, "0.7", "0.01"), rules}),
            "good");
  EXPECT_EQ(Chosen({Model("bad", 90, "0.2", "0.3"), Model("worse", 50, "0.1", "0.4"), rules}),
            "rules");
  EXPECT_EQ(Chosen({Model("bad", 90, "0.2", "0.3")}), "bad") << "somebody must serve";
}

TEST(MeasuredChoiceTest, FiguresThatAreNoSharesAreNone) {
  for (const char* figure : {"", "much", "1.5", "-0.1", "nan", "0.5x"}) {
    EXPECT_FALSE(MeasuredScoresOf(Model("m", 1, figure, "0.1"), kCapability).has_value()) << figure;
    EXPECT_FALSE(MeasuredScoresOf(Model("m", 1, "0.1", figure), kCapability).has_value()) << figure;
  }
  EXPECT_FALSE(MeasuredScoresOf(Model("m", 1, "0.1", "0.1"), "writing.rewrite").has_value());
  const auto scores = MeasuredScoresOf(Model("m", 1, "0.25", "0"), kCapability);
  ASSERT_TRUE(scores.has_value());
  EXPECT_EQ(scores->exact, 0.25);
  EXPECT_EQ(scores->changed, 0);
}

}  // namespace
}  // namespace intelligenced

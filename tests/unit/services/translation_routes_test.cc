// Which models translate what.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/translation/languages.h"
#include "services/translation/routes.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Manifest Model(const std::string& name, std::vector<std::string> capabilities, int rank = 0,
               uint64_t size = 0) {
  Manifest model;
  model.name = name;
  model.capabilities = std::move(capabilities);
  model.rank = rank;
  if (size > 0) model.files.emplace_back().size_bytes = size;
  return model;
}

std::vector<std::string> Models(const Route& route) {
  std::vector<std::string> names;
  for (const RouteStep& step : route.steps) {
    names.push_back(step.source + ">" + step.target + " " + step.model.name);
  }
  return names;
}

constexpr RouteStrategy kFast = RouteStrategy::kLowLatency;
constexpr RouteStrategy kBest = RouteStrategy::kHighFidelity;

TEST(LanguagesTest, TagsAreWrittenInOneWay) {
  EXPECT_EQ(NormalizeLanguage("PT-br"), "pt-BR");
  EXPECT_EQ(NormalizeLanguage("pt_BR"), "pt-BR");
  EXPECT_EQ(NormalizeLanguage("ZH-hant-tw"), "zh-Hant-TW");
  EXPECT_EQ(LanguageDistance("pt-BR", "pt"), 1);
  EXPECT_EQ(LanguageDistance("pt", "pt-BR"), 2);
  EXPECT_EQ(LanguageDistance("pt", "pt"), 0);
  EXPECT_EQ(LanguageDistance("pt", "ptx"), std::nullopt);
  EXPECT_EQ(LanguageName("pt-BR"), "Portuguese (BR)");
  EXPECT_EQ(LanguageName("xx"), "");
}

TEST(RoutesTest, TheStrategyChoosesAmongModelsOfAPair) {
  const RouteTable table(
      {Model("rules", {"translate:en>es"}), Model("network", {"translate:en>es"}, 20, 1000),
       Model("writer", {"language.generate", "writing.rewrite"}, 900, 5000)},
      {});
  EXPECT_THAT(Models(table.Find("en", "es", kFast)), ElementsAre("en>es rules"));
  EXPECT_THAT(Models(table.Find("en", "es", kBest)), ElementsAre("en>es network"));
  EXPECT_THAT(Models(table.Find("en", "de", kFast)), ElementsAre("en>de writer"));
  EXPECT_THAT(Models(table.Find("en", "xx", kFast)), IsEmpty());
}

TEST(RoutesTest, TheUsersChoiceGoesBefore) {
  const RouteTable table({Model("a", {"translate:en>es"}), Model("b", {"translate:en>es"}, 20, 9)},
                         {{"translate:en>es", "b"}});
  EXPECT_THAT(Models(table.Find("en", "es", kFast)), ElementsAre("en>es b"));
}

Manifest Measured(const std::string& name, double quality, uint64_t size, int rank = 0) {
  Manifest model = Model(name, {"translate:en>es", "translate:es>en"}, rank, size);
  model.parameters["x-measured.translate:en>es.bleu"] = absl::StrCat(quality);
  return model;
}

constexpr uint64_t kMebi = uint64_t{1} << 20;

std::string Chosen(std::vector<Manifest> models, RouteStrategy strategy,
                   const std::string& source = "en", const std::string& target = "es") {
  const RouteTable table(std::move(models), {});
  const Route route = table.Find(source, target, strategy);
  return route.empty() ? "" : route.steps[0].model.name;
}

TEST(RoutesTest, AClearlyBetterModelServesAtOnceWhereItIsSmallEnough) {
  const Manifest rules = Measured("rules", 12, 0);
  EXPECT_EQ(Chosen({rules, Measured("network", 24, 40 * kMebi, 1)}, kFast), "network");
  EXPECT_EQ(Chosen({Measured("network", 24, 40 * kMebi, 1), rules}, kFast), "network");
  // About as good: the smaller one. Too large to be fast. Worse.
  EXPECT_EQ(Chosen({rules, Measured("network", 13, 40 * kMebi, 1)}, kFast), "rules");
  EXPECT_EQ(Chosen({rules, Measured("network", 40, 65 * kMebi, 1)}, kFast), "rules");
  EXPECT_EQ(Chosen({rules, Measured("network", 3, 40 * kMebi, 1)}, kFast), "rules");
  // A large one that is worse than a small one does not come back by being the smallest of all.
  EXPECT_EQ(
      Chosen({Measured("large", 10, 900 * kMebi), Measured("network", 24, 40 * kMebi)}, kFast),
      "network");
}

TEST(RoutesTest, WhatWasNotMeasuredIsNotKnownToBeWorse) {
  const Manifest unknown = Model("unknown", {"translate:en>es"});
  EXPECT_EQ(Chosen({unknown, Measured("network", 24, 40 * kMebi, 1)}, kFast), "unknown");
  EXPECT_EQ(
      Chosen({Model("unknown", {"translate:en>es"}, 5, 900), Measured("rules", 12, 0, 9)}, kBest),
      "rules");
  // The other direction of the same models was not measured: the smallest.
  EXPECT_EQ(
      Chosen({Measured("rules", 12, 0), Measured("network", 24, 40 * kMebi, 1)}, kFast, "es", "en"),
      "rules");
}

TEST(RoutesTest, AFigureThatIsNoneIsNone) {
  for (const char* figure : {"", "good", "-1", "101", "nan", "24,5"}) {
    Manifest network = Measured("network", 0, 40 * kMebi, 1);
    network.parameters["x-measured.translate:en>es.bleu"] = figure;
    EXPECT_EQ(Chosen({Measured("rules", 12, 0), network}, kFast), "rules") << figure;
    EXPECT_EQ(Chosen({Measured("rules", 12, 0), network}, kBest), "network") << figure;
  }
}

TEST(RoutesTest, HighFidelityTakesTheBestOfTheMeasuredWhateverTheirRank) {
  EXPECT_EQ(Chosen({Measured("rules", 30, 0, 0), Measured("network", 24, 9 * kMebi, 20)}, kBest),
            "rules");
  EXPECT_EQ(Chosen({Measured("rules", 12, 0, 0), Measured("large", 40, 900 * kMebi, 20),
                    Measured("network", 24, 9 * kMebi, 30)},
                   kBest),
            "large");
  // Against one that was not measured the rank decides.
  EXPECT_EQ(Chosen({Measured("rules", 12, 0, 0), Model("unknown", {"translate:en>es"}, 20)}, kBest),
            "unknown");
}

TEST(RoutesTest, TheUsersChoiceGoesBeforeQuality) {
  const RouteTable table({Measured("rules", 12, 0), Measured("network", 24, 40 * kMebi, 1)},
                         {{"translate:en>es", "rules"}});
  EXPECT_THAT(Models(table.Find("en", "es", kFast)), ElementsAre("en>es rules"));
  EXPECT_THAT(Models(table.Find("en", "es", kBest)), ElementsAre("en>es rules"));
}

TEST(RoutesTest, RegionsFallBackToTheLanguage) {
  const RouteTable table({Model("a", {"translate:es>pt"}), Model("b", {"translate:es>pt-BR"}, 5)},
                         {});
  EXPECT_THAT(Models(table.Find("es-MX", "pt-PT", kFast)), ElementsAre("es>pt a"));
  EXPECT_THAT(Models(table.Find("es", "pt-BR", kFast)), ElementsAre("es>pt-BR b"));
  EXPECT_THAT(Models(table.Find("es", "pt", kBest)), ElementsAre("es>pt a"));
}

TEST(RoutesTest, AThirdLanguageOnlyWhereNothingGoesDirectly) {
  const RouteTable table(
      {Model("en-es", {"translate:en>es", "translate:es>en"}), Model("es-pt", {"translate:es>pt"}),
       Model("en-pt-big", {"translate:en>pt"}, 9, 9), Model("fr-es", {"translate:fr>es"}),
       Model("many", {"translate:en>*", "translate:ja>*", "translate:ko>*"}, 30, 90)},
      {});
  EXPECT_THAT(Models(table.Find("en", "pt", kFast)), ElementsAre("en>pt en-pt-big"));
  const Route route = table.Find("fr", "pt", kFast);
  EXPECT_THAT(Models(route), ElementsAre("fr>es fr-es", "es>pt es-pt"));
  EXPECT_EQ(route.pivot(), "es");
  EXPECT_THAT(Models(table.Find("ja", "ko", kFast)), ElementsAre("ja>ko many"));
  EXPECT_THAT(Models(table.Find("ja", "es", kFast)), ElementsAre("ja>en many", "en>es en-es"));
  // Two languages between are too many.
  EXPECT_THAT(Models(table.Find("fr", "ko", kFast)), IsEmpty());
}

TEST(RoutesTest, HighFidelityTakesAGeneralModelBeforeAThirdLanguage) {
  const RouteTable table({Model("a", {"translate:fr>es"}), Model("b", {"translate:es>pt"}),
                          Model("writer", {"language.generate", "writing.rewrite"}, 900)},
                         {});
  EXPECT_THAT(Models(table.Find("fr", "pt", kFast)), ElementsAre("fr>es a", "es>pt b"));
  EXPECT_THAT(Models(table.Find("fr", "pt", kBest)), ElementsAre("fr>pt writer"));
  EXPECT_THAT(table.GeneralModels(), ElementsAre("writer"));
}

TEST(RoutesTest, PairsAreListedWithWhatServesThem) {
  const RouteTable table({Model("a", {"translate:fr>es"}), Model("b", {"translate:es>pt"}),
                          Model("c", {"translate:es>pt"}, 7, 100)},
                         {});
  const std::vector<FoundPair> pairs = table.ListPairs(true);
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_EQ(pairs[0].source + pairs[0].target, "espt");
  EXPECT_THAT(Models(pairs[0].route), ElementsAre("es>pt b"));
  EXPECT_THAT(Models(pairs[0].high_fidelity), ElementsAre("es>pt c"));
  EXPECT_EQ(pairs[1].source + pairs[1].target, "fres");
  EXPECT_TRUE(pairs[1].high_fidelity.empty());
  EXPECT_EQ(pairs[2].route.pivot(), "es");
  EXPECT_EQ(table.ListPairs(false).size(), 2U);
  EXPECT_THAT(table.PairNames(), ElementsAre("es>pt", "fr>es"));
  EXPECT_TRUE(table.Knows("fr-CA"));
  EXPECT_FALSE(table.Knows("de"));
}

TEST(RoutesTest, PackagesThatWouldBringAPairAreKnown) {
  EXPECT_EQ(PackageCommand("en-GB", "es"), "apt install apertium-eng-spa");
  EXPECT_EQ(PackageCommand("es", "en"), "apt install apertium-eng-spa");
  EXPECT_EQ(PackageCommand("en", "ja"), "");
  EXPECT_EQ(PackagedPairs().size(), 12U);
}

}  // namespace
}  // namespace intelligenced

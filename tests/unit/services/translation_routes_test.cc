// Which models translate what.
#include <string>
#include <vector>

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

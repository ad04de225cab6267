#include "runtime/base/published_languages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace intelligenced {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(PublishedLanguagesTest, CodesBecomeBcp47) {
  const std::pair<const char*, const char*> cases[] = {
      {"spa_Latn", "es"},  {"spa", "es"},           {"es", "es"},
      {"fr_CA", "fr-CA"},  {"zho_Hans", "zh"},      {"zho_Hant", "zh-Hant"},
      {"cmn_Hans", "zh"},  {"cmn_Hant", "zh-Hant"}, {"zh_tw", "zh-Hant"},
      {"pt_br", "pt-BR"},  {"pob", "pt-BR"},        {"arb_Arab", "ar"},
      {"pes_Arab", "fa"},  {"prs_Arab", "fa-AF"},   {"lvs_Latn", "lv"},
      {"srp_Cyrl", "sr"},  {"srp_Latn", "sr-Latn"}, {"kas_Deva", "ks-Deva"},
      {"ace_Latn", "ace"}, {"ns", "nso"},           {"qaa", "qaa"},
      {"ENG", "en"},       {"ceb", "ceb"},          {"ydd_Hebr", "yi"},
  };
  for (const auto& [code, language] : cases) {
    EXPECT_EQ(LanguageOfPublishedCode(code), language) << code;
  }
  for (const char* none :
       {"", "e", "123", "es_", "es_Latin", "en>es", "<pad>", "verylonglanguage"}) {
    EXPECT_EQ(LanguageOfPublishedCode(none), "") << none;
  }
}

TEST(PublishedLanguagesTest, FamiliesAreTheirMembers) {
  EXPECT_THAT(LanguagesOfPublishedCode("eng"), ElementsAre("en"));
  EXPECT_THAT(LanguagesOfPublishedCode("ROMANCE"), Contains("pt"));
  EXPECT_THAT(LanguagesOfPublishedCode("zlw"), ElementsAre("cs", "pl", "sk"));
  EXPECT_THAT(LanguagesOfPublishedCode("mul"), SizeIs(100));
  EXPECT_THAT(LanguagesOfPublishedCode("?"), IsEmpty());
  EXPECT_THAT(LanguagesOfPublishedCode("en+spa"), ElementsAre("en", "es"));
  EXPECT_THAT(LanguagesOfPublishedCode("+"), IsEmpty());
  EXPECT_THAT(LanguagesOfPublishedCode("en+?"), ElementsAre("en"));
}

TEST(PublishedLanguagesTest, EveryPublishedLanguageHasOneNameOfItsOwn) {
  const auto nllb = PlacesOfLanguages(Nllb200Codes());
  EXPECT_THAT(nllb, SizeIs(202));
  EXPECT_EQ(Nllb200Codes()[nllb.at("es")], "spa_Latn");
  EXPECT_EQ(Nllb200Codes()[nllb.at("zh-Hant")], "zho_Hant");
  EXPECT_EQ(Nllb200Codes()[nllb.at("ar")], "arb_Arab");
  const auto m2m = PlacesOfLanguages(M2m100Codes());
  EXPECT_THAT(m2m, SizeIs(100));
  EXPECT_EQ(M2m100Codes()[m2m.at("nso")], "ns");
}

}  // namespace
}  // namespace intelligenced

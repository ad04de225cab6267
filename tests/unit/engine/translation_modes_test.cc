#include "runtime/engine/translation_modes.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TranslationModesTest, CodesBecomeBcp47) {
  for (const auto& [part, language] : std::vector<std::pair<std::string, std::string>>{
           {"spa", "es"},
           {"es", "es"},
           {"eng_US", "en-US"},
           {"pt_BR", "pt-BR"},
           {"ast", "ast"},
           {"srp_Latn", "sr-Latn"},
           {"cat_valencia", "ca-valencia"},
           {"cat_valencia_uni_iec2017", "ca-valencia-x-uni-iec2017"},
           {"cat_iec2017", "ca-x-iec2017"},
           {"oci_aran", "oc-Aran"},
           {"spa_valencia", "es-x-valencia"}}) {
    EXPECT_EQ(LanguageOfModePart(part), language);
  }
  for (const char* part : {"", "_", "e", "eco", "dev", "spa_", "spa_withmorethaneight", "sp1",
                           "../es", "spa_\xc3\xa9", "engl"}) {
    EXPECT_EQ(LanguageOfModePart(part), std::nullopt) << part;
  }
}

TEST(TranslationModesTest, OnlyPairsAreTranslations) {
  EXPECT_EQ(ParseModeName("eng-spa.mode"), (TranslationMode{"en", "es", "eng-spa"}));
  EXPECT_EQ(ParseModeName("es-pt_BR"), (TranslationMode{"es", "pt-BR", "es-pt_BR"}));
  for (const char* name : {"eng-spa-morph.mode", "eco-es-fr.mode", "eng.mode", "README", "-", ""}) {
    EXPECT_EQ(ParseModeName(name), std::nullopt) << name;
  }
}

TEST(TranslationModesTest, AFolderIsListedOncePerPair) {
  const TemporaryFolder temporary;
  const std::string& folder = temporary.path();
  for (const char* name :
       {"spa-por.mode", "es-pt.mode", "es-pt_BR.mode", "README", "x.mode", "spa-por-tagger.mode"}) {
    std::ofstream(folder + "/" + name) << "lt-proc x";
  }
  const std::vector<TranslationMode> modes = ListTranslationModes(folder);
  EXPECT_THAT(modes, ElementsAre(TranslationMode{"es", "pt", "spa-por"},
                                 TranslationMode{"es", "pt-BR", "es-pt_BR"}));
  std::filesystem::remove_all(folder);
  EXPECT_THAT(ListTranslationModes(folder), IsEmpty());
}

TEST(TranslationModesTest, AnEqualOrLessExactModeServes) {
  const std::vector<TranslationMode> modes = {
      {"en", "ca", "1"}, {"en", "ca-valencia", "2"}, {"es", "en-US", "3"}};
  const auto find = [&](const char* from, const char* to) {
    const TranslationMode* mode = FindTranslationMode(modes, from, to);
    return mode == nullptr ? "" : mode->name;
  };
  EXPECT_EQ(find("en", "ca"), "1");
  EXPECT_EQ(find("en-GB", "CA-Valencia"), "2");
  EXPECT_EQ(find("en", "ca-valencia-x-uni"), "2");
  EXPECT_EQ(find("en", "ca-AD"), "1");
  // A region that nobody asked for is not chosen.
  EXPECT_EQ(find("es", "en"), "");
  EXPECT_EQ(find("es", "en-us"), "3");
  EXPECT_EQ(find("", ""), "");
  EXPECT_EQ(find("-", "ca"), "");
  EXPECT_EQ(find("fr", "ca"), "");
}

}  // namespace
}  // namespace intelligenced

#include "runtime/models/translation_capability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/models/manifest.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Pair = TranslationCapability;

TEST(TranslationCapabilityTest, IsSourceAndTarget) {
  EXPECT_EQ(ParseTranslationCapability("translate:en>es"), (Pair{"en", "es"}));
  EXPECT_EQ(ParseTranslationCapability("translate:zh-Hant>pt-BR"), (Pair{"zh-Hant", "pt-BR"}));
  EXPECT_EQ(TranslationCapabilityName("en", "es"), "translate:en>es");
  for (const char* other : {"", "translate:", "translate:en", "translate:>es", "translate:en>",
                            "language.generate", "tensor.run"}) {
    EXPECT_EQ(ParseTranslationCapability(other), std::nullopt) << other;
  }
}

TEST(TranslationCapabilityTest, AStarIsEveryOtherLanguageWithAStar) {
  Manifest manifest;
  manifest.capabilities = {"translate:en>*", "translate:es>*", "translate:fr>*", "translate:ca>en"};
  EXPECT_TRUE(manifest.HasCapability("translate:en>es"));
  EXPECT_TRUE(manifest.HasCapability("translate:fr>en"));
  EXPECT_TRUE(manifest.HasCapability("translate:ca>en"));
  EXPECT_FALSE(manifest.HasCapability("translate:en>ca"));
  EXPECT_FALSE(manifest.HasCapability("translate:ca>es"));
  EXPECT_FALSE(manifest.HasCapability("translate:en>en"));
  EXPECT_FALSE(manifest.HasCapability("translate:en>de"));
  EXPECT_FALSE(manifest.HasCapability("translate:"));
}

TEST(TranslationCapabilityTest, PairsAreSortedAndOnce) {
  EXPECT_THAT(TranslationPairs({"translate:fr>en", "tensor.run", "translate:en>*", "translate:es>*",
                                "translate:en>es"}),
              ElementsAre(Pair{"en", "es"}, Pair{"es", "en"}, Pair{"fr", "en"}));
  EXPECT_THAT(TranslationPairs({"language.generate"}), IsEmpty());
  // A language by itself has nothing to be translated to.
  EXPECT_THAT(TranslationPairs({"translate:en>*"}), IsEmpty());
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back(TranslationCapabilityName(std::to_string(i), "*"));
  EXPECT_THAT(TranslationPairs(many), SizeIs(200 * 199));
}

TEST(TranslationCapabilityTest, StandsInAManifest) {
  const auto manifest = ParseManifest(
      R"({"name": "m", "engine": "onnx", "capabilities": ["translate:en>*", "translate:es>*"],
          "files": [{"name": "f", "sha256": ")" +
      std::string(64, 'a') + R"(", "size_bytes": 1}]})");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_TRUE(manifest->HasCapability("translate:es>en"));
}

}  // namespace
}  // namespace intelligenced

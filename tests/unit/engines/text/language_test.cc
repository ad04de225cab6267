#include "runtime/engines/text/language.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr char kGerman[] =
    "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß genau, warum er das "
    "an jedem Morgen tut.";

TEST(LanguageTest, DetectsLongTexts) {
  const DetectedLanguage german = DetectLanguage(kGerman);
  EXPECT_EQ(german.code, "de");
  EXPECT_TRUE(german.certain);
  EXPECT_EQ(DetectLanguage("The committee will meet again on Thursday to talk about the budget for "
                           "the coming year.")
                .code,
            "en");
}

TEST(LanguageTest, ShortTextsAreNeverCertain) {
  EXPECT_FALSE(DetectLanguage("Guten Tag").certain);
  EXPECT_FALSE(DetectLanguage("").certain);
  EXPECT_FALSE(DetectLanguage(std::string(5, '\0')).certain);
  EXPECT_FALSE(DetectLanguage("1234 5678 !!! 😀").certain);
}

TEST(LanguageTest, EnglishIsRequired) {
  std::string language;
  EXPECT_TRUE(RequireEnglish("Guten Tag", "", language).ok());
  EXPECT_EQ(language, "en");
  EXPECT_TRUE(RequireEnglish(kGerman, "en-GB", language).ok());
  EXPECT_EQ(language, "en-GB");
  const absl::Status german = RequireEnglish(kGerman, "", language);
  EXPECT_TRUE(HasReason(german, Reason::kLanguageUnsupported));
  EXPECT_EQ(FactsOf(german).metadata.at("language"), "de");
  EXPECT_TRUE(HasReason(RequireEnglish("hello", "fr", language), Reason::kLanguageUnsupported));
}

}  // namespace
}  // namespace intelligenced

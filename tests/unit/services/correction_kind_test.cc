#include "services/writing_tools/correction_kind.h"

#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace intelligenced {
namespace {

using intelligence::v1::CORRECTION_TYPE_CAPITALIZATION;
using intelligence::v1::CORRECTION_TYPE_GRAMMAR;
using intelligence::v1::CORRECTION_TYPE_PUNCTUATION;
using intelligence::v1::CORRECTION_TYPE_SPELLING;
using testing::ElementsAre;

auto Types(std::string_view from, std::string_view to, std::string_view before = "") {
  return KindOfCorrection(from, to, before).types;
}

TEST(CorrectionKindTest, KindsAreTold) {
  EXPECT_THAT(Types("eror", "error"), ElementsAre(CORRECTION_TYPE_SPELLING));
  EXPECT_THAT(Types("alot", "a lot"), ElementsAre(CORRECTION_TYPE_SPELLING));
  EXPECT_THAT(Types("recieve", "receive"), ElementsAre(CORRECTION_TYPE_SPELLING));
  EXPECT_THAT(Types("monday", "Monday"), ElementsAre(CORRECTION_TYPE_CAPITALIZATION));
  EXPECT_THAT(Types("libary", "Library"),
              ElementsAre(CORRECTION_TYPE_SPELLING, CORRECTION_TYPE_CAPITALIZATION));
  EXPECT_THAT(Types("", "."), ElementsAre(CORRECTION_TYPE_PUNCTUATION));
  EXPECT_THAT(Types(",", ""), ElementsAre(CORRECTION_TYPE_PUNCTUATION));
  EXPECT_THAT(Types("  ", " "), ElementsAre(CORRECTION_TYPE_PUNCTUATION));
  EXPECT_THAT(Types("dont", "don't"), ElementsAre(CORRECTION_TYPE_PUNCTUATION));
  EXPECT_THAT(Types("their", "there"), ElementsAre(CORRECTION_TYPE_GRAMMAR));
  EXPECT_THAT(Types("walk", "walked"), ElementsAre(CORRECTION_TYPE_GRAMMAR));
  EXPECT_THAT(Types("citys", "city"), ElementsAre(CORRECTION_TYPE_GRAMMAR));
  EXPECT_THAT(Types("", "the "), ElementsAre(CORRECTION_TYPE_GRAMMAR));
  EXPECT_THAT(Types("would of", "would have"), ElementsAre(CORRECTION_TYPE_GRAMMAR));
}

TEST(CorrectionKindTest, RepeatedWordIsSeen) {
  const CorrectionKind kind = KindOfCorrection("and ", "", "this, and ");
  EXPECT_THAT(kind.types, ElementsAre(CORRECTION_TYPE_GRAMMAR));
  EXPECT_EQ(kind.explanation, "The word \"and\" is repeated.");
  EXPECT_EQ(KindOfCorrection("and ", "", "this, ").explanation, "The word \"and\" is not needed.");
}

TEST(CorrectionKindTest, AlwaysHasTypeWordsAndConfidence) {
  const std::string_view pieces[] = {"", " ", "a", "É", "x y", ".", "\xFF", "don’t", "\n"};
  for (const std::string_view from : pieces) {
    for (const std::string_view to : pieces) {
      const CorrectionKind kind = KindOfCorrection(from, to, "before");
      EXPECT_FALSE(kind.types.empty());
      EXPECT_TRUE(kind.explanation.ends_with("."));
      EXPECT_GT(kind.confidence, 0);
      EXPECT_LE(kind.confidence, 1);
    }
  }
}

}  // namespace
}  // namespace intelligenced

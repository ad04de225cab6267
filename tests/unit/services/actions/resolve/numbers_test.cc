#include "services/actions/resolve/numbers.h"

#include <gtest/gtest.h>

#include <string>

namespace intelligenced::resolve {
namespace {

struct Case {
  std::string text;
  size_t words;
  double value;
  std::string unit = {};
};

TEST(Numbers, InWordsAndDigits) {
  for (const Case& c : std::vector<Case>{
           {"7", 1, 7},
           {"-3.5", 1, -3.5},
           {"1,250", 1, 1250},
           {"twenty-one", 2, 21},
           {"a hundred and five", 4, 105},
           {"two thousand and six", 4, 2006},
           {"three hundred twelve thousand four", 5, 312'004},
           {"two and a half", 4, 2.5},
           {"three point one four", 4, 3.14},
           {"minus six", 2, -6},
           {"a dozen", 2, 12},
           {"2 million", 2, 2'000'000},
           {"seven eight", 1, 7},
           {"twenty thirty", 1, 20},
           {"twenty, five", 1, 20},
       }) {
    const auto match = MatchCardinal(SplitWords(c.text), 0);
    ASSERT_TRUE(match) << c.text;
    EXPECT_EQ(match->words, c.words) << c.text;
    EXPECT_DOUBLE_EQ(match->value, c.value) << c.text;
  }
}

TEST(Numbers, WithUnits) {
  for (const Case& c : std::vector<Case>{
           {"55%", 1, 55, "percent"},
           {"fifty percent", 2, 50, "percent"},
           {"5km", 1, 5, "kilometer"},
           {"21 degrees celsius please", 3, 21, "celsius"},
           {"$20", 1, 20, "dollar"},
           {"three pounds", 2, 3, "pound"},
           {"20 apples", 1, 20, ""},
       }) {
    const auto match = MatchNumber(SplitWords(c.text), 0);
    ASSERT_TRUE(match) << c.text;
    EXPECT_EQ(match->words, c.words) << c.text;
    EXPECT_DOUBLE_EQ(match->value, c.value) << c.text;
    EXPECT_EQ(match->unit == nullptr ? "" : match->unit->name, c.unit) << c.text;
  }
}

TEST(Numbers, NoNumber) {
  for (const std::string text :
       {"", "a", "and", "hundred", "x7", "7x", "1e5", "--3", "point five", "minus", "minus minus 3",
        "99999999999999999999999999999999999999999999999", "nan", "inf"}) {
    EXPECT_FALSE(MatchCardinal(SplitWords(text), 0)) << text;
  }
}

TEST(Numbers, Ordinals) {
  EXPECT_EQ(MatchOrdinal(SplitWords("third"), 0)->value, 3);
  EXPECT_EQ(MatchOrdinal(SplitWords("21st"), 0)->value, 21);
  EXPECT_EQ(MatchOrdinal(SplitWords("twenty-second"), 0)->value, 22);
  EXPECT_FALSE(MatchOrdinal(SplitWords("twenty"), 0));
  EXPECT_FALSE(MatchOrdinal(SplitWords("3rdx"), 0));
}

TEST(Numbers, UnitsOfOneDimensionAreConverted) {
  EXPECT_DOUBLE_EQ(*ConvertUnit(2, *FindUnit("km"), *FindUnit("meter")), 2000);
  EXPECT_NEAR(*ConvertUnit(212, *FindUnit("fahrenheit"), *FindUnit("°C")), 100, 1e-9);
  EXPECT_FALSE(ConvertUnit(2, *FindUnit("kg"), *FindUnit("km")));
  EXPECT_EQ(FindUnit("parsec"), nullptr);
}

TEST(Durations, InAllForms) {
  const std::vector<std::pair<std::string, absl::Duration>> cases = {
      {"20 minutes", absl::Minutes(20)},
      {"an hour and a half", absl::Minutes(90)},
      {"half an hour", absl::Minutes(30)},
      {"a quarter of an hour", absl::Minutes(15)},
      {"three quarters of an hour", absl::Minutes(45)},
      {"two and a half hours", absl::Minutes(150)},
      {"1h30m", absl::Minutes(90)},
      {"90s", absl::Seconds(90)},
      {"1 hour and 20 minutes", absl::Minutes(80)},
      {"one hour, five minutes and ten seconds", absl::Seconds(3910)},
      {"5 minute", absl::Minutes(5)},
      {"a couple of days", absl::Hours(48)},
      {"two weeks", absl::Hours(336)},
      {"1.5 hours", absl::Minutes(90)},
  };
  for (const auto& [text, duration] : cases) {
    const Words words = SplitWords(text);
    const auto match = MatchDuration(words, 0);
    ASSERT_TRUE(match) << text;
    EXPECT_EQ(match->duration(), duration) << text;
    EXPECT_EQ(match->words, words.size()) << text;
  }
}

TEST(Durations, NoDuration) {
  for (const std::string text : {"minutes", "five", "5 apples", "9am", "1h30", "-5 minutes",
                                 "9999999999999 hours", "1h99999999999999999999m"}) {
    EXPECT_FALSE(MatchDuration(SplitWords(text), 0)) << text;
  }
}

}  // namespace
}  // namespace intelligenced::resolve

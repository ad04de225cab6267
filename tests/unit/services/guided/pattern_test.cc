#include "services/guided/pattern.h"

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "services/guided/decimal.h"
#include "tests/support/guided/grammar_walk.h"
#include "tests/support/guided/schema_validator.h"

namespace intelligenced {
namespace {

TEST(PatternTest, TextsMatchTheirPattern) {
  std::mt19937_64 random(5);
  for (const char* pattern : {"^$",
                              "",
                              "a",
                              "^a*$",
                              "^(a+)+$",
                              "^(a|ab)(c|bcd)(d*)$",
                              "^[^a-y]$",
                              "^.{3}$",
                              "\\d{2,}",
                              "^(?:x{0,3}y?){2}$",
                              "^[\\w.-]+$",
                              "^\\S{1,9}$",
                              "^a$|^b+$|c",
                              "^(a?){5}$",
                              "^(a*)*b$",
                              "^\\u0041\\x42\\u{43}$",
                              "^\\D\\W$",
                              "^(\\\"|\\\\)*$",
                              "^[\\]\\-\\^]+$",
                              "^\\t\\n?$"}) {
    GrammarBuilder builder;
    const auto rule = AddPattern(pattern, 0, std::nullopt, builder);
    ASSERT_TRUE(rule.ok()) << pattern << rule.status();
    const GrammarWalk walk(builder.Text(*rule));
    // The library that the validator uses does not know these.
    const bool checked = std::string(pattern).find("\\u") == std::string::npos;
    for (int i = 0; i < 50; ++i) {
      const std::string text = walk.Draw(random, 10);
      const auto value = nlohmann::json::parse(text, nullptr, false);
      ASSERT_TRUE(value.is_string()) << pattern << " " << text;
      if (checked) EXPECT_EQ(FindBreach({{"pattern", pattern}}, value), "") << text;
      if (!checked) EXPECT_EQ(value, "ABC");
    }
  }
}

TEST(PatternTest, LengthsCount) {
  std::mt19937_64 random(6);
  GrammarBuilder builder;
  const auto rule = AddPattern("^(ab|c)*$", 3, 5, builder);
  ASSERT_TRUE(rule.ok()) << rule.status();
  const GrammarWalk walk(builder.Text(*rule));
  std::set<size_t> lengths;
  for (int i = 0; i < 200; ++i) lengths.insert(walk.Draw(random, i % 10).size() - 2);
  EXPECT_EQ(lengths, (std::set<size_t>{3, 4, 5}));
}

TEST(PatternTest, WhatIsNoPatternIsRefused) {
  const std::string long_one(1025, 'a');
  std::string nested(40, '(');
  for (const std::string& pattern :
       std::initializer_list<std::string>{"(",
                                          ")",
                                          "a)",
                                          "[",
                                          "[]",
                                          "[a",
                                          "[b-a]",
                                          "[\\d-z]",
                                          "*",
                                          "+a",
                                          "a**",
                                          "a{",
                                          "a{2",
                                          "a{x}",
                                          "a{3,2}",
                                          "a{1001}",
                                          "a{99999999999}",
                                          "\\",
                                          "\\q",
                                          "\\p{L}",
                                          "\\1",
                                          "\\bx",
                                          "(?=a)",
                                          "(?<n>a)",
                                          "a^b",
                                          "a$b",
                                          "(a$)",
                                          "\\x4",
                                          "\\u00",
                                          "\\u{110000}",
                                          "\\uD800",
                                          "]",
                                          "}",
                                          "[\\uD800]",
                                          "(?",
                                          "((a{1000}){1000}){1000}",
                                          ".*a.{20}",
                                          "^[^\\s\\S]$",
                                          long_one,
                                          nested + "a" + std::string(40, ')'),
                                          "^\\0$"}) {
    GrammarBuilder builder;
    const auto rule = AddPattern(pattern, 0, std::nullopt, builder);
    EXPECT_FALSE(rule.ok()) << pattern;
    if (!rule.ok()) EXPECT_EQ(rule.status().code(), absl::StatusCode::kInvalidArgument);
  }
  GrammarBuilder builder;
  EXPECT_FALSE(AddPattern("^abc$", 4, std::nullopt, builder).ok());
  EXPECT_FALSE(AddPattern("^abc$", 0, 2, builder).ok());
  EXPECT_FALSE(AddPattern("^[a-z]{1,400}$", 0, 60'000, builder).ok() &&
               AddPattern("^([a-z]|[0-9a-f]{3,7})+$", 60'000, 65'000, builder).ok());
}

TEST(DecimalTest, BoundsAreReadExactly) {
  EXPECT_EQ(*ParseDecimal("0"), 0);
  EXPECT_EQ(*ParseDecimal("-0.0"), 0);
  EXPECT_EQ(*ParseDecimal("0.1"), DecimalUnit() / 10);
  EXPECT_EQ(*ParseDecimal("1e-09"), 1);
  EXPECT_EQ(*ParseDecimal("-1.5e3"), -1500 * DecimalUnit());
  EXPECT_EQ(*ParseDecimal("999999999999999"), DecimalUnit() * 999'999'999'999'999);
  for (const char* text : {"1e15", "1e-10", "1234567890.1234567", "123456789012.1234", "1e99999",
                           "1e999999999999", "x", "1.0000000001"}) {
    EXPECT_FALSE(ParseDecimal(text).has_value()) << text;
  }
}

// Every digit matters near a bound: many draws between awkward ones.
TEST(DecimalTest, NumbersLieBetweenTheirBounds) {
  std::mt19937_64 random(7);
  const double numbers[] = {0,    1,     9,    10,      11,   99,    100,  109,   0.5,   0.05,
                            9.99, 10.01, 1e-9, 123.456, 1000, 987.6, 1e14, 65535, 2.5e-7};
  for (int round = 0; round < 400; ++round) {
    double low = numbers[random() % std::size(numbers)] * (random() % 2 == 0 ? 1 : -1);
    double high = numbers[random() % std::size(numbers)] * (random() % 2 == 0 ? 1 : -1);
    if (low > high) std::swap(low, high);
    nlohmann::json schema = {{random() % 2 == 0 ? "minimum" : "exclusiveMinimum", low},
                             {random() % 2 == 0 ? "maximum" : "exclusiveMaximum", high}};
    NumberBounds bounds = {.low = ParseDecimal(nlohmann::json(low).dump()),
                           .high = ParseDecimal(nlohmann::json(high).dump()),
                           .low_exclusive = schema.contains("exclusiveMinimum"),
                           .high_exclusive = schema.contains("exclusiveMaximum")};
    ASSERT_TRUE(bounds.low && bounds.high) << schema;
    const bool integer = random() % 2 == 0;
    if (IsEmpty(bounds, integer)) continue;
    schema["type"] = integer ? "integer" : "number";
    GrammarBuilder builder;
    const GrammarRule rule = integer ? AddInteger(bounds, builder) : AddNumber(bounds, builder);
    const GrammarWalk walk(builder.Text(rule));
    for (int i = 0; i < 40; ++i) {
      const std::string text = walk.Draw(random, i % 3);
      ASSERT_EQ(FindBreachInText(schema.dump(), text), "") << schema << " " << text;
    }
  }
}

}  // namespace
}  // namespace intelligenced

#include "services/actions/donations/donation_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/civil_time.h"

namespace intelligenced {
namespace {

using Values = DonationLog::Values;

const absl::TimeZone kZone = absl::FixedTimeZone(3600);

absl::Time At(int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilSecond(2026, 11, day, hour, minute, 0), kZone);
}

Values Text(const std::string& name, const std::string& value) {
  Values values;
  values[name].set_string_value(value);
  return values;
}

bool Any(const std::string&) { return true; }

std::vector<std::string> Names(const std::vector<ActionSuggestion>& suggestions) {
  std::vector<std::string> names;
  for (const ActionSuggestion& one : suggestions) names.push_back(one.action);
  return names;
}

TEST(Donations, TimeOfDayDecides) {
  DonationLog log;
  for (int day = 16; day <= 20; ++day) {
    log.Add("coffee/start", {}, At(day, 8));
    log.Add("lights/off", {}, At(day, 23, 30));
  }
  EXPECT_EQ(Names(log.Suggest(At(23, 8, 15), kZone, 5, Any)),
            (std::vector<std::string>{"coffee/start", "lights/off"}));
  // Midnight is between them and near one.
  const auto night = log.Suggest(At(23, 0, 10), kZone, 5, Any);
  EXPECT_EQ(Names(night), (std::vector<std::string>{"lights/off", "coffee/start"}));
  EXPECT_EQ(night[0].explanation, "often at this time of day");
  EXPECT_GT(night[0].score, night[1].score);
  EXPECT_LE(night[0].score, 1);
}

TEST(Donations, WhatIsLongAgoCountsLess) {
  DonationLog log;
  log.Add("a/old", {}, At(1, 9));
  log.Add("a/new", {}, At(22, 9));
  EXPECT_EQ(Names(log.Suggest(At(23, 9), kZone, 5, Any)),
            (std::vector<std::string>{"a/new", "a/old"}));
}

TEST(Donations, WorkingDaysAndWeekends) {
  DonationLog log;
  log.Add("a/weekend", {}, At(22, 9));  // a Sunday
  log.Add("a/workday", {}, At(20, 9));  // a Friday
  EXPECT_EQ(Names(log.Suggest(At(23, 9), kZone, 1, Any)), (std::vector<std::string>{"a/workday"}));
}

TEST(Donations, RepeatedValuesAreSuggestedWithTheAction) {
  DonationLog log;
  for (int day = 18; day <= 20; ++day) log.Add("music/play", Text("song", "Yesterday"), At(day, 9));
  log.Add("notes/new", Text("text", "one"), At(19, 9));
  log.Add("notes/new", Text("text", "two"), At(20, 9));
  const auto suggestions = log.Suggest(At(23, 9), kZone, 5, Any);
  ASSERT_EQ(Names(suggestions), (std::vector<std::string>{"music/play", "notes/new"}));
  EXPECT_EQ(suggestions[0].values.at("song").string_value(), "Yesterday");
  EXPECT_TRUE(suggestions[1].values.empty());
}

TEST(Donations, DatesAreNotSuggestedAgain) {
  DonationLog log;
  for (int day = 18; day <= 20; ++day) {
    Values values = Text("task", "water the plants");
    values["when"].mutable_date_time_value()->mutable_date()->set_day(day);
    log.Add("reminders/new", values, At(day, 9));
  }
  const auto suggestions = log.Suggest(At(23, 9), kZone, 5, Any);
  ASSERT_EQ(suggestions.size(), 1U);
  EXPECT_TRUE(suggestions[0].values.contains("task"));
  EXPECT_FALSE(suggestions[0].values.contains("when"));
}

TEST(Donations, ActionsThatAreGoneAreNotSuggested) {
  DonationLog log;
  log.Add("a/gone", {}, At(22, 9));
  EXPECT_TRUE(log.Suggest(At(23, 9), kZone, 5, [](const std::string&) { return false; }).empty());
}

TEST(Donations, HoldItsBounds) {
  DonationLog log({.count = 3, .bytes = 100});
  for (int hour = 0; hour < 5; ++hour) log.Add("a/" + std::to_string(hour), {}, At(22, hour));
  EXPECT_EQ(log.size(), 3U);
  EXPECT_EQ(Names(log.Suggest(At(22, 4), kZone, 9, Any)).size(), 3U);
  // Out of order, and older than everything that is kept.
  log.Add("a/ancient", {}, At(1, 1));
  for (const std::string& name : Names(log.Suggest(At(22, 4), kZone, 9, Any))) {
    EXPECT_NE(name, "a/ancient");
  }
  log.Add("a/large", Text("text", std::string(60, 'x')), At(22, 6));
  log.Add("a/large", Text("text", std::string(60, 'y')), At(22, 7));
  EXPECT_EQ(log.size(), 1U);
  log.Add("a/huge", Text("text", std::string(1000, 'x')), At(22, 8));
  EXPECT_EQ(log.size(), 2U);
}

TEST(Donations, AreErasedByProviderOrAltogether) {
  DonationLog log;
  log.Add("org.a/x", {}, At(22, 9));
  log.Add("org.a/y", {}, At(22, 9));
  log.Add("org.ab/x", {}, At(22, 9));
  EXPECT_EQ(log.Erase("org.a"), 2U);
  EXPECT_EQ(log.size(), 1U);
  EXPECT_EQ(log.Erase(""), 1U);
  EXPECT_EQ(log.Erase(""), 0U);
}

TEST(Donations, ComeBackFromDisk) {
  DonationLog log;
  for (int day = 18; day <= 20; ++day) log.Add("music/play", Text("song", "Yesterday"), At(day, 9));
  log.Add("a/x", {}, At(22, 9));
  const std::string bytes = log.Serialize();
  const auto again = DonationLog::Parse(bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->size(), 4U);
  EXPECT_EQ(again->Serialize(), bytes);
  EXPECT_EQ(Names(again->Suggest(At(23, 9), kZone, 5, Any)),
            Names(log.Suggest(At(23, 9), kZone, 5, Any)));
  EXPECT_EQ(DonationLog::Parse(bytes, {.count = 2, .bytes = 1000})->size(), 2U);
}

TEST(Donations, ADamagedFileIsRefusedWhole) {
  DonationLog log;
  log.Add("a/x", Text("text", "something"), At(22, 9));
  const std::string bytes = log.Serialize();
  EXPECT_FALSE(DonationLog::Parse("").ok());
  EXPECT_FALSE(DonationLog::Parse("intelligenced donations 2\n00000000").ok());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DonationLog::Parse(bytes.substr(0, length)).ok()) << length;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x21);
    EXPECT_FALSE(DonationLog::Parse(damaged).ok()) << at;
  }
}

}  // namespace
}  // namespace intelligenced

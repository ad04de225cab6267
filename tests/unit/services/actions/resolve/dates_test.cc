#include "services/actions/resolve/dates.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/actions/resolve_actions.h"
#include "tests/support/actions/resolve_sentences.h"

namespace intelligenced::resolve {
namespace {

std::string Read(const std::string& text, const Moment& moment = TestMoment()) {
  const Words words = SplitWords(text);
  const auto match = MatchDateTime(words, 0, moment);
  if (!match) return "nothing";
  Value value;
  value.kind = ValueKind::kDateTime;
  value.date_time = match->value;
  std::string written = WrittenValue(value);
  return match->words == words.size() ? written : written + " in part";
}

// Now is Monday 2026-11-23 08:15.
TEST(Dates, Days) {
  for (const auto& [text, day] : std::vector<std::pair<std::string, std::string>>{
           {"today", "2026-11-23"},
           {"the day after tomorrow", "2026-11-25"},
           {"yesterday", "2026-11-22"},
           {"Friday", "2026-11-27"},
           {"Monday", "2026-11-30"},
           {"this friday", "2026-11-27"},
           {"next Friday", "2026-12-04"},
           {"last Friday", "2026-11-20"},
           {"on Sat", "2026-11-28"},
           {"this weekend", "2026-11-28"},
           {"next week", "2026-11-30"},
           {"next month", "2026-12-23"},
           {"in two weeks", "2026-12-07"},
           {"3 days ago", "2026-11-20"},
           {"two weeks from now", "2026-12-07"},
           {"in a month", "2026-12-23"},
           {"December 3rd", "2026-12-03"},
           {"the third of December 2027", "2027-12-03"},
           {"January 5", "2027-01-05"},
           {"29 February", "2028-02-29"},
           {"on the 5th", "2026-12-05"},
           {"2026-12-01", "2026-12-01"},
           {"12/24/2026", "2026-12-24"},
           {"24/12/2026", "2026-12-24"},
           {"3.4.2027", "2027-04-03"},
           {"1/5", "2027-01-05"},
       }) {
    EXPECT_EQ(Read(text), day) << text;
  }
}

TEST(Dates, Times) {
  for (const auto& [text, time] : std::vector<std::pair<std::string, std::string>>{
           {"at 9", "2026-11-23T09:00"},
           {"at 8", "2026-11-23T20:00"},
           {"at 3", "2026-11-23T15:00"},
           {"half past seven", "2026-11-23T19:30"},
           {"quarter to nine", "2026-11-23T08:45"},
           {"ten past eleven pm", "2026-11-23T23:10"},
           {"9am", "2026-11-23T09:00"},
           {"7 a.m.", "2026-11-24T07:00"},
           {"06:45", "2026-11-24T06:45"},
           {"noon", "2026-11-23T12:00"},
           {"midnight", "2026-11-24T00:00"},
           {"this evening", "2026-11-23T19:00"},
           {"tonight at 9", "2026-11-23T21:00"},
           {"tomorrow at 9", "2026-11-24T09:00"},
           {"tomorrow at 5", "2026-11-24T17:00"},
           {"at five tomorrow morning", "2026-11-24T05:00"},
           {"tomorrow morning", "2026-11-24T09:00"},
           {"on Friday at half past four", "2026-11-27T16:30"},
           {"at 14:30 on December 3rd", "2026-12-03T14:30"},
           {"in 20 minutes", "2026-11-23T08:35"},
           {"an hour from now", "2026-11-23T09:15"},
           {"tomorrow at seven thirty", "2026-11-24T07:30"},
           {"2026-12-01T09:30", "2026-12-01T09:30"},
           {"2026-12-01T09:30:00Z", "2026-12-01T10:30"},
       }) {
    EXPECT_EQ(Read(text), time) << text;
  }
}

TEST(Dates, NothingToReadAsADay) {
  for (const std::string text : {"",
                                 "9",
                                 "may",
                                 "march",
                                 "sun",
                                 "mon",
                                 "the morning paper",
                                 "for 20 minutes",
                                 "at home",
                                 "at 55%",
                                 "at 25:00",
                                 "at 9:75",
                                 "February 30",
                                 "2026-13-45",
                                 "99/99/2026",
                                 "in apples",
                                 "next",
                                 "the",
                                 "32nd",
                                 "at 99",
                                 "0/0",
                                 "2026-",
                                 "::",
                                 "1.2.3.4",
                                 "in 400 years"}) {
    EXPECT_EQ(Read(text), "nothing") << text;
  }
}

TEST(Dates, HoursOfPeopleWhoGetUp) {
  Moment moment = TestMoment();
  moment.early = true;
  EXPECT_EQ(Read("at 6:45", moment), "2026-11-24T06:45");
  EXPECT_EQ(Read("tomorrow at 5", moment), "2026-11-24T05:00");
}

TEST(Dates, ZonesWithSummerTime) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("Europe/Madrid", &zone)) GTEST_SKIP() << "no time zone data";
  // The night in which 02:00 becomes 03:00.
  const Moment moment{.now = absl::FromCivil(absl::CivilSecond(2027, 3, 27, 12, 0, 0), zone),
                      .zone = zone};
  const auto gap = MatchDateTime(SplitWords("tomorrow at 02:30"), 0, moment);
  ASSERT_TRUE(gap);
  EXPECT_EQ(absl::FormatTime("%H:%M", gap->value.time, zone), "03:00");
  const auto later = MatchDateTime(SplitWords("in 24 hours"), 0, moment);
  EXPECT_EQ(later->value.time - moment.now, absl::Hours(24));
  const auto day = MatchDateTime(SplitWords("tomorrow at noon"), 0, moment);
  EXPECT_EQ(day->value.time - moment.now, absl::Hours(23));
}

}  // namespace
}  // namespace intelligenced::resolve

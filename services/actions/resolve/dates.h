// Days and times of day in a sentence. Pure functions.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_DATES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_DATES_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"
#include "services/actions/resolve/text.h"
#include "services/actions/resolve/types.h"

namespace intelligenced::resolve {

// When and where the sentence is said.
struct Moment {
  absl::Time now = {};
  absl::TimeZone zone = absl::UTCTimeZone();
  // Hours without "am" or "pm" are rather hours of the morning: it is about getting up.
  bool early = false;
};

struct DateTimeMatch {
  size_t words = 0;
  DateTimeValue value = {};
};

// The longest day, time or both that begins with word `at`, prepositions included: "tomorrow at 9",
// "next Friday", "in 20 minutes", "half past seven", "on December 3rd at 9:30", "2026-12-01",
// "this evening", "two weeks from now", "3 days ago".
//
//  - "Friday" is the next one after today, "next Friday" the one of the week after this one (weeks
//    begin on Monday), "last Friday" the one before today.
//  - An hour without am, pm or a part of the day: with a day, 1 to 6 are hours of the afternoon
//    (`early`: never); without a day, the next time to come that lies between 7:00 and 22:59
//    (`early`: between 4:00 and 11:59). Times with two digits before the colon ("06:45") and hours
//    above 12 are as they stand.
//  - A day without a year is the next one to come. 3/4/2027 is the 4th of March; a number above 12
//    is the day wherever it stands; 3.4.2027 is the 3rd of April.
//  - A day alone has 00:00, a time that was left out by a change of clocks is the one after it.
std::optional<DateTimeMatch> MatchDateTime(const Words& words, size_t at, const Moment& moment);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_DATES_H_

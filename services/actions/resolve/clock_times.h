// Times of day in a sentence, without a day. Pure functions.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_CLOCK_TIMES_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_CLOCK_TIMES_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "services/actions/resolve/text.h"

namespace intelligenced::resolve {

struct ClockTime {
  int hour = 0;
  int minute = 0;
  int second = 0;
  // Not to be moved by twelve hours.
  bool certain = false;
};

struct ClockMatch {
  size_t words = 0;
  ClockTime time;
};

// "9:30", "14:30:10", "9am", "9 o'clock", "half past seven", "seven thirty", "midnight", from word
// `at`. A number alone is a time only after a word such as "at" (`lead`, empty where there is
// none).
std::optional<ClockMatch> MatchClock(const Words& words, size_t at, std::string_view lead,
                                     bool has_date);

// A number of at most four digits between the bounds.
std::optional<int> SmallInteger(std::string_view text, int low, int high);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_CLOCK_TIMES_H_

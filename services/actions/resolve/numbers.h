// Numbers, units and durations in a sentence. Pure functions.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_NUMBERS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "services/actions/resolve/english.h"
#include "services/actions/resolve/text.h"

namespace intelligenced::resolve {

struct NumberMatch {
  size_t words = 0;
  double value = 0;
  // Whole, and small enough to be exact.
  bool integral = false;
  // What followed or stood before it; none where nothing did.
  const english::Unit* unit = nullptr;
};

// The number that begins with word `at`: "7", "-3.5", "1,000", "55%", "$20", "twenty-one", "a
// hundred and five", "two and a half", "three point one four", "minus six", "a dozen".
std::optional<NumberMatch> MatchNumber(const Words& words, size_t at);
// The same without a unit.
std::optional<NumberMatch> MatchCardinal(const Words& words, size_t at);
// "third", "3rd".
std::optional<NumberMatch> MatchOrdinal(const Words& words, size_t at);

// The unit of that name or spelling; none for an unknown one.
const english::Unit* FindUnit(std::string_view name);
// Nothing between different dimensions.
std::optional<double> ConvertUnit(double value, const english::Unit& from, const english::Unit& to);

struct DurationMatch {
  size_t words = 0;
  int64_t seconds = 0;
  // Beside the seconds.
  int months = 0;
  // Made of days or longer alone: "two weeks".
  bool whole_days = false;

  // A month has 30 days here.
  absl::Duration duration() const { return absl::Seconds(seconds) + absl::Hours(720) * months; }
};

// "20 minutes", "an hour and a half", "half an hour", "three quarters of an hour", "1h30m",
// "two and a half hours", "1 hour and 20 minutes", "5 minute". At most about 300 years.
std::optional<DurationMatch> MatchDuration(const Words& words, size_t at);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_NUMBERS_H_

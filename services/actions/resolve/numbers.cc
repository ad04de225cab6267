#include "services/actions/resolve/numbers.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/utf8.h"

namespace intelligenced::resolve {
namespace {

constexpr double kLargestExact = 9.0e15;
constexpr int64_t kLongestSeconds = 300LL * 366 * 86'400;

std::string_view TextAt(const Words& words, size_t at) {
  return at < words.size() ? std::string_view(words[at].text) : std::string_view();
}

bool Breaks(const Words& words, size_t at) { return at > 0 && words[at - 1].pause_after; }

std::optional<int64_t> ValueOf(std::span<const english::NumberWord> table, std::string_view word) {
  for (const english::NumberWord& entry : table) {
    if (entry.word == word) return entry.value;
  }
  return std::nullopt;
}

const english::Unit* UnitOf(std::string_view word) {
  if (word.empty()) return nullptr;
  for (const english::Unit& unit : english::Units()) {
    if (english::IsOneOf(unit.words, word)) return &unit;
  }
  return nullptr;
}

NumberMatch MakeMatch(size_t words, double value, const english::Unit* unit = nullptr) {
  return {.words = words,
          .value = value,
          .integral = value == std::floor(value) && std::abs(value) <= kLargestExact,
          .unit = unit};
}

// How much of `text` is a number: sign, digits with commas between groups, a decimal part.
size_t DigitsLength(std::string_view text) {
  size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  bool digits = false;
  bool point = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (absl::ascii_isdigit(c)) {
      digits = true;
    } else if (c == '.' && !point && at + 1 < text.size() && absl::ascii_isdigit(text[at + 1])) {
      point = true;
    } else if (c == ',' && digits && !point && at + 3 < text.size() &&
               absl::ascii_isdigit(text[at + 1]) && absl::ascii_isdigit(text[at + 2]) &&
               absl::ascii_isdigit(text[at + 3])) {
      continue;
    } else {
      break;
    }
  }
  return digits ? at : 0;
}

std::optional<double> ParseDigits(std::string_view digits) {
  double value = 0;
  if (digits.size() > 40 || !absl::SimpleAtod(absl::StrReplaceAll(digits, {{",", ""}}), &value) ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// "7", "7%", "$7", "5km"; `attached` is what stood with the digits.
std::optional<double> ParseDigitWord(std::string_view text, std::string_view& attached) {
  attached = {};
  for (const std::string_view sign : {"$", "€", "£"}) {
    if (absl::StartsWith(text, sign)) {
      attached = sign;
      text.remove_prefix(sign.size());
      break;
    }
  }
  const size_t length = DigitsLength(text);
  if (length == 0) return std::nullopt;
  if (length < text.size()) {
    if (!attached.empty()) return std::nullopt;
    attached = text.substr(length);
  }
  return ParseDigits(text.substr(0, length));
}

// "twenty one", "a hundred and five", "two thousand and six"; no digits.
std::optional<NumberMatch> MatchNumberWords(const Words& words, size_t at) {
  size_t next = at;
  int64_t total = 0;
  int64_t group = 0;
  bool any = false;
  bool ones_open = true;  // "twenty" may be followed by "one", "seven" by nothing
  while (next < words.size() && (next == at || !Breaks(words, next))) {
    std::string_view word = TextAt(words, next);
    size_t taken = 1;
    if (any && word == "and" && group % 100 == 0 && next + 1 < words.size()) {
      // Only inside a number above a hundred.
      if (total + group < 100 || !ValueOf(english::SmallNumbers(), TextAt(words, next + 1))) break;
      word = TextAt(words, next + 1);
      taken = 2;
    }
    if (!any && (word == "a" || word == "an") &&
        ValueOf(english::Scales(), TextAt(words, next + 1))) {
      group = 1;
      any = true;
      ones_open = false;
      next += 1;
      continue;
    }
    if (const std::optional<int64_t> small = ValueOf(english::SmallNumbers(), word)) {
      const bool after_tens = group % 100 >= 20 && group % 10 == 0;
      if (any && !ones_open && !(group % 100 == 0 && group > 0)) break;
      if (any && after_tens && *small > 9) break;
      if (any && *small == 0) break;
      group += *small;
      ones_open = *small >= 20;
      any = true;
    } else if (const std::optional<int64_t> scale = ValueOf(english::Scales(), word)) {
      if (!any || group == 0 || group > 999'999) break;
      if (*scale >= 1000) {
        total += group * *scale;
        if (total > 1'000'000'000'000'000) return std::nullopt;
        group = 0;
      } else {
        if (group > 99) break;
        group *= *scale;
      }
      ones_open = true;
    } else {
      break;
    }
    next += taken;
  }
  if (!any) return std::nullopt;
  return MakeMatch(next - at, static_cast<double>(total + group));
}

std::optional<english::TimeUnit> TimeUnitOf(std::string_view word) {
  for (const english::TimeUnit& unit : english::TimeUnits()) {
    if (english::IsOneOf(unit.words, word)) return unit;
  }
  return std::nullopt;
}

bool AddTime(double count, const english::TimeUnit& unit, DurationMatch& to) {
  if (count < 0 || count > 1e10) return false;
  const double seconds = count * static_cast<double>(unit.seconds);
  if (seconds + static_cast<double>(to.seconds) > static_cast<double>(kLongestSeconds)) {
    return false;
  }
  to.seconds += static_cast<int64_t>(std::llround(seconds));
  if (unit.months > 0) {
    if (count > 3600 || count * unit.months + to.months > 3600) return false;
    to.months += static_cast<int>(std::llround(count * unit.months));
  }
  to.whole_days = to.whole_days && (unit.months > 0 || unit.seconds % 86'400 == 0);
  return true;
}

// "1h30m", "90s", "20min".
std::optional<DurationMatch> MatchCompact(std::string_view text) {
  DurationMatch match{.words = 1, .whole_days = true};
  bool any = false;
  while (!text.empty()) {
    const size_t digits = DigitsLength(text);
    if (digits == 0 || !absl::ascii_isdigit(text[0])) return std::nullopt;
    size_t end = digits;
    while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
    const std::optional<double> count = ParseDigits(text.substr(0, digits));
    const std::optional<english::TimeUnit> unit = TimeUnitOf(text.substr(digits, end - digits));
    if (!count || !unit || !AddTime(*count, *unit, match)) return std::nullopt;
    text.remove_prefix(end);
    any = true;
  }
  return any ? std::optional(match) : std::nullopt;
}

// One count with its unit; `match` gets more. The number of words, 0 for none.
size_t MatchCounted(const Words& words, size_t at, DurationMatch& match) {
  const std::string_view first = TextAt(words, at);
  // "half an hour", "half hour", "quarter of an hour", "three quarters of an hour", "a quarter
  // hour"
  double fraction = 0;
  size_t next = at;
  if (first == "half") {
    fraction = 0.5;
    next += 1;
  } else if ((first == "a" || first == "one") && TextAt(words, at + 1) == "quarter") {
    fraction = 0.25;
    next += 2;
  } else if (first == "a" && TextAt(words, at + 1) == "half") {
    fraction = 0.5;
    next += 2;
  } else if (first == "quarter") {
    fraction = 0.25;
    next += 1;
  } else if (first == "three" && TextAt(words, at + 1) == "quarters") {
    fraction = 0.75;
    next += 2;
  }
  if (fraction > 0) {
    if (TextAt(words, next) == "of") ++next;
    if (TextAt(words, next) == "a" || TextAt(words, next) == "an") ++next;
    const std::optional<english::TimeUnit> unit = TimeUnitOf(TextAt(words, next));
    if (!unit || unit->months == 1) return 0;
    return AddTime(fraction, *unit, match) ? next + 1 - at : 0;
  }
  double count = 1;
  if (first == "a" || first == "an") {
    next = at + 1;
    if (TextAt(words, next) == "couple") {
      count = 2;
      ++next;
      if (TextAt(words, next) == "of") ++next;
    }
  } else {
    const std::optional<NumberMatch> number = MatchCardinal(words, at);
    if (!number) return 0;
    count = number->value;
    next = at + number->words;
  }
  const std::optional<english::TimeUnit> unit = TimeUnitOf(TextAt(words, next));
  if (!unit || Breaks(words, next) || !AddTime(count, *unit, match)) return 0;
  ++next;
  if (TextAt(words, next) == "and" && TextAt(words, next + 1) == "a" &&
      (TextAt(words, next + 2) == "half" || TextAt(words, next + 2) == "quarter")) {
    if (!AddTime(TextAt(words, next + 2) == "half" ? 0.5 : 0.25, *unit, match)) return 0;
    next += 3;
  }
  return next - at;
}

}  // namespace

std::optional<NumberMatch> MatchCardinal(const Words& words, size_t at) {
  std::string_view text = TextAt(words, at);
  if (text.empty()) return std::nullopt;
  if (text == "minus" && at + 1 < words.size()) {
    std::optional<NumberMatch> match = MatchCardinal(words, at + 1);
    if (!match || TextAt(words, at + 1) == "minus") return std::nullopt;
    return MakeMatch(match->words + 1, -match->value);
  }
  std::optional<NumberMatch> match;
  if (const size_t length = DigitsLength(text); length > 0) {
    if (length < text.size()) return std::nullopt;
    const std::optional<double> value = ParseDigits(text);
    if (!value) return std::nullopt;
    match = MakeMatch(1, *value);
    // "2 million"
    const std::optional<int64_t> scale = ValueOf(english::Scales(), TextAt(words, at + 1));
    if (scale && *scale >= 1000 && !words[at].pause_after) {
      match = MakeMatch(2, *value * static_cast<double>(*scale));
    }
  } else {
    match = MatchNumberWords(words, at);
  }
  if (!match) return std::nullopt;
  size_t next = at + match->words;
  if (Breaks(words, next)) return match;
  if (TextAt(words, next) == "point") {
    std::string decimals;
    size_t digit = next + 1;
    for (; digit < words.size() && decimals.size() < 9; ++digit) {
      const std::optional<int64_t> value = ValueOf(english::SmallNumbers(), TextAt(words, digit));
      if (!value || *value > 9) break;
      absl::StrAppend(&decimals, *value);
    }
    if (!decimals.empty()) {
      double fraction = 0;
      if (!absl::SimpleAtod(absl::StrCat("0.", decimals), &fraction)) return match;
      return MakeMatch(digit - at, match->value + fraction);
    }
  }
  if (TextAt(words, next) == "and" && TextAt(words, next + 1) == "a" &&
      TextAt(words, next + 2) == "half") {
    return MakeMatch(match->words + 3, match->value + 0.5);
  }
  return match;
}

std::optional<NumberMatch> MatchNumber(const Words& words, size_t at) {
  const std::string_view text = TextAt(words, at);
  if (text.empty()) return std::nullopt;
  std::string_view attached;
  const std::optional<double> direct = ParseDigitWord(text, attached);
  if (direct && !attached.empty()) {
    const english::Unit* unit = UnitOf(attached);
    return unit != nullptr ? std::optional(MakeMatch(1, *direct, unit)) : std::nullopt;
  }
  std::optional<NumberMatch> match = MatchCardinal(words, at);
  if (!match || Breaks(words, at + match->words)) return match;
  const size_t next = at + match->words;
  // The longer spelling first: "degrees celsius" before "degrees".
  for (size_t length = 2; length >= 1; --length) {
    if (next + length > words.size()) continue;
    const english::Unit* unit = UnitOf(JoinWords(words, next, next + length));
    // A letter alone is a unit only where it stands with its digits.
    if (unit == nullptr || (length == 1 && TextAt(words, next).size() == 1 &&
                            absl::ascii_isalpha(TextAt(words, next)[0]))) {
      continue;
    }
    match->unit = unit;
    match->words += length;
    break;
  }
  return match;
}

std::optional<NumberMatch> MatchOrdinal(const Words& words, size_t at) {
  const std::string_view text = TextAt(words, at);
  if (const std::optional<int64_t> value = ValueOf(english::Ordinals(), text)) {
    return MakeMatch(1, static_cast<double>(*value));
  }
  if (text == "twenty" || text == "thirty") {
    const std::optional<int64_t> ones = ValueOf(english::Ordinals(), TextAt(words, at + 1));
    if (ones && *ones < 10) return MakeMatch(2, (text == "twenty" ? 20.0 : 30.0) + double(*ones));
  }
  const size_t digits = DigitsLength(text);
  if (digits == 0 || digits > 4 || digits + 2 != text.size() || !absl::ascii_isdigit(text[0])) {
    return std::nullopt;
  }
  if (!english::IsOneOf("st|nd|rd|th", text.substr(digits))) return std::nullopt;
  const std::optional<double> value = ParseDigits(text.substr(0, digits));
  return value ? std::optional(MakeMatch(1, *value)) : std::nullopt;
}

const english::Unit* FindUnit(std::string_view name) {
  for (const english::Unit& unit : english::Units()) {
    if (unit.name == name) return &unit;
  }
  return UnitOf(ToLowerUtf8(name));
}

std::optional<double> ConvertUnit(double value, const english::Unit& from,
                                  const english::Unit& to) {
  if (from.dimension != to.dimension) return std::nullopt;
  if (from.name == to.name) return value;
  return (value * from.factor + from.offset - to.offset) / to.factor;
}

std::optional<DurationMatch> MatchDuration(const Words& words, size_t at) {
  const std::string_view text = TextAt(words, at);
  if (text.empty()) return std::nullopt;
  if (absl::ascii_isdigit(text[0]) && absl::ascii_isalpha(text.back())) return MatchCompact(text);
  DurationMatch match{.whole_days = true};
  size_t next = at;
  for (int parts = 0; parts < 4; ++parts) {
    size_t from = next;
    if (parts > 0 && TextAt(words, from) == "and") ++from;
    DurationMatch longer = match;
    const size_t taken = MatchCounted(words, from, longer);
    if (taken == 0) break;
    match = longer;
    next = from + taken;
  }
  if (next == at) return std::nullopt;
  match.words = next - at;
  return match;
}

}  // namespace intelligenced::resolve

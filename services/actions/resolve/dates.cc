#include "services/actions/resolve/dates.h"

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "services/actions/resolve/clock_times.h"
#include "services/actions/resolve/english.h"
#include "services/actions/resolve/numbers.h"

namespace intelligenced::resolve {
namespace {

using absl::CivilDay;
using absl::CivilSecond;

constexpr int kFirstYear = 1900;
constexpr int kLastYear = 2200;

std::string_view TextAt(const Words& words, size_t at) {
  return at < words.size() ? std::string_view(words[at].text) : std::string_view();
}

// The index in a table of days or months. `full`: the long name.
std::optional<int> NameIndex(std::span<const std::string_view> table, std::string_view word,
                             bool& full) {
  for (size_t index = 0; index < table.size(); ++index) {
    if (!english::IsOneOf(table[index], word)) continue;
    full = absl::StartsWith(table[index], word) &&
           (table[index].size() == word.size() || table[index][word.size()] == '|');
    return static_cast<int>(index);
  }
  return std::nullopt;
}

// A day that there is; nothing for February 30th.
std::optional<CivilDay> RealDay(int64_t year, int month, int day) {
  if (year < kFirstYear || year > kLastYear || month < 1 || month > 12 || day < 1) {
    return std::nullopt;
  }
  const CivilDay result(year, month, day);
  if (result.month() != month || result.day() != day) return std::nullopt;
  return result;
}

class Reader {
 public:
  Reader(const Words& words, size_t at, const Moment& moment)
      : words_(words),
        at_(at),
        next_(at),
        moment_(moment),
        now_(absl::ToCivilSecond(moment.now, moment.zone)),
        today_(now_) {}

  std::optional<DateTimeMatch> Read() {
    while (next_ < words_.size() && Component()) {
    }
    if (next_ == at_) return std::nullopt;
    return Combine();
  }

 private:
  bool has_date() const { return date_.has_value() || offset_.has_value(); }

  // Prepositions and one part; next_ moves only when a part is there.
  bool Component() {
    size_t from = next_;
    std::string_view lead;
    if (english::IsIn(english::TimePrepositions(), TextAt(words_, from))) {
      lead = TextAt(words_, from);
      ++from;
    }
    size_t taken = 0;
    if (!has_date() && (taken = Offset(from, lead)) > 0) return Take(from, taken);
    if (!has_date() && (taken = Date(from, lead)) > 0) return Take(from, taken);
    if (!part_ && (taken = Part(from)) > 0) return Take(from, taken);
    if (!clock_) {
      if (const std::optional<ClockMatch> clock = MatchClock(words_, from, lead, has_date())) {
        clock_ = clock->time;
        return Take(from, clock->words);
      }
    }
    return false;
  }
  bool Take(size_t from, size_t taken) {
    next_ = from + taken;
    return true;
  }

  // "in 20 minutes", "two weeks from now", "3 days ago".
  size_t Offset(size_t from, std::string_view lead) {
    if (!lead.empty() || clock_) {
      // "at 9 in two weeks" reads on; "for 20 minutes" is no day.
      if (!lead.empty()) return 0;
    }
    const bool in = TextAt(words_, from) == "in" || TextAt(words_, from) == "within";
    const size_t start = from + (in ? 1 : 0);
    const std::optional<DurationMatch> duration = MatchDuration(words_, start);
    if (!duration) return 0;
    size_t taken = duration->words;
    const std::string_view after = TextAt(words_, start + taken);
    int sign = 1;
    if (!in) {
      if (after == "ago") {
        sign = -1;
        taken += 1;
      } else if (after == "later" || after == "hence") {
        taken += 1;
      } else if (after == "from" && (TextAt(words_, start + taken + 1) == "now" ||
                                     TextAt(words_, start + taken + 1) == "today")) {
        taken += 2;
      } else {
        return 0;
      }
    }
    offset_ = *duration;
    offset_sign_ = sign;
    return taken + (in ? 1 : 0);
  }

  size_t Date(size_t from, std::string_view lead) {
    std::string_view word = TextAt(words_, from);
    for (const english::DayWord& day : english::DayWords()) {
      const size_t length = 1 + std::count(day.phrase.begin(), day.phrase.end(), ' ');
      if (from + length <= words_.size() && JoinWords(words_, from, from + length) == day.phrase) {
        date_ = today_ + day.days;
        return length;
      }
    }
    if (size_t taken = Numeric(word); taken > 0) return taken;
    size_t skip = 0;
    std::string_view which;
    if (word == "this" || word == "next" || word == "last" || word == "coming") {
      which = word;
      skip = 1;
    } else if (word == "the") {
      skip = 1;
      if (TextAt(words_, from + 1) == "coming" || TextAt(words_, from + 1) == "next") {
        which = TextAt(words_, from + 1);
        skip = 2;
      }
    }
    word = TextAt(words_, from + skip);
    if (const size_t taken = Week(word, which, skip); taken > 0) return skip + taken;
    bool full = false;
    if (const std::optional<int> weekday = NameIndex(english::Weekdays(), word, full);
        weekday && (full || !lead.empty() || !which.empty())) {
      SetWeekday(*weekday, which);
      // "Friday, December 3rd" says the same day twice; the second is the surer one.
      return skip + 1;
    }
    if (!which.empty()) return 0;
    return MonthDay(from, skip, lead);
  }

  size_t Week(std::string_view word, std::string_view which, size_t skip) {
    const int weekday = static_cast<int>(absl::GetWeekday(today_));
    if (word == "weekend" && skip > 0) {
      const int to_saturday = weekday <= 5 ? 5 - weekday : -1;
      date_ = today_ + to_saturday + (which == "next" ? 7 : which == "last" ? -7 : 0);
      return 1;
    }
    if (which != "next" && which != "last") return 0;
    const int sign = which == "next" ? 1 : -1;
    if (word == "week") {
      date_ = today_ + 7 * sign;
    } else if (word == "month") {
      date_ = AddMonths(sign);
    } else if (word == "year") {
      date_ = AddMonths(12 * sign);
    } else {
      return 0;
    }
    return 1;
  }

  void SetWeekday(int weekday, std::string_view which) {
    const int now = static_cast<int>(absl::GetWeekday(today_));
    if (which == "last") {
      const int back = (now - weekday + 7) % 7;
      date_ = today_ - (back == 0 ? 7 : back);
    } else if (which == "next") {
      date_ = today_ - now + 7 + weekday;
    } else {
      const int ahead = (weekday - now + 7) % 7;
      date_ = today_ + (ahead == 0 ? 7 : ahead);
    }
  }

  // The last day where the month is shorter.
  CivilDay AddMonths(int months) const {
    const absl::CivilMonth month = absl::CivilMonth(today_) + months;
    const CivilDay last = CivilDay(month + 1) - 1;
    return std::min(CivilDay(month) + (today_.day() - 1), last);
  }

  // "December 3rd 2027", "3 December", "the third of December", "the 5th".
  size_t MonthDay(size_t from, size_t skip, std::string_view lead) {
    bool full = false;
    size_t at = from + skip;
    std::optional<int> month = NameIndex(english::Months(), TextAt(words_, at), full);
    std::optional<int> day;
    if (month && skip == 0) {
      const size_t taken = DayNumber(at + 1, day);
      if (taken == 0) return 0;
      at += 1 + taken;
    } else {
      const size_t taken = DayNumber(at, day);
      if (taken == 0) return 0;
      const bool ordinal = MatchOrdinal(words_, at).has_value();
      at += taken;
      const size_t of = TextAt(words_, at) == "of" ? 1 : 0;
      month = NameIndex(english::Months(), TextAt(words_, at + of), full);
      if (month) {
        at += of + 1;
      } else {
        // "on the 5th"
        if (!ordinal || skip == 0 || lead.empty()) return 0;
        CivilDay first(today_.year(), today_.month(), 1);
        std::optional<CivilDay> found;
        for (int tries = 0; tries < 3 && !found; ++tries) {
          found = RealDay(first.year(), first.month(), *day);
          if (found && *found < today_) found.reset();
          first = CivilDay(absl::CivilMonth(first) + 1);
        }
        if (!found) return 0;
        date_ = *found;
        return at - from;
      }
    }
    if (const std::optional<int> year = SmallInteger(TextAt(words_, at), 1970, kLastYear)) {
      const std::optional<CivilDay> real = RealDay(*year, *month + 1, *day);
      if (!real) return 0;
      date_ = *real;
      return at + 1 - from;
    }
    for (int64_t year = today_.year(); year < today_.year() + 5; ++year) {
      const std::optional<CivilDay> real = RealDay(year, *month + 1, *day);
      if (real && *real >= today_) {
        date_ = *real;
        return at - from;
      }
    }
    return 0;
  }
  size_t DayNumber(size_t at, std::optional<int>& day) const {
    if (const std::optional<NumberMatch> ordinal = MatchOrdinal(words_, at);
        ordinal && ordinal->value >= 1 && ordinal->value <= 31) {
      day = static_cast<int>(ordinal->value);
      return ordinal->words;
    }
    day = SmallInteger(TextAt(words_, at), 1, 31);
    return day && TextAt(words_, at).size() <= 2 ? 1 : 0;
  }

  // "2026-12-01", "2026-12-01T09:30", "12/24/2026", "24.12.2026", "12/24".
  size_t Numeric(std::string_view word) {
    if (word.size() < 3 || word.size() > 25 || !absl::ascii_isdigit(word[0])) return 0;
    if (word.size() >= 16 && word[10] == 't') {
      absl::Time time;
      std::string error;
      const std::string upper = absl::AsciiStrToUpper(word);
      if (!absl::ParseTime(absl::RFC3339_full, upper, &time, &error) &&
          !absl::ParseTime("%Y-%m-%dT%H:%M:%S", upper, moment_.zone, &time, &error) &&
          !absl::ParseTime("%Y-%m-%dT%H:%M", upper, moment_.zone, &time, &error)) {
        return 0;
      }
      const CivilSecond civil = absl::ToCivilSecond(time, moment_.zone);
      if (!RealDay(civil.year(), civil.month(), civil.day())) return 0;
      date_ = CivilDay(civil);
      clock_ = ClockTime{civil.hour(), civil.minute(), civil.second(), true};
      return 1;
    }
    for (const char separator : {'-', '/', '.'}) {
      const std::vector<std::string_view> parts = absl::StrSplit(word, separator);
      if (parts.size() < 2 || parts.size() > 3) continue;
      std::array<int, 3> numbers{};
      for (size_t index = 0; index < parts.size(); ++index) {
        const std::optional<int> number = SmallInteger(parts[index], 0, 9999);
        if (!number) return 0;
        numbers[index] = *number;
      }
      std::optional<CivilDay> day;
      if (parts.size() == 3 && parts[0].size() == 4) {
        day = RealDay(numbers[0], numbers[1], numbers[2]);
      } else if (parts.size() == 3 && separator != '-') {
        const int year = numbers[2] < 100 ? 2000 + numbers[2] : numbers[2];
        const bool day_first = separator == '.' || numbers[0] > 12;
        day = day_first ? RealDay(year, numbers[1], numbers[0])
                        : RealDay(year, numbers[0], numbers[1]);
      } else if (parts.size() == 2 && separator == '/') {
        const bool day_first = numbers[0] > 12;
        for (int64_t year = today_.year(); year < today_.year() + 5 && !day; ++year) {
          day = day_first ? RealDay(year, numbers[1], numbers[0])
                          : RealDay(year, numbers[0], numbers[1]);
          if (day && *day < today_) day.reset();
        }
      }
      if (!day) return 0;
      date_ = *day;
      return 1;
    }
    return 0;
  }

  // "in the morning", "this evening", "tonight", "at night".
  size_t Part(size_t from) {
    size_t at = from;
    bool introduced = has_date() || clock_.has_value();
    bool today = false;
    if (TextAt(words_, at) == "in" && TextAt(words_, at + 1) == "the") {
      at += 2;
      introduced = true;
    } else if (TextAt(words_, at) == "this") {
      at += 1;
      introduced = today = true;
    }
    for (const english::DayPart& part : english::DayParts()) {
      if (!english::IsOneOf(part.words, TextAt(words_, at))) continue;
      // "noon" and "tonight" say enough by themselves; "the morning" is also a newspaper.
      if (!introduced && !part.today && part.hour != 12 && at == from && from == at_) return 0;
      if (part.hour == 12 && clock_) return 0;
      part_ = part;
      if ((part.today || today) && !has_date()) date_ = today_;
      return at + 1 - from;
    }
    return 0;
  }

  std::optional<DateTimeMatch> Combine() {
    DateTimeMatch match{.words = next_ - at_};
    DateTimeValue& value = match.value;
    value.has_date = has_date();
    value.has_time = clock_.has_value() || part_.has_value();
    if (offset_) {
      CivilDay day = today_;
      if (offset_->months != 0) day = AddMonths(offset_sign_ * offset_->months);
      if (offset_->whole_days) {
        date_ = day + offset_sign_ * (offset_->seconds / 86'400);
      } else {
        const absl::Time time =
            absl::FromCivil(CivilSecond(day) + (now_ - CivilSecond(today_)), moment_.zone) +
            absl::Seconds(offset_sign_ * offset_->seconds);
        value.time = time;
        value.civil = absl::ToCivilSecond(time, moment_.zone);
        value.has_time = true;
        return InRange(match);
      }
    }
    ClockTime clock = clock_.value_or(ClockTime{.hour = part_ ? part_->hour : 0, .certain = true});
    if (clock_ && part_ && !clock.certain) {
      if (part_->afternoon && clock.hour < 12) clock.hour += 12;
      clock.certain = true;
    }
    CivilDay day = date_.value_or(today_);
    if (clock_ && !clock.certain) {
      value.half_open = true;
      if (date_) {
        // Noon is 12; "1" to "6" are hours people are awake in.
        if (!moment_.early && clock.hour >= 1 && clock.hour <= 6) clock.hour += 12;
        // What is past today may still be to come this evening.
        if (*date_ == today_ && clock.hour < 12 && At(day, clock) <= moment_.now) clock.hour += 12;
      } else {
        return Next(match, clock);
      }
    } else if (!date_ && (clock_ || part_) && At(day, clock) <= moment_.now) {
      day += 1;
    }
    value.civil =
        CivilSecond(day.year(), day.month(), day.day(), clock.hour, clock.minute, clock.second);
    value.time = absl::FromCivil(value.civil, moment_.zone);
    return InRange(match);
  }

  // The next time a clock with twelve hours shows it while people are awake.
  std::optional<DateTimeMatch> Next(DateTimeMatch match, const ClockTime& said) {
    const int first = moment_.early ? 4 : 7;
    const int last = moment_.early ? 11 : 22;
    for (int days = 0; days < 2; ++days) {
      for (const int half : {0, 12}) {
        ClockTime clock = said;
        clock.hour = said.hour % 12 + half;
        if (clock.hour < first || clock.hour > last) continue;
        if (At(today_ + days, clock) <= moment_.now) continue;
        const CivilDay day = today_ + days;
        match.value.civil =
            CivilSecond(day.year(), day.month(), day.day(), clock.hour, clock.minute, clock.second);
        match.value.time = absl::FromCivil(match.value.civil, moment_.zone);
        return match;
      }
    }
    // Outside those hours on both halves of the day ("12" while it is about getting up).
    const CivilDay day = At(today_, said) > moment_.now ? today_ : today_ + 1;
    match.value.civil =
        CivilSecond(day.year(), day.month(), day.day(), said.hour, said.minute, said.second);
    match.value.time = absl::FromCivil(match.value.civil, moment_.zone);
    return match;
  }

  absl::Time At(CivilDay day, const ClockTime& clock) const {
    return absl::FromCivil(
        CivilSecond(day.year(), day.month(), day.day(), clock.hour, clock.minute, clock.second),
        moment_.zone);
  }

  static std::optional<DateTimeMatch> InRange(const DateTimeMatch& match) {
    const int64_t year = match.value.civil.year();
    if (year < kFirstYear || year > kLastYear) return std::nullopt;
    return match;
  }

  const Words& words_;
  const size_t at_;
  size_t next_;
  const Moment& moment_;
  const CivilSecond now_;
  const CivilDay today_;
  std::optional<CivilDay> date_;
  std::optional<DurationMatch> offset_;
  int offset_sign_ = 1;
  std::optional<english::DayPart> part_;
  std::optional<ClockTime> clock_;
};

}  // namespace

std::optional<DateTimeMatch> MatchDateTime(const Words& words, size_t at, const Moment& moment) {
  if (at >= words.size()) return std::nullopt;
  return Reader(words, at, moment).Read();
}

}  // namespace intelligenced::resolve

#include "services/actions/resolve/clock_times.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/actions/resolve/english.h"
#include "services/actions/resolve/numbers.h"

namespace intelligenced::resolve {
namespace {

std::string_view TextAt(const Words& words, size_t at) {
  return at < words.size() ? std::string_view(words[at].text) : std::string_view();
}

ClockTime Finished(ClockTime time) {
  if (time.hour > 12 || time.hour == 0) time.certain = true;
  if (time.hour == 24) time.hour = 0;
  return time;
}

// "am" and its like; moves the hour. 0 where there is none.
size_t HalfOfDay(std::string_view word, ClockTime& time) {
  const bool am = english::IsOneOf("am|a.m", word);
  const bool pm = english::IsOneOf("pm|p.m", word);
  if ((!am && !pm) || time.hour > 12 || time.hour == 0) return 0;
  time.hour = time.hour % 12 + (pm ? 12 : 0);
  time.certain = true;
  return 1;
}

// "half past seven", "quarter to eight", "ten minutes past nine", "a quarter after six".
std::optional<ClockMatch> MatchPast(const Words& words, size_t from) {
  size_t at = from;
  int minutes = 0;
  if (TextAt(words, at) == "a" && TextAt(words, at + 1) == "quarter") ++at;
  if (TextAt(words, at) == "half") {
    minutes = 30;
    ++at;
  } else if (TextAt(words, at) == "quarter") {
    minutes = 15;
    ++at;
  } else if (const std::optional<NumberMatch> number = MatchCardinal(words, at);
             number && number->integral && number->value >= 1 && number->value < 60) {
    minutes = static_cast<int>(number->value);
    at += number->words;
    if (english::IsOneOf("minute|minutes", TextAt(words, at))) ++at;
  } else {
    return std::nullopt;
  }
  const std::string_view relation = TextAt(words, at);
  const bool past = relation == "past" || relation == "after";
  if (!past && relation != "to" && relation != "before") return std::nullopt;
  const std::optional<NumberMatch> hour = MatchCardinal(words, at + 1);
  if (!hour || !hour->integral || hour->words != 1 || hour->value < 1 || hour->value > 23) {
    return std::nullopt;
  }
  ClockMatch match{.words = at + 2 - from, .time = {.hour = static_cast<int>(hour->value)}};
  ClockTime& time = match.time;
  match.words += HalfOfDay(TextAt(words, from + match.words), time);
  if (time.hour > 12) time.certain = true;
  if (past) {
    time.minute = minutes;
  } else {
    time.hour = (time.hour + 23) % 24;
    if (!time.certain && time.hour == 0) time.hour = 12;
    time.minute = 60 - minutes;
  }
  return match;
}

// "9:30", "14:30:10", "9am", "9:30pm", "9.30pm".
std::optional<ClockMatch> MatchDigital(const Words& words, size_t from) {
  std::string_view word = TextAt(words, from);
  if (word.empty() || !absl::ascii_isdigit(word[0])) return std::nullopt;
  std::string_view half;
  for (const std::string_view suffix : {"am", "pm", "a.m", "p.m"}) {
    if (!absl::EndsWith(word, suffix)) continue;
    half = suffix;
    word.remove_suffix(suffix.size());
    break;
  }
  const bool colon = absl::StrContains(word, ':');
  if (half.empty() && !colon) return std::nullopt;
  const std::vector<std::string_view> parts = absl::StrSplit(word, colon ? ':' : '.');
  const std::optional<int> hour = SmallInteger(parts[0], 0, 24);
  if (parts.size() > 3 || !hour || parts[0].size() > 2) return std::nullopt;
  ClockMatch match{.words = 1, .time = {.hour = *hour, .certain = colon && parts[0].size() == 2}};
  ClockTime& time = match.time;
  int* const places[] = {&time.minute, &time.second};
  for (size_t index = 1; index < parts.size(); ++index) {
    const std::optional<int> number = SmallInteger(parts[index], 0, 59);
    if (!number || parts[index].size() != 2) return std::nullopt;
    *places[index - 1] = *number;
  }
  if (time.hour == 24 && (time.minute > 0 || time.second > 0)) return std::nullopt;
  if (!half.empty()) {
    if (HalfOfDay(half, time) == 0) return std::nullopt;
  } else {
    match.words += HalfOfDay(TextAt(words, from + 1), time);
  }
  time = Finished(time);
  return match;
}

}  // namespace

std::optional<ClockMatch> MatchClock(const Words& words, size_t at, std::string_view lead,
                                     bool has_date) {
  const std::string_view word = TextAt(words, at);
  if (word == "midnight") {
    return ClockMatch{.words = 1, .time = {.hour = 0, .certain = true}};
  }
  if (std::optional<ClockMatch> past = MatchPast(words, at)) return past;
  if (std::optional<ClockMatch> digital = MatchDigital(words, at)) return digital;
  const std::optional<NumberMatch> hour = MatchCardinal(words, at);
  if (!hour || !hour->integral || hour->value < 0 || hour->value > 24) return std::nullopt;
  ClockMatch match{.words = hour->words, .time = {.hour = static_cast<int>(hour->value)}};
  ClockTime& time = match.time;
  // "seven thirty"
  bool minutes = false;
  if (!absl::ascii_isdigit(word[0]) && hour->words == 1 && time.hour <= 12 &&
      !words[at].pause_after) {
    const std::optional<NumberMatch> minute = MatchCardinal(words, at + 1);
    if (minute && minute->integral && minute->value >= 10 && minute->value < 60) {
      time.minute = static_cast<int>(minute->value);
      match.words += minute->words;
      minutes = true;
    }
  }
  const std::string_view after = TextAt(words, at + match.words);
  if (HalfOfDay(after, time) > 0) {
    ++match.words;
    return match;
  }
  if (after == "o'clock" || after == "oclock") {
    time = Finished(time);
    ++match.words;
    return match;
  }
  // A number alone is a time only where something says so.
  const bool said = english::IsOneOf("at|by|around|until|till|from|before|after|since", lead);
  if (!said && !(minutes && has_date)) return std::nullopt;
  // "at 20 percent" and "after 3 hours" are no times.
  const std::optional<NumberMatch> measured = MatchNumber(words, at);
  if ((measured && measured->unit != nullptr) || MatchDuration(words, at)) return std::nullopt;
  time = Finished(time);
  return match;
}

std::optional<int> SmallInteger(std::string_view text, int low, int high) {
  int value = 0;
  if (text.empty() || text.size() > 4 || !absl::ascii_isdigit(text[0]) ||
      !absl::SimpleAtoi(text, &value) || value < low || value > high) {
    return std::nullopt;
  }
  return value;
}

}  // namespace intelligenced::resolve

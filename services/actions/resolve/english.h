// Everything the resolver knows of English, as tables; english.cc holds the words.
//
// Words are in lower case with straight apostrophes. "|" separates alternatives.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ENGLISH_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ENGLISH_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace intelligenced::resolve::english {

// Each row: words and phrases that ask for the same thing. A phrase may be in several rows.
std::span<const std::string_view> Synonyms();

// Words that say nothing by themselves ("please").
std::span<const std::string_view> Fillers();
// Words that hold others together ("the", "to", "my").
std::span<const std::string_view> FunctionWords();
// What stands before a thing and is not part of its name ("some", "the").
std::span<const std::string_view> Determiners();
// What may stand between a command and a free text and is part of neither ("that", "saying").
std::span<const std::string_view> TextLeads();
// Between the last two items of a list.
std::span<const std::string_view> ListWords();
// What stands for things that are not named ("something", "it").
std::span<const std::string_view> Pronouns();

struct NumberWord {
  std::string_view word;
  int64_t value;
};
std::span<const NumberWord> SmallNumbers();  // 0 to 90
std::span<const NumberWord> Scales();        // hundred and up, a dozen
std::span<const NumberWord> Ordinals();      // first to thirty-first

// A unit: every number in it times `factor` plus `offset` is one in its dimension's base.
struct Unit {
  std::string_view name;
  std::string_view words;
  std::string_view dimension;
  double factor;
  double offset;
};
std::span<const Unit> Units();

struct TimeUnit {
  std::string_view words;
  int64_t seconds;  // 0: counted in months
  int months;
};
std::span<const TimeUnit> TimeUnits();

std::span<const std::string_view> Weekdays();  // from Monday, "monday|mon"
std::span<const std::string_view> Months();    // from January

struct DayWord {
  std::string_view phrase;
  int days;  // from today
};
std::span<const DayWord> DayWords();

struct DayPart {
  std::string_view words;
  int hour;        // what is meant where no hour is said
  bool afternoon;  // hours up to 11 are hours of the afternoon
  bool today;      // names the day as well
};
std::span<const DayPart> DayParts();

// What forbids what comes after it, and what may stand before that beside fillers.
std::span<const std::string_view> Negations();
std::span<const std::string_view> BeforeNegations();

// What may begin a time ("on", "at").
std::span<const std::string_view> TimePrepositions();

// Stems: the sentence is about getting up.
std::span<const std::string_view> EarlyWords();

std::span<const std::string_view> TrueWords();
std::span<const std::string_view> FalseWords();

// True when `word` is one of the alternatives.
bool IsOneOf(std::string_view alternatives, std::string_view word);
bool IsIn(std::span<const std::string_view> words, std::string_view word);

}  // namespace intelligenced::resolve::english

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ENGLISH_H_

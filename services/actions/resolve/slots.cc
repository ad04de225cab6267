#include "services/actions/resolve/slots.h"

#include <algorithm>
#include <cmath>
#include <rapidfuzz/fuzz.hpp>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"
#include "services/actions/resolve/english.h"
#include "services/actions/resolve/lexicon.h"

namespace intelligenced::resolve {
namespace {

constexpr size_t kMaxListItems = 100;

bool IsEmail(std::string_view word) {
  const size_t at = word.find('@');
  if (at == 0 || at == std::string_view::npos || word.find('@', at + 1) != word.npos) return false;
  const std::string_view domain = word.substr(at + 1);
  const size_t dot = domain.find('.');
  return dot != 0 && dot != domain.npos && dot + 1 < domain.size() && !absl::StrContains(word, '/');
}

// "example.com/x", as people write what they do not copy.
bool IsHost(std::string_view word) {
  const std::string_view host = word.substr(0, word.find_first_of("/?#:"));
  const size_t dot = host.rfind('.');
  if (dot == host.npos || dot == 0 || host.size() - dot < 3) return false;
  for (size_t at = 0; at < host.size(); ++at) {
    const char c = host[at];
    if (!absl::ascii_isalnum(c) && c != '-' && (c != '.' || host[at + 1] == '.')) return false;
    if (at > dot && !absl::ascii_isalpha(c)) return false;
  }
  return absl::ascii_isalpha(host[0]) || absl::StartsWith(host, "www.");
}

std::string_view SchemeOf(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == url.npos || colon == 0) return {};
  for (const char c : url.substr(0, colon)) {
    if (!absl::ascii_isalnum(c) && c != '+' && c != '-' && c != '.') return {};
  }
  return url.substr(0, colon);
}

Value TextValue(ValueKind kind, std::string text) {
  Value value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

}  // namespace

Slot::Slot(const ParameterSpec& spec) : spec_(&spec) {
  auto add = [this](std::string_view name, size_t index) {
    std::string phrase = NormalizedPhrase(name);
    if (phrase.empty()) return;
    longest_case_ =
        std::max<size_t>(longest_case_, 1 + std::count(phrase.begin(), phrase.end(), ' '));
    cases_.try_emplace(std::move(phrase), index);
  };
  for (size_t index = 0; index < spec.cases.size(); ++index) {
    add(spec.cases[index].title, index);
    add(spec.cases[index].id, index);
    for (const std::string& synonym : spec.cases[index].synonyms) add(synonym, index);
  }
}

bool Slot::open() const {
  return spec_->kind == ValueKind::kString || spec_->kind == ValueKind::kEntity ||
         spec_->kind == ValueKind::kList;
}

bool Slot::telling() const {
  return !open() && spec_->kind != ValueKind::kInteger && spec_->kind != ValueKind::kNumber &&
         spec_->kind != ValueKind::kBoolean;
}

std::optional<SlotMatch> Slot::MatchCase(const Words& words, size_t at) const {
  auto found_case = [this](size_t index, size_t length, double quality) {
    SlotMatch match{.words = length, .value = {}, .quality = quality};
    match.value = TextValue(ValueKind::kEnumeration, spec_->cases[index].id);
    match.value.title = spec_->cases[index].title;
    return match;
  };
  for (size_t length = std::min(longest_case_, words.size() - at); length >= 1; --length) {
    const auto found = cases_.find(JoinWords(words, at, at + length));
    if (found != cases_.end()) return found_case(found->second, length, 1);
  }
  // A misspelled word, or another form of it.
  const std::string& word = words[at].text;
  if (word.size() < 4 || Lexicon::WeightOf(word) < 1) return std::nullopt;
  const rapidfuzz::fuzz::CachedRatio<char> ratio(word);
  double best = 84;
  std::optional<size_t> best_case;
  for (const auto& [phrase, index] : cases_) {
    if (absl::StrContains(phrase, ' ')) continue;
    const double score = Stem(phrase) == words[at].stem ? 97 : ratio.similarity(phrase, best);
    if (score > best) {
      best = score;
      best_case = index;
    }
  }
  if (!best_case) return std::nullopt;
  return found_case(*best_case, 1, best / 100);
}

ValueReader::ValueReader(std::string_view text, const Words& words, const Moment& moment)
    : text_(text), words_(words), moment_(moment), times_(words.size()), durations_(words.size()) {}

std::optional<SlotMatch> ValueReader::Match(const Slot& slot, size_t at) {
  const ParameterSpec& spec = slot.spec();
  switch (spec.kind) {
    case ValueKind::kInteger:
    case ValueKind::kNumber:
      return MatchNumeric(spec, at);
    case ValueKind::kBoolean: {
      const bool yes = english::IsIn(english::TrueWords(), words_[at].text);
      if (!yes && !english::IsIn(english::FalseWords(), words_[at].text)) return std::nullopt;
      SlotMatch match{.words = 1};
      match.value.kind = ValueKind::kBoolean;
      match.value.boolean = yes;
      return match;
    }
    case ValueKind::kDateTime:
    case ValueKind::kDate:
    case ValueKind::kTime:
    case ValueKind::kDuration:
      return MatchTime(spec.kind, at);
    case ValueKind::kUrl:
    case ValueKind::kFile:
      return MatchAddress(spec, at);
    case ValueKind::kEnumeration:
      return slot.MatchCase(words_, at);
    case ValueKind::kString:
    case ValueKind::kEntity:
    case ValueKind::kList:
      break;
  }
  return std::nullopt;
}

std::optional<SlotMatch> ValueReader::MatchNumeric(const ParameterSpec& spec, size_t at) const {
  const std::optional<NumberMatch> number = MatchNumber(words_, at);
  if (!number) return std::nullopt;
  double value = number->value;
  if (const english::Unit* wanted = spec.unit.empty() ? nullptr : FindUnit(spec.unit);
      wanted != nullptr && number->unit != nullptr) {
    const std::optional<double> converted = ConvertUnit(value, *number->unit, *wanted);
    if (!converted) return std::nullopt;
    value = *converted;
  }
  if ((spec.minimum && value < *spec.minimum) || (spec.maximum && value > *spec.maximum)) {
    return std::nullopt;
  }
  SlotMatch match{.words = number->words};
  match.value.kind = spec.kind;
  if (number->unit != nullptr) match.value.unit = std::string(number->unit->name);
  match.value.number = value;
  if (spec.kind == ValueKind::kInteger) {
    const double rounded = std::round(value);
    if (std::abs(value - rounded) > 1e-9 || std::abs(value) > 9e15) return std::nullopt;
    match.value.integer = static_cast<int64_t>(rounded);
  }
  return match;
}

std::optional<SlotMatch> ValueReader::MatchTime(ValueKind kind, size_t at) {
  SlotMatch match;
  match.value.kind = kind;
  if (kind == ValueKind::kDuration) {
    // "for an hour"
    const size_t skip = words_[at].text == "for" || words_[at].text == "of" ? 1 : 0;
    if (at + skip >= words_.size()) return std::nullopt;
    auto& known = durations_[at + skip];
    if (!known) known = MatchDuration(words_, at + skip);
    if (!*known) return std::nullopt;
    match.words = (*known)->words + skip;
    match.value.duration = (*known)->duration();
    return match;
  }
  auto& known = times_[at];
  if (!known) known = MatchDateTime(words_, at, moment_);
  if (!*known) return std::nullopt;
  const DateTimeValue& value = (*known)->value;
  if ((kind == ValueKind::kDate && !value.has_date) ||
      (kind == ValueKind::kTime && !value.has_time)) {
    return std::nullopt;
  }
  match.words = (*known)->words;
  match.value.date_time = value;
  if (value.half_open) match.quality = 0.9;
  return match;
}

std::optional<SlotMatch> ValueReader::MatchAddress(const ParameterSpec& spec, size_t at) const {
  // As it was written: case matters.
  const std::string_view word = words_[at].span.In(text_);
  SlotMatch match{.words = 1};
  if (spec.kind == ValueKind::kFile) {
    const bool path = absl::StartsWith(word, "/") || absl::StartsWith(word, "~/") ||
                      absl::StartsWith(word, "./") || absl::StartsWith(word, "../") ||
                      absl::StartsWithIgnoreCase(word, "file:///");
    if (!path || word.size() < 2) return std::nullopt;
    match.value = TextValue(spec.kind, std::string(word));
    if (absl::StartsWithIgnoreCase(word, "file:///")) match.value.text.erase(0, 7);
    return match;
  }
  std::string url(word);
  if (IsEmail(word)) {
    if (!absl::StartsWithIgnoreCase(url, "mailto:")) url = absl::StrCat("mailto:", url);
    // Where no scheme is asked for, an address is no page.
    if (spec.schemes.empty()) return std::nullopt;
  } else if (!absl::StrContains(word, "://")) {
    if (!IsHost(word)) return std::nullopt;
    const bool secure = spec.schemes.empty() || std::find(spec.schemes.begin(), spec.schemes.end(),
                                                          "https") != spec.schemes.end();
    url = absl::StrCat(secure ? "https://" : "http://", word);
    match.quality = 0.95;
  }
  const std::string scheme = absl::AsciiStrToLower(SchemeOf(url));
  if (scheme.empty() || url.size() < scheme.size() + 2) return std::nullopt;
  if (!spec.schemes.empty() &&
      std::find(spec.schemes.begin(), spec.schemes.end(), scheme) == spec.schemes.end()) {
    return std::nullopt;
  }
  match.value = TextValue(spec.kind, std::move(url));
  return match;
}

std::pair<size_t, size_t> ValueReader::Trim(const ParameterSpec& spec, size_t begin,
                                            size_t end) const {
  auto quoted = [this](size_t at) { return words_[at].quotation >= 0; };
  while (end > begin && !quoted(end - 1) &&
         english::IsIn(english::Fillers(), words_[end - 1].text)) {
    --end;
  }
  const std::span<const std::string_view> leads =
      spec.kind == ValueKind::kString ? english::TextLeads() : english::Determiners();
  while (begin < end && !quoted(begin) &&
         (english::IsIn(leads, words_[begin].text) ||
          (spec.kind != ValueKind::kString &&
           english::IsIn(english::Fillers(), words_[begin].text)))) {
    ++begin;
  }
  return {begin, end};
}

std::optional<Value> ValueReader::ReadItem(const Slot& slot, size_t begin, size_t end) {
  const ParameterSpec& spec = slot.spec();
  while (begin < end && words_[begin].quotation < 0 &&
         english::IsIn(english::Determiners(), words_[begin].text)) {
    ++begin;
  }
  if (begin == end) return std::nullopt;
  switch (spec.item_kind) {
    case ValueKind::kString:
    case ValueKind::kEntity: {
      if (end == begin + 1 && english::IsIn(english::Pronouns(), words_[begin].text)) {
        return std::nullopt;
      }
      Value value;
      value.kind = spec.item_kind;
      std::string text(SpanOf(words_, begin, end).In(text_));
      (spec.item_kind == ValueKind::kString ? value.text : value.title) = std::move(text);
      return value;
    }
    case ValueKind::kList:
      return std::nullopt;
    default: {
      ParameterSpec item = spec;
      item.kind = spec.item_kind;
      const Slot single(item);
      const std::optional<SlotMatch> match = Match(single, begin);
      if (!match || begin + match->words != end) return std::nullopt;
      return match->value;
    }
  }
}

std::optional<SlotMatch> ValueReader::Read(const Slot& slot, size_t begin, size_t end,
                                           ByteSpan& span) {
  const ParameterSpec& spec = slot.spec();
  std::tie(begin, end) = Trim(spec, begin, end);
  if (begin == end) return std::nullopt;
  span = SpanOf(words_, begin, end);
  SlotMatch match{.words = end - begin};
  match.value.kind = spec.kind;
  if (spec.kind != ValueKind::kList) {
    // "it" and "are there" are no text to keep.
    bool says_something = false;
    for (size_t at = begin; at < end; ++at) {
      says_something = says_something || words_[at].quotation >= 0 ||
                       (Lexicon::WeightOf(words_[at].text) == 1 &&
                        !english::IsIn(english::Pronouns(), words_[at].text));
    }
    if (!says_something) return std::nullopt;
    std::string text(span.In(text_));
    (spec.kind == ValueKind::kString ? match.value.text : match.value.title) = std::move(text);
    return match;
  }
  size_t start = begin;
  for (size_t at = begin; at <= end; ++at) {
    const bool separator = at < end && words_[at].quotation < 0 &&
                           english::IsIn(english::ListWords(), words_[at].text);
    const bool pause = at > start && at < end && words_[at - 1].pause_after;
    if (at < end && !separator && !pause) continue;
    if (at > start) {
      if (std::optional<Value> item = ReadItem(slot, start, at)) {
        if (match.value.items.size() >= kMaxListItems) return std::nullopt;
        match.value.items.push_back(*std::move(item));
      } else if (spec.item_kind != ValueKind::kString && spec.item_kind != ValueKind::kEntity) {
        match.quality *= 0.7;
      }
    }
    start = separator ? at + 1 : at;
  }
  if (match.value.items.empty()) return std::nullopt;
  return match;
}

}  // namespace intelligenced::resolve

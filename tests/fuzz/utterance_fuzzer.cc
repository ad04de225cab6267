// What people say, or what is passed off as that: numbers, units, durations, dates and times of the
// resolver, and the resolver itself. Whatever is found must be inside of the sentence and of its
// type.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"
#include "services/actions/resolve/dates.h"
#include "services/actions/resolve/numbers.h"
#include "services/actions/resolve/resolver.h"
#include "services/actions/resolve/text.h"
#include "tests/support/actions/resolve_actions.h"

namespace intelligenced::resolve {
namespace {

void Require(bool condition) {
  if (!condition) abort();
}

void CheckWords(std::string_view text, const Words& words) {
  size_t end = 0;
  for (const Word& word : words) {
    Require(word.span.start >= end && word.span.end > word.span.start &&
            word.span.end <= text.size());
    end = word.span.end;
  }
  const Moment moment = TestMoment();
  for (size_t at = 0; at < words.size(); ++at) {
    const size_t left = words.size() - at;
    if (const auto number = MatchNumber(words, at)) {
      Require(number->words >= 1 && number->words <= left && std::isfinite(number->value));
    }
    if (const auto ordinal = MatchOrdinal(words, at)) {
      Require(ordinal->words >= 1 && ordinal->words <= left);
    }
    if (const auto duration = MatchDuration(words, at)) {
      Require(duration->words >= 1 && duration->words <= left);
      Require(duration->duration() < absl::Hours(24 * 366 * 400));
    }
    if (const auto date = MatchDateTime(words, at, moment)) {
      Require(date->words >= 1 && date->words <= left);
    }
  }
}

}  // namespace
}  // namespace intelligenced::resolve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced::resolve;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size <= kMaxUtteranceBytes) CheckWords(text, SplitWords(text));
  static const auto* const index =
      new std::shared_ptr<const ActionIndex>(*ActionIndex::Build(TestActions()));
  const auto resolution =
      Resolve(**index, text,
              {.moment = TestMoment(), .min_confidence = 0, .query = TestEntities, .allowed = {}});
  if (!resolution.ok()) return 0;
  if (resolution->candidates.size() > 3) abort();
  for (const Candidate& candidate : resolution->candidates) {
    if (!(candidate.confidence >= 0 && candidate.confidence <= 1)) abort();
    for (const FilledParameter& filled : candidate.parameters) {
      if (filled.span.end > text.size() || filled.span.start > filled.span.end) abort();
    }
  }
  return 0;
}

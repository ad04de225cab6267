// Regular expressions as grammars: a pattern becomes a deterministic automaton, and that a rule for
// each of its states.
#ifndef INTELLIGENCED_SERVICES_GUIDED_PATTERN_H_
#define INTELLIGENCED_SERVICES_GUIDED_PATTERN_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/guided/grammar_builder.h"

namespace intelligenced {

inline constexpr size_t kMaxPatternBytes = 1024;
// States of the automaton, lengths counted in.
inline constexpr int kMaxPatternStates = 4000;

// A rule for the JSON string, quotation marks included, of the texts that hold a match for
// `pattern` and have from `min_length` to `max_length` characters. Control characters that JSON has
// no short escape for are left out.
//
// The pattern is ECMA 262's, with the u flag: characters, `.`, classes, \d \w \s and their
// opposites, \t \n \r \f \v \0 \xHH \uHHHH \u{H…}, groups, |, ?, *, +, {m}, {m,}, {m,n} (lazy forms
// mean the same), and ^ and $ at the ends of the pattern or of an alternative on its top level.
//
// INVALID_ARGUMENT with a sentence (not a reason): not a pattern, more than this, too many states,
// or no text matches.
absl::StatusOr<GrammarRule> AddPattern(std::string_view pattern, uint32_t min_length,
                                       std::optional<uint32_t> max_length, GrammarBuilder& grammar);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_PATTERN_H_

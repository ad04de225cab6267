// The corrections that are no matter of words: spacing, doubled words, a or an, capitals, decades,
// currency signs. Each detector looks at one sentence and is right almost always or stays silent.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_MECHANICS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_MECHANICS_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/rules.h"
#include "runtime/engines/text/speller.h"
#include "runtime/engines/text/tokens.h"

namespace intelligenced {

struct MechanicsContext {
  std::string_view text;
  absl::Span<const Token> tokens;
  const Lexicon* lexicon;
  Speller* speller;
  // The sentence should begin with a capital: others of the text do, and this one is whole.
  bool capitalize_start = false;
};

void FindMechanicalErrors(const MechanicsContext& context, std::vector<RuleMatch>& matches);

// True for "an", false for "a", nothing when the sound of `token` is not certain.
std::optional<bool> TakesAn(const Token& token, std::string_view written);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_MECHANICS_H_

// Phrase templates: how people say an action, with places for its parameters.
//
//   remind me to {task} {when}
//   (add|put) {item} (on|to) [my|the] {list} list
//
// Words, {parameter}, [what may be left out], (one|or the other); brackets hold words and
// parameters, not brackets. Case and punctuation mean nothing.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_PHRASE_TEMPLATE_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_PHRASE_TEMPLATE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/actions/resolve/types.h"

namespace intelligenced::resolve {

inline constexpr size_t kMaxPhraseBytes = 256;
// Ways to read one phrase's brackets.
inline constexpr size_t kMaxPhraseVariants = 64;

// A word as it is matched, or a place.
struct PhraseElement {
  std::string word = {};  // normalized (text.h); empty: a place
  int parameter = -1;     // index in the action's parameters
};
using PhraseVariant = std::vector<PhraseElement>;

// Every way to read the phrase. FIELD_INVALID with `field`: not UTF-8, control characters, too
// long, brackets that do not match or are inside others, an unknown parameter or one that stands
// twice, no word, a variant without one, more than kMaxPhraseVariants.
absl::StatusOr<std::vector<PhraseVariant>> ParsePhrase(std::string_view phrase,
                                                       const std::vector<std::string>& parameters,
                                                       std::string_view field);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_PHRASE_TEMPLATE_H_

// Checks a grammar before libllama sees it. Its parser and its matcher throw, end the process or
// never come back on grammars that are not what they expect; what passes here is safe there.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GRAMMAR_CHECK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GRAMMAR_CHECK_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace intelligenced {

inline constexpr size_t kMaxGrammarTextBytes = 1 << 20;
// Rules that may have to be entered before a character is read.
inline constexpr int kMaxGrammarDepth = 600;

// A grammar is lines of the form
//   NAME ::= ALTERNATIVE | ALTERNATIVE …
// where an alternative is items between single spaces: "literal", [class], or a NAME. Names are
// lower-case letters and digits; the first rule is root. Characters outside printable ASCII are the
// escapes \xHH, \uHHHH and \UHHHHHHHH; there are \\ and \n too.
//
// FIELD_INVALID ("grammar"): anything else, a name that is not defined or twice, a rule that calls
// itself before it has read a character, that never ends, or that lies deeper than
// kMaxGrammarDepth; more than kMaxGrammarTextBytes. Pure and thread-safe.
absl::Status CheckGrammar(std::string_view grammar);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_GRAMMAR_CHECK_H_

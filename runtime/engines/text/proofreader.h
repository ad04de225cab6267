// Proofreads English, a sentence at a time: rules, mechanics and spelling, until nothing more is
// found. What is protected is never touched.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREADER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREADER_H_

#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"
#include "runtime/engines/text/edited_text.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/rules.h"
#include "runtime/engines/text/speller.h"

namespace intelligenced {

// What the rest of the text tells about a sentence.
struct SentenceContext {
  // The writer begins sentences with capitals and this is a whole one.
  bool capitalize_start = false;
};

// Used by one thread at a time (so is the speller). Keeps pointers to what it is made of.
class Proofreader {
 public:
  Proofreader(const Lexicon* lexicon, const RuleBook* rules, Speller* speller)
      : lexicon_(lexicon), rules_(rules), speller_(speller) {}

  // Edits of `sentence`, sorted, not overlapping, none touching a span of `protected_spans`
  // (sorted, in bytes of `sentence`).
  std::vector<Edit> Check(std::string_view sentence, absl::Span<const ByteSpan> protected_spans,
                          const SentenceContext& context) const;

 private:
  void FindMisspellings(std::string_view text, absl::Span<const Token> tokens,
                        std::vector<RuleMatch>& matches) const;

  const Lexicon* const lexicon_;
  const RuleBook* const rules_;
  Speller* const speller_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREADER_H_

// Rules as data: patterns over the tokens of a sentence, and what to write instead.
//
// A rule book is a text file (data/*.rules). Lines:
//
//   # remark
//   set NAME word word …            a named list of words, used as @NAME
//   @ TYPE CONFIDENCE Explanation.  for the rules that follow; TYPE is a CorrectionType's name
//   PATTERN => REPLACEMENT [/ ALTERNATIVE]… [;; wrong example ;; right example]
//
// The wrong example must be changed by the rule book, the right one must not; a test reads them
// all. A rule without examples must be made of words alone: then its own pattern is the wrong
// example and its own replacement the right one.
//
// PATTERN is elements with blanks between:
//   word     that word in any case; `=word` in exactly this writing; , . - … are words too
//   a|b      one of several; @NAME one of a set
//   {go}     any form of the verb; {go:base,past} only these (base third past participle ing)
//   <use>    a word used so: verb noun singular plural adj adv past participle third ing number
//            ordinal clock (3am) cap (capitalised) word any (any token); several as <verb+noun>:
//            all of them
//   x!y      x but not y; without x: anything but y, also the edge of the sentence
//   x?       may be missing
//   ^ $      the start and the end of the sentence (closing marks do not count)
//   [ … ]    what is replaced (elements are glued to the brackets: [to be]); without brackets the
//            whole. `[]` is a place between two elements where something is missing.
// REPLACEMENT is words; `-` alone deletes; `$2` is the text of the second element, `$2:past`,
// `$2:base`, …, `$2:plural`, `$2:singular`, `$2:possessive` a form of it; `{rise}` is that verb in
// the form of the first element in the brackets that is a verb. Its case follows what it replaces.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/byte_span.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/tokens.h"

namespace intelligenced {

struct RuleExamples {
  int line = 0;
  std::string wrong = {};
  std::string right = {};
  // The replacement that `wrong` stands for when the rule has no written examples.
  std::string corrected = {};
};

struct RuleMatch {
  // In bytes of the sentence. start == end: an insertion.
  ByteSpan span = {};
  std::string replacement = {};
  std::vector<std::string> alternatives = {};
  ::intelligence::engine::v1::CorrectionType type;
  double confidence = 0;
  std::string_view explanation;  // lives as long as the rule book
  int line = 0;
};

// Immutable, thread-safe. Keeps pointers to the lexicon, which must outlive it.
class RuleBook {
 public:
  // INTERNAL (ENGINE_FAILURE) with the line for a book that does not parse.
  static absl::StatusOr<RuleBook> Parse(std::string_view source, const Lexicon* lexicon);

  // Every place where a rule fires, in no particular order; matches may overlap. `tokens` are those
  // of `text`.
  void FindMatches(std::string_view text, absl::Span<const Token> tokens,
                   std::vector<RuleMatch>& matches) const;

  const std::vector<RuleExamples>& examples() const { return examples_; }
  size_t size() const { return rules_.size(); }

 private:
  friend class RuleParser;

  enum class Atom : unsigned char { kWord, kExact, kUse, kStart, kEnd };
  struct Term {
    Atom atom;
    std::string word;
    unsigned use = 0;  // kUse: bits of UseClass, all required
  };
  struct Element {
    std::vector<Term> include;  // empty: anything
    std::vector<Term> exclude;
    bool optional = false;
  };
  struct Piece {
    enum class Kind { kText, kCopy, kVerb } kind = Kind::kText;
    std::string text;    // kText, and the base for kVerb
    size_t element = 0;  // kCopy: which element, from 0
    std::string form;    // kCopy
  };
  struct Rule {
    std::vector<Element> elements = {};
    std::vector<size_t> original = {};  // of each element: its place in the written pattern
    size_t written_elements = 0;
    size_t edit_begin = 0;  // elements [edit_begin, edit_end) are replaced
    size_t edit_end = 0;
    std::vector<std::vector<Piece>> replacements = {};
    int heading = 0;
    int line = 0;
  };
  struct Heading {
    ::intelligence::engine::v1::CorrectionType type;
    double confidence = 0;
    std::string explanation;
  };
  struct Anchor {
    size_t rule;
    size_t offset;
  };

  explicit RuleBook(const Lexicon* lexicon) : lexicon_(lexicon) {}
  unsigned UsesOf(const Token& token) const;
  bool TermMatches(const Term& term, absl::Span<const Token> tokens, ptrdiff_t index,
                   size_t end) const;
  bool ElementMatches(const Element& element, absl::Span<const Token> tokens, ptrdiff_t index,
                      size_t end) const;
  void TryRule(const Rule& rule, ptrdiff_t first, std::string_view text,
               absl::Span<const Token> tokens, size_t end, std::vector<RuleMatch>& matches) const;
  std::string Render(const Rule& rule, const std::vector<Piece>& pieces, ptrdiff_t first,
                     std::string_view text, absl::Span<const Token> tokens) const;

  const Lexicon* lexicon_;
  std::vector<Heading> headings_;
  std::vector<Rule> rules_;
  std::vector<RuleExamples> examples_;
  absl::flat_hash_map<std::string, std::vector<Anchor>> anchors_;
  std::vector<size_t> unanchored_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULES_H_

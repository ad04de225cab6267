// Writes grammars for the engines: a small part of llama.cpp's GBNF that cannot go wrong there.
//
// The dialect, which runtime/engines/llama/grammar_check.h checks: one rule a line,
//   NAME ::= ALTERNATIVE | ALTERNATIVE …
// where an alternative is items between single spaces: "literal", [class], or a NAME. Names are
// letters and digits; the first rule is "root". No groups, no repetitions, no comments; characters
// outside printable ASCII are escapes.
#ifndef INTELLIGENCED_SERVICES_GUIDED_GRAMMAR_BUILDER_H_
#define INTELLIGENCED_SERVICES_GUIDED_GRAMMAR_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intelligenced {

// The name of a rule.
using GrammarRule = std::string;
// Items with spaces between them.
using GrammarSequence = std::string;

// Ranges of characters, both ends included, sorted and apart.
using CharacterSet = std::vector<std::pair<char32_t, char32_t>>;

// Not thread-safe.
class GrammarBuilder {
 public:
  // Items. `text` is UTF-8.
  static GrammarSequence Literal(std::string_view text);
  static GrammarSequence Class(const CharacterSet& characters);
  static GrammarSequence Join(std::initializer_list<std::string_view> items);

  // A rule with these alternatives; the same alternatives give the same rule again.
  GrammarRule Add(const std::vector<GrammarSequence>& alternatives);
  // For recursion: a name now, its alternatives later.
  GrammarRule Declare();
  void Define(const GrammarRule& rule, const std::vector<GrammarSequence>& alternatives);

  // `item` from `low` to `high` times, then `end`. For items that are single characters: as few
  // rules as the logarithm of the count, at the price of a few parallel ways to read them.
  GrammarSequence RepeatCharacter(const GrammarSequence& item, uint32_t low, uint32_t high,
                                  const GrammarSequence& end);

  // What stands between the parts of an object or array: nothing, a space, or a line break with up
  // to 20 spaces.
  const GrammarRule& Space();

  // Of the text so far.
  size_t bytes() const { return bytes_; }

  // All rules, `start` as "root" first.
  std::string Text(const GrammarSequence& start) const;

 private:
  // Exactly 64^level items in a row.
  GrammarRule Block(const GrammarSequence& item, int level);
  // From 0 to `count` items, then `end`.
  GrammarSequence UpTo(const GrammarSequence& item, uint32_t count, const GrammarSequence& end);

  std::vector<std::string> bodies_;
  std::map<std::string, GrammarRule> known_;
  GrammarRule space_;
  size_t bytes_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_GRAMMAR_BUILDER_H_

// The syntax of regular expressions: from a pattern's text to a tree, and sets of characters.
#ifndef INTELLIGENCED_SERVICES_GUIDED_PATTERN_TREE_H_
#define INTELLIGENCED_SERVICES_GUIDED_PATTERN_TREE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/guided/grammar_builder.h"

namespace intelligenced {

struct PatternTree {
  enum class Kind { kSet, kSequence, kChoice, kRepeat };
  Kind kind = Kind::kSequence;
  CharacterSet set;                // kSet
  std::vector<PatternTree> parts;  // kRepeat: one
  uint32_t low = 0;
  std::optional<uint32_t> high;  // kRepeat; nothing: without end
};

// The texts that hold a match for `pattern` (pattern.h has the syntax). INVALID_ARGUMENT with the
// end of a sentence that begins "The pattern cannot be used: ".
absl::StatusOr<PatternTree> ParsePattern(std::string_view pattern);

// Sorted, without overlaps and neighbours.
CharacterSet Normalized(CharacterSet set);
CharacterSet Intersection(const CharacterSet& a, const CharacterSet& b);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_PATTERN_TREE_H_

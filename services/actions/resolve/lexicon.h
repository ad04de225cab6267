// Words as numbers, and which phrases mean the same.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_LEXICON_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_LEXICON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/actions/resolve/text.h"

namespace intelligenced::resolve {

inline constexpr uint32_t kNoWord = ~uint32_t{0};

// A phrase of the table of synonyms that stands in a text.
struct ConceptSpan {
  size_t words = 0;
  uint32_t concept_id = 0;
};

// A word that is spelled nearly alike.
struct SimilarWord {
  uint32_t word = kNoWord;
  double likeness = 0;  // from 0 to 1
};

// Not thread-safe while words are added, afterwards it is.
class Lexicon {
 public:
  Lexicon();

  // The number of a word's stem, a new one for a new word.
  uint32_t Add(std::string_view stem);
  // kNoWord for one that was never added.
  uint32_t Find(std::string_view stem) const;
  // Words that were added and are spelled nearly like `stem`, which was not; the likest first, at
  // most 3. Words under 4 letters are like nothing.
  std::vector<SimilarWord> FindSimilar(std::string_view stem) const;

  // The synonyms' phrases that begin with word `at`.
  std::vector<ConceptSpan> ConceptsAt(const Words& words, size_t at) const;

  // How much a word says: 1 for most, less for "the", nearly nothing for "please".
  static double WeightOf(std::string_view word);

  size_t size() const { return stems_.size(); }

 private:
  struct Phrase {
    std::vector<std::string> stems = {};
    uint32_t concept_id = {};
  };

  std::vector<std::string> stems_ = {};
  absl::flat_hash_map<std::string, uint32_t> numbers_ = {};
  // By length, for FindSimilar().
  std::vector<std::vector<uint32_t>> by_length_ = {};
  absl::flat_hash_map<std::string, std::vector<Phrase>> phrases_ = {};  // by first stem
};

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_LEXICON_H_

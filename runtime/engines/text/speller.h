// Spelling: Hunspell's dictionary says what is a word; suggestions are ranked by how likely the
// slip is (neighbouring keys, swapped and doubled letters, sounds) and how common the word. They
// are looked for here and not by Hunspell, whose search takes 20 ms and more for one word.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_SPELLER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_SPELLER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "runtime/engines/text/lexicon.h"

class Hunspell;

namespace intelligenced {

struct Suggestion {
  std::string word;
  // Natural logarithms of likelihood, up to a constant: higher is better.
  double score = 0;
  // How unlikely the slip alone is: about 2 for swapped letters, 4 for a wrong one.
  double slip = 0;
};

// What it costs to type `typed` when `meant` was meant; above 12 for words that are not alike.
double SlipCost(std::string_view meant, std::string_view typed);

// Used by one thread at a time (Hunspell's own rule). Keeps a pointer to the lexicon.
class Speller {
 public:
  // `known_words`: further words that are right, separated by white space. MODEL_LOAD_FAILED when
  // the files are not there or no dictionary comes of them.
  static absl::StatusOr<std::unique_ptr<Speller>> Load(const std::string& affixes,
                                                       const std::string& dictionary,
                                                       std::string_view known_words,
                                                       const Lexicon* lexicon);
  ~Speller();

  // `word` as it is written; apostrophes straight.
  bool Knows(std::string_view word);

  // At most `limit`, best first, lower case unless the word has capitals of its own. A word of more
  // than 40 bytes has no suggestions: it is no slip.
  std::vector<Suggestion> Suggest(std::string_view lower_word, size_t limit);

 private:
  explicit Speller(const Lexicon* lexicon);
  // A word of the dictionary or the lexicon, in names_.
  struct Candidate {
    uint32_t offset;
    uint32_t size;
    uint32_t letters;  // a bit for each of a to z
  };

  void ReadCandidates(const std::string& dictionary);
  void AddCandidate(std::string_view word);
  // Words one edit away, and words with the same first letter some edits away.
  void AddEdits(std::string_view word, absl::flat_hash_set<std::string>& found) const;
  void AddAlike(std::string_view word, absl::flat_hash_set<std::string>& found) const;

  const Lexicon* const lexicon_;
  std::unique_ptr<Hunspell> hunspell_;
  absl::flat_hash_set<std::string> extra_;
  std::string names_;
  std::array<std::vector<Candidate>, 26> candidates_;  // by first letter
  // Texts repeat their words.
  absl::flat_hash_map<std::string, bool> known_;
  absl::flat_hash_map<std::string, std::vector<Suggestion>> suggested_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_SPELLER_H_

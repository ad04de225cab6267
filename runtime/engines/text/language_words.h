// What words say of their language, for texts too short for statistics of a whole text: the
// commonest words of some sixty languages, and how letters follow each other in them.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_WORDS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace intelligenced {

// Immutable after construction and thread-safe.
class LanguageWords {
 public:
  // `lists`: lines "code: word word …", as data/languages.txt; '#' begins a remark.
  explicit LanguageWords(std::string_view lists);

  // BCP-47, in the order of the lists.
  const std::vector<std::string>& languages() const { return languages_; }

  // The logarithm of how likely each language is to have such words, in the order of languages();
  // only differences mean anything. Words are of lower-case letters.
  std::vector<double> Score(absl::Span<const std::u32string> words) const;

 private:
  struct Count {
    uint16_t language;
    uint16_t count;
  };
  // What is known of letters that follow each other, by language.
  absl::Span<const Count> CountsOf(char32_t first, char32_t second, char32_t third) const;
  // Of one word, by language.
  void ScoreWord(const std::u32string& word, std::vector<double>& scores) const;

  std::vector<std::string> languages_;
  std::vector<double> list_sizes_;
  // Bit i: the word is in list i.
  absl::flat_hash_map<std::u32string, uint64_t> words_;
  // By up to three letters that follow each other; 0 in a place: shorter. Parts of counts_.
  absl::flat_hash_map<uint64_t, std::pair<uint32_t, uint32_t>> places_;
  std::vector<Count> counts_;
};

// The lists that the worker carries.
std::string_view BuiltInLanguageWords();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_WORDS_H_

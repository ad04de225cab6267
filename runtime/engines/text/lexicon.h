// What the rules know of English words: how common they are, how they are used, and their forms.
//
// Made once per loaded model from the word list (data/words.txt, whose recipe is
// data/build_words.py) and the irregular verbs (data/verbs.txt). Immutable, thread-safe.
// All words are given and returned in lower case with a straight apostrophe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_LEXICON_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_LEXICON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace intelligenced {

// How a word can be used; a set of bits.
using WordUse = uint16_t;
inline constexpr WordUse kUseVerb = 1;         // base form
inline constexpr WordUse kUseNoun = 2;         // singular or plural
inline constexpr WordUse kUseAdjective = 4;    //
inline constexpr WordUse kUsePast = 8;         // past form of a verb
inline constexpr WordUse kUseParticiple = 16;  // past participle
inline constexpr WordUse kUseThird = 32;       // "goes"
inline constexpr WordUse kUseIng = 64;         // "going"
inline constexpr WordUse kUsePlural = 128;     // plural of a noun
inline constexpr WordUse kUseAdverb = 256;     // in -ly

enum class VerbForm { kBase, kThird, kPast, kParticiple, kIng };

class Lexicon {
 public:
  // `words`: lines "word letters"; `verbs`: lines "base past participle". See the data files.
  Lexicon(std::string_view words, std::string_view verbs);

  // The lexicon of the shipped data.
  static Lexicon BuiltIn();

  // 0: not in the list, else 1 to 26; each step is twice as common.
  int Frequency(std::string_view word) const;
  WordUse Uses(std::string_view word) const;

  // The base of a verb's form ("went" -> "go"); empty when `word` is no form of a known verb.
  std::string_view VerbBase(std::string_view word) const;
  // Which form of its verb `word` is; kBase for unknown words.
  VerbForm FormOf(std::string_view word) const;
  // Any verb, known or not, in a form.
  std::string Inflect(std::string_view base, VerbForm form) const;
  // Every distinct form of the verb.
  std::vector<std::string> AllForms(std::string_view base) const;

  std::string Plural(std::string_view noun) const;
  // The singular of a known plural; the word itself otherwise.
  std::string Singular(std::string_view noun) const;

  // Calls `visit(word, frequency)` for every word of the list.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (const auto& [word, entry] : words_) visit(std::string_view(word), entry.frequency);
  }

 private:
  struct Entry {
    int frequency = 0;
    WordUse uses = 0;
  };
  struct Irregular {
    std::vector<std::string> past;
    std::vector<std::string> participle;
  };
  struct FormOfVerb {
    std::string base;
    VerbForm form;
  };

  std::string Suffixed(std::string_view base, std::string_view suffix) const;
  void AddForm(std::string_view form, std::string_view base, VerbForm kind);

  absl::flat_hash_map<std::string, Entry> words_;
  absl::flat_hash_map<std::string, Irregular> irregular_;
  absl::flat_hash_map<std::string, FormOfVerb> verb_forms_;
  absl::flat_hash_map<std::string, std::string> singulars_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_LEXICON_H_

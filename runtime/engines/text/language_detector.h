// Which languages a text is in: its scripts by ICU, CLD2 for each script's part, and what the words
// themselves say, which counts the more the shorter the text.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_DETECTOR_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_DETECTOR_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engines/text/language_words.h"

namespace intelligenced {

struct LanguageGuess {
  // BCP-47 without the script: "de", "zh".
  std::string language;
  // 0 to 1; together at most 1.
  double confidence = 0;
  // ISO 15924: "Latn", "Hant", "Jpan".
  std::string script;
  // Of the text's letters; 0 for one that only competes with another for the same letters.
  double share = 0;
};

struct LanguageGuesses {
  // The likeliest first; none where the text has no letters.
  std::vector<LanguageGuess> guesses;
  // Too little or too mixed to rely on.
  bool unreliable = true;
};

// Immutable and thread-safe.
class LanguageDetector {
 public:
  LanguageDetector() : words_(BuiltInLanguageWords()) {}

  // Of a text above 64 KiB eight pieces are looked at, from its beginning to its end. Valid UTF-8.
  LanguageGuesses Detect(std::string_view text, size_t max_guesses) const;

 private:
  const LanguageWords words_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_DETECTOR_H_

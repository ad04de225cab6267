// Which language a text is in, by CLD2.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace intelligenced {

struct DetectedLanguage {
  // BCP-47; empty when the text does not tell.
  std::string code;
  // The detector is sure and the text is long enough to be.
  bool certain = false;
};

// Looks at the first 16 KiB. `text` must be valid UTF-8. Thread-safe.
DetectedLanguage DetectLanguage(std::string_view text);

// OK when the rules for English may be used on `text`: `requested` says English in one of its
// forms, or it is empty and the text is not certainly something else; `language` then is what to
// report ("en" or the requested form). Else LANGUAGE_UNSUPPORTED with the language in the metadata.
absl::Status RequireEnglish(std::string_view text, std::string_view requested,
                            std::string& language);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_H_

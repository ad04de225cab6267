// A text taken apart by script, and the languages that a script alone tells.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_SCRIPT_PARTS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_SCRIPT_PARTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intelligenced {

// All of a text that is in one script. Han, kana and bopomofo are one part.
struct ScriptPart {
  // ISO 15924: "Latn", "Cyrl", "Hans", "Hant", "Hani", "Jpan", "Kore", …
  std::string script;
  size_t letters = 0;
  // Its words with a space between them, as they stand.
  std::string text;
  // The first of them, at most 16, in lower case.
  std::vector<std::u32string> words;
  // Where the script tells: language and likelihood, together 1. Empty: it does not.
  std::vector<std::pair<std::string, double>> languages;
};

// The largest first. Addresses of the web and of mail are left out where there is anything else.
// Valid UTF-8. Thread-safe.
std::vector<ScriptPart> SplitByScript(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_SCRIPT_PARTS_H_

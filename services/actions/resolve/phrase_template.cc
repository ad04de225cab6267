#include "services/actions/resolve/phrase_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/actions/resolve/text.h"

namespace intelligenced::resolve {
namespace {

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// Words and places of a part without brackets.
absl::StatusOr<PhraseVariant> ReadPlain(std::string_view text,
                                        const std::vector<std::string>& parameters,
                                        std::string_view field) {
  PhraseVariant out;
  auto add_words = [&out](std::string_view words) {
    for (Word& word : SplitWords(words)) out.push_back({.word = std::move(word.text)});
  };
  while (!text.empty()) {
    const size_t open = text.find_first_of("{}");
    add_words(text.substr(0, open));
    if (open == std::string_view::npos) break;
    const size_t close = text.find_first_of("{}", open + 1);
    if (text[open] == '}' || close == std::string_view::npos || text[close] == '{') {
      return FieldError(field, "The braces of the phrase do not match.");
    }
    const std::string_view name = text.substr(open + 1, close - open - 1);
    const auto found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) {
      return FieldError(field, "The phrase names a parameter that the action does not have.");
    }
    out.push_back({.word = {}, .parameter = static_cast<int>(found - parameters.begin())});
    text.remove_prefix(close + 1);
  }
  return out;
}

absl::Status CheckVariant(const PhraseVariant& variant, std::string_view field) {
  bool word = false;
  std::vector<int> seen;
  for (const PhraseElement& element : variant) {
    if (element.parameter < 0) {
      word = true;
    } else if (std::find(seen.begin(), seen.end(), element.parameter) != seen.end()) {
      return FieldError(field, "A parameter can stand only once in a phrase.");
    } else {
      seen.push_back(element.parameter);
    }
  }
  if (!word) return FieldError(field, "A phrase needs at least one word that is always said.");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PhraseVariant>> ParsePhrase(std::string_view phrase,
                                                       const std::vector<std::string>& parameters,
                                                       std::string_view field) {
  if (phrase.size() > kMaxPhraseBytes) {
    return FieldError(field,
                      absl::StrCat("The phrase is longer than ", kMaxPhraseBytes, " bytes."));
  }
  if (!IsValidUtf8(phrase) || HasControl(phrase)) {
    return FieldError(field, "The phrase holds control characters or is not UTF-8.");
  }
  std::vector<PhraseVariant> variants(1);
  while (!phrase.empty()) {
    // Braces belong to the plain parts.
    const size_t bracket = phrase.find_first_of("[]()|");
    std::vector<std::string_view> choices = {phrase.substr(0, bracket)};
    bool optional = false;
    size_t taken = std::min(bracket, phrase.size());
    if (bracket == 0) {
      const char begin = phrase[0];
      if (begin != '[' && begin != '(') {
        return FieldError(field, "The brackets of the phrase do not match.");
      }
      const size_t close = phrase.find_first_of("[]()", 1);
      if (close == std::string_view::npos || phrase[close] != (begin == '[' ? ']' : ')')) {
        return FieldError(field, "The brackets of the phrase do not match, or hold others.");
      }
      choices = absl::StrSplit(phrase.substr(1, close - 1), '|');
      optional = begin == '[';
      taken = close + 1;
    }
    std::vector<PhraseVariant> parts;
    for (const std::string_view choice : choices) {
      absl::StatusOr<PhraseVariant> part = ReadPlain(choice, parameters, field);
      if (!part.ok()) return part.status();
      parts.push_back(*std::move(part));
    }
    if (optional) parts.emplace_back();
    if (variants.size() * parts.size() > kMaxPhraseVariants) {
      return FieldError(field, absl::StrCat("The brackets of the phrase can be read in more than ",
                                            kMaxPhraseVariants, " ways."));
    }
    std::vector<PhraseVariant> longer;
    for (const PhraseVariant& variant : variants) {
      for (const PhraseVariant& part : parts) {
        PhraseVariant joined = variant;
        joined.insert(joined.end(), part.begin(), part.end());
        longer.push_back(std::move(joined));
      }
    }
    variants = std::move(longer);
    phrase.remove_prefix(taken);
  }
  for (const PhraseVariant& variant : variants) {
    if (absl::Status status = CheckVariant(variant, field); !status.ok()) return status;
  }
  return variants;
}

}  // namespace intelligenced::resolve

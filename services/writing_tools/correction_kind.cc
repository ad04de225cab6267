#include "services/writing_tools/correction_kind.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using intelligence::v1::CORRECTION_TYPE_CAPITALIZATION;
using intelligence::v1::CORRECTION_TYPE_GRAMMAR;
using intelligence::v1::CORRECTION_TYPE_PUNCTUATION;
using intelligence::v1::CORRECTION_TYPE_SPELLING;

// Words that are right somewhere else: taking one for another is no slip of spelling.
constexpr std::array kFunctionWords = {
    "a",       "an",     "the",   "am",     "is",     "are",    "was",     "were",   "be",
    "been",    "being",  "do",    "does",   "did",    "done",   "has",     "have",   "had",
    "will",    "would",  "can",   "could",  "shall",  "should", "may",     "might",  "must",
    "i",       "me",     "my",    "mine",   "you",    "your",   "yours",   "he",     "him",
    "his",     "she",    "her",   "hers",   "it",     "its",    "it's",    "we",     "us",
    "our",     "ours",   "they",  "them",   "their",  "there",  "they're", "theirs", "you're",
    "this",    "that",   "these", "those",  "who",    "whom",   "whose",   "who's",  "which",
    "what",    "in",     "on",    "at",     "to",     "too",    "two",     "of",     "off",
    "for",     "from",   "by",    "with",   "as",     "than",   "then",    "if",     "or",
    "and",     "but",    "nor",   "not",    "no",     "know",   "now",     "much",   "many",
    "less",    "fewer",  "good",  "well",   "go",     "goes",   "went",    "gone",   "come",
    "came",    "see",    "saw",   "seen",   "take",   "took",   "taken",   "write",  "wrote",
    "written", "loose",  "lose",  "affect", "effect", "passed", "past",    "accept", "except",
    "advice",  "advise",
};

bool IsFunctionWord(std::string_view word) {
  return std::find(kFunctionWords.begin(), kFunctionWords.end(), word) != kFunctionWords.end();
}

// Letters and digits in lower case, everything else left out.
std::string Letters(std::string_view text) {
  std::string letters;
  for (size_t at = 0; at < text.size();) {
    const char32_t character = DecodeChar(text, at);
    if (IsLetter(character) || IsDigit(character)) AppendChar(ToLower(character), letters);
  }
  return letters;
}

std::string_view Trim(std::string_view text) { return absl::StripAsciiWhitespace(text); }

bool IsOneWord(std::string_view text) {
  return !text.empty() && text.find_first_of(" \t\r\n") == std::string_view::npos &&
         !Letters(text).empty();
}

// "walk" and "walked", "city" and "cities": forms of one word.
bool AreForms(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  size_t common = 0;
  while (common < a.size() && a[common] == b[common]) ++common;
  if (common < 2 || common + 2 < a.size()) return false;
  constexpr std::array<std::string_view, 14> kEndings = {
      "", "s", "es", "d", "ed", "ing", "ly", "er", "est", "y", "ies", "ied", "e", "en"};
  const auto is_ending = [&](std::string_view ending) {
    return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
  };
  return is_ending(a.substr(common)) && is_ending(b.substr(common));
}

std::string Quoted(std::string_view text) { return absl::StrCat("\"", text, "\""); }

std::string LastWord(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  return Letters(trimmed.substr(trimmed.find_last_of(" \t\r\n") + 1));
}

}  // namespace

CorrectionKind KindOfCorrection(std::string_view original, std::string_view replacement,
                                std::string_view before) {
  const std::string_view from = Trim(original);
  const std::string_view to = Trim(replacement);
  const std::string from_letters = Letters(from);
  const std::string to_letters = Letters(to);

  if (from_letters.empty() && to_letters.empty()) {
    std::string words = "The spacing is corrected.";
    if (from.empty() && !to.empty()) {
      words = absl::StrCat("The mark ", Quoted(to), " is missing.");
    } else if (!from.empty() && to.empty()) {
      words = absl::StrCat("The mark ", Quoted(from), " is not needed.");
    } else if (!from.empty()) {
      words = absl::StrCat("The mark should be ", Quoted(to), ".");
    }
    return {{CORRECTION_TYPE_PUNCTUATION}, words, 0.8F};
  }
  if (from.empty()) {
    return {{CORRECTION_TYPE_GRAMMAR}, absl::StrCat("The word ", Quoted(to), " is missing."), 0.7F};
  }
  if (to.empty()) {
    const bool repeated =
        LastWord(before.substr(before.size() > 200 ? before.size() - 200 : 0)) == LastWord(from);
    return {{CORRECTION_TYPE_GRAMMAR},
            repeated ? absl::StrCat("The word ", Quoted(from), " is repeated.")
                     : absl::StrCat("The word ", Quoted(from), " is not needed."),
            repeated ? 0.95F : 0.7F};
  }
  if (ToLowerUtf8(from) == ToLowerUtf8(to)) {
    return {{CORRECTION_TYPE_CAPITALIZATION},
            absl::StrCat(Quoted(from), " should be written ", Quoted(to), "."),
            0.9F};
  }
  CorrectionKind kind;
  const bool one_word = IsOneWord(from) && IsOneWord(to);
  if (from_letters == to_letters) {
    const bool same_words =
        std::count(from.begin(), from.end(), ' ') == std::count(to.begin(), to.end(), ' ');
    kind = {{same_words ? CORRECTION_TYPE_PUNCTUATION : CORRECTION_TYPE_SPELLING},
            absl::StrCat(Quoted(from), " should be written ", Quoted(to), "."),
            0.85F};
  } else if (one_word && !(IsFunctionWord(from_letters) && IsFunctionWord(to_letters)) &&
             !AreForms(from_letters, to_letters)) {
    kind = {{CORRECTION_TYPE_SPELLING},
            absl::StrCat(Quoted(from), " should be spelled ", Quoted(to), "."),
            0.85F};
  } else {
    kind = {{CORRECTION_TYPE_GRAMMAR},
            absl::StrCat(Quoted(from), " should be ", Quoted(to), " here."),
            0.7F};
  }
  if (one_word && IsUpper(CharAt(from, 0)) != IsUpper(CharAt(to, 0))) {
    kind.types.push_back(CORRECTION_TYPE_CAPITALIZATION);
  }
  return kind;
}

}  // namespace intelligenced

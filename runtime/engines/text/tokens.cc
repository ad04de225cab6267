#include "runtime/engines/text/tokens.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

// Also what people type instead of an apostrophe.
bool IsApostrophe(char32_t c) {
  return c == '\'' || c == 0x2019 || c == 0x2018 || c == 0xB4 || c == '`' || c == 0xFF07;
}

LetterCase CaseOf(std::string_view word) {
  size_t letters = 0, upper = 0;
  bool first_upper = false;
  for (size_t i = 0; i < word.size();) {
    const char32_t c = DecodeChar(word, i);
    if (!IsLetter(c)) continue;
    if (IsUpper(c)) {
      ++upper;
      if (letters == 0) first_upper = true;
    }
    ++letters;
  }
  if (upper == 0) return LetterCase::kLower;
  if (upper == letters && letters > 1) return LetterCase::kUpper;
  if (upper == 1 && first_upper) return LetterCase::kCapitalized;
  return LetterCase::kMixed;
}

bool IsWordChar(char32_t c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

// The end of the word or number that starts at `i`.
size_t WordEnd(std::string_view text, size_t i, size_t limit) {
  const bool number = IsDigit(CharAt(text, i));
  while (i < limit) {
    const char32_t c = CharAt(text, i);
    const size_t next = NextChar(text, i);
    if (IsWordChar(c)) {
      i = next;
      continue;
    }
    const char32_t after = next < limit ? CharAt(text, next) : 0;
    if (IsApostrophe(c) && IsLetter(after)) {
      i = next;
      continue;
    }
    if (number && (c == '.' || c == ',' || c == ':') && IsDigit(after)) {
      i = next;
      continue;
    }
    break;
  }
  return i;
}

}  // namespace

std::vector<Token> Tokenize(std::string_view text, absl::Span<const ByteSpan> protected_spans) {
  std::vector<Token> tokens;
  auto next_protected = protected_spans.begin();
  bool space = false;
  for (size_t i = 0; i < text.size();) {
    while (next_protected != protected_spans.end() && next_protected->end <= i) ++next_protected;
    Token token;
    token.span.start = i;
    token.space_before = space;
    const size_t limit =
        next_protected == protected_spans.end() ? text.size() : next_protected->start;
    if (next_protected != protected_spans.end() && i >= next_protected->start) {
      token.kind = TokenKind::kOpaque;
      i = std::min(next_protected->end, text.size());
    } else {
      const char32_t c = CharAt(text, i);
      if (IsSpace(c)) {
        space = true;
        i = NextChar(text, i);
        continue;
      }
      const size_t after = NextChar(text, i);
      if (IsLetter(c) || IsDigit(c) || c == '_') {
        i = WordEnd(text, i, limit);
        token.kind = IsDigit(c) ? TokenKind::kNumber : TokenKind::kWord;
        if (text.substr(token.span.start, i - token.span.start).find('_') !=
            std::string_view::npos) {
          token.kind = TokenKind::kOpaque;
        }
      } else if ((c == '@' || c == '#') && after < limit && IsWordChar(CharAt(text, after))) {
        i = WordEnd(text, after, limit);
        token.kind = TokenKind::kOpaque;
      } else {
        i = after;
      }
    }
    token.span.end = i;
    const std::string_view piece = token.span.In(text);
    if (token.kind == TokenKind::kWord || token.kind == TokenKind::kNumber) {
      token.letter_case = CaseOf(piece);
      token.lower.reserve(piece.size());
      for (size_t k = 0; k < piece.size();) {
        const char32_t c = DecodeChar(piece, k);
        AppendChar(IsApostrophe(c) ? U'\'' : ToLower(c), token.lower);
      }
    } else if (token.kind == TokenKind::kMark) {
      token.lower = std::string(piece);
    }
    tokens.push_back(std::move(token));
    space = false;
  }
  return tokens;
}

std::string MatchCase(std::string_view original, std::string replacement) {
  size_t letters = 0, upper = 0, words = 0, capitalized = 0;
  char32_t before = ' ', first = 0;
  for (size_t i = 0; i < original.size();) {
    const char32_t c = DecodeChar(original, i);
    if (IsLetter(c)) {
      if (first == 0) first = c;
      ++letters;
      if (IsUpper(c)) ++upper;
      if (!IsLetter(before) && !IsApostrophe(before)) {
        ++words;
        if (IsUpper(c)) ++capitalized;
      }
    }
    before = c;
  }
  if (letters > 1 && upper == letters) return ToUpperUtf8(replacement);
  if (words > 1 && capitalized == words) {
    std::string result;
    before = ' ';
    for (size_t i = 0; i < replacement.size();) {
      const char32_t c = DecodeChar(replacement, i);
      AppendChar(before == ' ' || before == '-' ? ToUpper(c) : c, result);
      before = c;
    }
    return result;
  }
  if (IsUpper(first)) return CapitalizeUtf8(replacement);
  return replacement;
}

}  // namespace intelligenced

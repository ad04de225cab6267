// A sentence cut into words, numbers and marks, as the rules see it.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_TOKENS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_TOKENS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

enum class TokenKind {
  kWord,    // letters, with apostrophes inside ("don't"); may hold digits after the first letter
  kNumber,  // begins with a digit ("3.50", "3am", "1980's", "2nd")
  kMark,    // one punctuation mark or symbol
  kOpaque,  // protected, or a name of the machine's kind (@who, #42, snake_case): matches nothing
};

enum class LetterCase { kLower, kCapitalized, kUpper, kMixed };

struct Token {
  TokenKind kind = TokenKind::kMark;
  ByteSpan span;
  // Lower case, apostrophes straight. For marks: the mark, with quotes as they are.
  std::string lower;
  LetterCase letter_case = LetterCase::kLower;
  // White space between this token and the one before.
  bool space_before = false;

  bool IsWord() const { return kind == TokenKind::kWord; }
  bool Is(std::string_view text) const { return kind != TokenKind::kOpaque && lower == text; }
};

// `protected_spans` are sorted and do not overlap; each makes one opaque token.
std::vector<Token> Tokenize(std::string_view text, absl::Span<const ByteSpan> protected_spans = {});

// `replacement` written as `original` is: all capitals, a capital first, or as it is.
std::string MatchCase(std::string_view original, std::string replacement);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_TOKENS_H_

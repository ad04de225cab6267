// An utterance as words.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TEXT_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/byte_span.h"

namespace intelligenced::resolve {

struct Word {
  // Where it stands, without the punctuation around it.
  ByteSpan span;
  // In lower case, apostrophes straight, without a final "'s". Addresses and paths stay whole.
  std::string text;
  // `text` without its ending, so that "adding" and "adds" are the same.
  std::string stem;
  // A comma, semicolon, colon or line break stands between it and the next word.
  bool pause_after = false;
  // Which pair of quotation marks it is in, from 0; -1 where in none.
  int quotation = -1;
};

using Words = std::vector<Word>;

// The words of `text`, which may hold anything: white space and control characters part words, a
// byte that is no UTF-8 belongs to its word. O(length).
Words SplitWords(std::string_view text);

std::string Stem(std::string_view word);

// The words of a name or phrase in one string, one space between them: two that read alike are
// equal.
std::string NormalizedPhrase(std::string_view text);
// The same for some words of an utterance.
std::string JoinWords(const Words& words, size_t begin, size_t end);

// From the first byte of word `begin` to the last of the one before `end`, which is behind it.
ByteSpan SpanOf(const Words& words, size_t begin, size_t end);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_TEXT_H_

#include "runtime/engines/apertium/parts.h"

#include <algorithm>

#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using intelligence::engine::v1::KeptSpan;

// Outside of the kept spans.
std::vector<ByteSpan> LongWords(std::string_view text, const std::vector<KeptSpan>& kept) {
  std::vector<ByteSpan> words;
  size_t next_kept = 0;
  size_t start = 0;
  const auto end_word = [&](size_t end) {
    if (end - start >= kLongWordBytes) words.push_back({start, end});
  };
  for (size_t i = 0; i < text.size();) {
    if (next_kept < kept.size() && kept[next_kept].start() <= i) {
      end_word(i);
      i = start = std::max<size_t>(i, kept[next_kept++].end());
      continue;
    }
    const size_t at = i;
    const char32_t c = DecodeChar(text, i);
    if (IsLetter(c) || IsDigit(c)) continue;
    end_word(at);
    start = i;
  }
  end_word(text.size());
  return words;
}

bool IsInsideKept(size_t border, const std::vector<KeptSpan>& kept) {
  const auto next =
      std::lower_bound(kept.begin(), kept.end(), border,
                       [](const KeptSpan& span, size_t at) { return span.end() <= at; });
  return next != kept.end() && next->start() < border;
}

// Signs and white space behind a sentence belong to it, however many there are.
void AddPiece(std::string_view text, ByteSpan span, const std::vector<KeptSpan>& kept,
              std::vector<TextPart>* parts) {
  while (span.size() > kMaxPartBytes) {
    const size_t end = FloorToCharBorder(text, span.start + kMaxPartBytes);
    if (IsInsideKept(end, kept)) break;
    parts->push_back({.span = {span.start, end}, .as_is = false});
    span.start = end;
  }
  parts->push_back({.span = span, .as_is = false});
}

void AddParts(std::string_view text, ByteSpan span, const std::vector<KeptSpan>& kept,
              std::vector<TextPart>* parts) {
  if (span.empty()) return;
  size_t start = span.start;
  if (span.size() > kMaxPartBytes) {
    for (const ByteSpan& piece : SplitIntoParts(span.In(text), kMaxPartBytes)) {
      const size_t end = span.start + piece.end;
      if (end == span.end || IsInsideKept(end, kept)) continue;
      AddPiece(text, {start, end}, kept, parts);
      start = end;
    }
  }
  AddPiece(text, {start, span.end}, kept, parts);
}

}  // namespace

std::vector<TextPart> CutIntoParts(std::string_view text, const std::vector<KeptSpan>& kept) {
  std::vector<TextPart> parts;
  size_t start = 0;
  if (text.size() >= kLongWordBytes) {
    for (const ByteSpan& word : LongWords(text, kept)) {
      AddParts(text, {start, word.start}, kept, &parts);
      parts.push_back({.span = word, .as_is = true});
      start = word.end;
    }
  }
  AddParts(text, {start, text.size()}, kept, &parts);
  return parts;
}

}  // namespace intelligenced

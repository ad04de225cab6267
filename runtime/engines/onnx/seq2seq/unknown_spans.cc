#include "runtime/engines/onnx/seq2seq/unknown_spans.h"

#include <algorithm>
#include <map>

#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

bool IsBlank(std::string_view text, ByteSpan span) {
  for (size_t at = span.start; at < span.end;) {
    if (!IsSpace(DecodeChar(text, at))) return false;
  }
  return true;
}

bool IsWordChar(char32_t c) { return IsLetter(c) || IsDigit(c); }

// The whole word around the letter at `span`.
ByteSpan WordAround(std::string_view text, ByteSpan span) {
  while (span.start > 0 && IsWordChar(CharBefore(text, span.start))) {
    span.start = PrevChar(text, span.start);
  }
  while (span.end < text.size() && IsWordChar(CharAt(text, span.end))) {
    span.end = NextChar(text, span.end);
  }
  return span;
}

}  // namespace

std::vector<ByteSpan> FindUnknownSpans(const engine_proto::TranslateSegment& segment,
                                       absl::FunctionRef<bool(std::string_view)> knows) {
  const std::string_view text = segment.text();
  std::map<char32_t, bool> known;
  std::vector<ByteSpan> found;
  int kept = 0;
  for (size_t at = 0; at < text.size();) {
    ByteSpan span = {at, at};
    const char32_t character = DecodeChar(text, span.end);
    at = span.end;
    if (character < 0x80 || IsSpace(character)) continue;
    const auto [place, added] = known.emplace(character, true);
    if (added) place->second = knows(span.In(text));
    if (place->second) continue;
    if (IsLetter(character)) span = WordAround(text, span);
    while (kept < segment.kept_size() && segment.kept(kept).end() <= span.start) ++kept;
    for (int i = kept; i < segment.kept_size() && segment.kept(i).start() < span.end; ++i) {
      span.start = std::min<size_t>(span.start, segment.kept(i).start());
      span.end = std::max<size_t>(span.end, segment.kept(i).end());
    }
    at = std::max(at, span.end);
    if (!found.empty() &&
        (found.back().end >= span.start || IsBlank(text, {found.back().end, span.start}))) {
      found.back().end = std::max(found.back().end, span.end);
    } else {
      found.push_back(span);
    }
  }
  return found;
}

}  // namespace intelligenced

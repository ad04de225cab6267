#include "runtime/engine/kept_words.h"

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

bool OnBorder(std::string_view text, size_t at) {
  return at == text.size() || (at < text.size() && (text[at] & 0xC0) != 0x80);
}

bool IsWordByte(char c) { return absl::ascii_isalnum(c) || (c & 0x80) != 0; }

// Whether what stands there goes on beyond its ends.
bool InsideWord(std::string_view text, size_t start, size_t end) {
  const bool before = start > 0 && IsWordByte(text[start - 1]) && absl::ascii_isalnum(text[start]);
  const bool after =
      end < text.size() && IsWordByte(text[end]) && absl::ascii_isalnum(text[end - 1]);
  return before || after;
}

std::string_view TextOf(const engine_proto::TranslateSegment& segment,
                        const engine_proto::KeptSpan& span) {
  return std::string_view(segment.text()).substr(span.start(), span.end() - span.start());
}

}  // namespace

absl::Status CheckKeptSpans(const engine_proto::TranslateSegment& segment) {
  const std::string_view text = segment.text();
  size_t before = 0;
  for (const engine_proto::KeptSpan& span : segment.kept()) {
    if (span.start() < before || span.start() >= span.end() || span.end() > text.size() ||
        !OnBorder(text, span.start()) || !OnBorder(text, span.end())) {
      return FieldError("segments.kept",
                        absl::StrCat("must be sorted parts of the text, apart from each other and "
                                     "not empty; ",
                                     span.start(), " to ", span.end(), " is none."));
    }
    before = span.end();
  }
  return absl::OkStatus();
}

bool MayKeep(const engine_proto::TranslateSegment& segment) {
  for (const engine_proto::KeptSpan& span : segment.kept()) {
    if (span.kind() != engine_proto::KEPT_KIND_WORD) return false;
  }
  return true;
}

std::optional<std::vector<engine_proto::KeptSpan>> FindKept(
    const engine_proto::TranslateSegment& segment, std::string_view translated) {
  std::map<std::string_view, std::vector<size_t>> places;
  std::map<std::string_view, size_t> wanted;
  for (const engine_proto::KeptSpan& span : segment.kept()) ++wanted[TextOf(segment, span)];
  // Longer ones first, so that "%d" is not looked for inside of "%d%%".
  std::vector<bool> taken(translated.size());
  std::multimap<size_t, std::string_view, std::greater<>> by_length;
  for (const auto& [text, count] : wanted) by_length.emplace(text.size(), text);
  for (const auto& [length, text] : by_length) {
    std::vector<size_t>& found = places[text];
    for (size_t at = translated.find(text); at != std::string_view::npos;
         at = translated.find(text, at + 1)) {
      if (taken[at] || taken[at + length - 1] || InsideWord(translated, at, at + length)) continue;
      found.push_back(at);
      for (size_t i = 0; i < length; ++i) taken[at + i] = true;
    }
    if (found.size() != wanted[text]) return std::nullopt;
  }
  std::vector<engine_proto::KeptSpan> spans;
  std::map<std::string_view, size_t> used;
  for (const engine_proto::KeptSpan& span : segment.kept()) {
    const std::string_view text = TextOf(segment, span);
    engine_proto::KeptSpan& kept = spans.emplace_back(span);
    const size_t start = places[text][used[text]++];
    kept.set_start(static_cast<uint32_t>(start));
    kept.set_end(static_cast<uint32_t>(start + text.size()));
  }
  return spans;
}

}  // namespace intelligenced

// Cuts a text into what can be translated by itself, and puts the translation back. Pure.
//
// A segment is a line or paragraph without the white space and the markup around it. To a model it
// is its text with kept spans: bytes that must come back. What lies between segments is copied.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"
#include "services/translation/marks.h"

namespace intelligenced {

// A span of a sentence that is not translated.
struct KeptSpan {
  size_t start = 0;
  size_t end = 0;
  // Stands for a word; else for markup beside the words.
  bool word = false;

  bool operator==(const KeptSpan&) const = default;
};

// Text with spans, sorted and not overlapping.
struct KeptText {
  std::string text;
  std::vector<KeptSpan> kept;

  std::string_view Kept(size_t i) const {
    return std::string_view(text).substr(kept[i].start, kept[i].end - kept[i].start);
  }
};

// What has become of a KeptText.
struct TranslatedText {
  std::string text;
  // Where each span of the source stands, in the source's order.
  std::vector<ByteSpan> kept;
  std::vector<ByteSpan> untranslated;
  std::vector<ByteSpan> truncated;
};

struct Segment {
  // Of the whole text: what the translation takes the place of.
  ByteSpan source;
  KeptText text;
  // Ends of lines that became a space in `text`: where, and what they were.
  struct LineBreak {
    size_t offset;
    std::string bytes;
  };
  std::vector<LineBreak> breaks;
};

// Sorted, not overlapping, each with something to translate. `given` are the caller's ranges.
std::vector<Segment> CutIntoSegments(std::string_view text, TextMarkup markup,
                                     absl::Span<const ByteSpan> given);

// A segment's translation as it stands in the whole text: its lines broken again, about where they
// were, and in HTML what would be markup written as references. Spans move along.
TranslatedText Render(const Segment& segment, TextMarkup markup, TranslatedText translation);

// Whether there is anything to translate outside of the kept spans.
bool HasWords(const KeptText& text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_H_

// From two versions of a text to the smallest set of edits that turns one into the other, word by
// word: how the corrected text that a language model writes becomes corrections with places.
//
// Pure and thread-safe. Time and memory are bounded for any input.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_ALIGNMENT_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_ALIGNMENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// Replaces `range` of the original. An empty range is an insertion.
struct TextEdit {
  ByteSpan range;
  std::string replacement;
  friend bool operator==(const TextEdit&, const TextEdit&) = default;
};

// Sorted, not overlapping, not touching edits on character borders of valid UTF-8; applied to
// `original` they give `revised`. Words are letters, digits and the apostrophes and hyphens between
// them; each mark of punctuation and each run of white space stands alone.
//
// Nothing when more than `max_distance` words would have to go or come: Myers' O(ND) search is
// abandoned there.
inline constexpr int kMaxAlignDistance = 1024;
std::optional<std::vector<TextEdit>> AlignTexts(std::string_view original, std::string_view revised,
                                                int max_distance = kMaxAlignDistance);

// Edits must be as AlignTexts() gives them.
std::string ApplyEdits(std::string_view original, absl::Span<const TextEdit> edits);

// What a proofreader's answer is worth: the edits of `revised` that look like corrections. Nothing
// at all when the answer is another text (more than half of the characters differ, or much longer);
// no edit that drops or adds more than kMaxEditWords words at once, because that is no correction;
// none that touches one of `protected_spans` (sorted, not overlapping, in bytes of `original`).
// `places`, where given, gets the range of `revised` that each edit stands for.
inline constexpr int kMaxEditWords = 8;
std::vector<TextEdit> CorrectionsOf(std::string_view original, std::string_view revised,
                                    absl::Span<const ByteSpan> protected_spans,
                                    std::vector<ByteSpan>* places = nullptr);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_ALIGNMENT_H_

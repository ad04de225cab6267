// How long texts become jobs: parts at paragraph and sentence borders that fit a model's context.
// Pure and thread-safe.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_TEXT_PARTS_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_TEXT_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// Taken for the context of a model that has not been loaded yet and does not say.
inline constexpr uint32_t kAssumedContextTokens = 2048;

// Parts shorter than this are not split again: a model that cannot take them cannot be used.
inline constexpr size_t kMinPartBytes = 96;

// More tokens than any common tokenizer makes of the text, without asking one: a token for every
// three bytes of ASCII and for every one and a half of anything else.
uint32_t EstimateTokens(std::string_view text);

// How many bytes of `text` a part may have so that the prompt (of `prompt_tokens`), the part and an
// answer of `answer_ratio` times its length fit into the context; at most `most_bytes`, at least
// kMinPartBytes.
size_t PartBytes(std::string_view text, uint32_t context_tokens, uint32_t prompt_tokens,
                 double answer_ratio, size_t most_bytes);

// Parts that tile `span` of `text`, each at most about `max_bytes`.
std::vector<ByteSpan> SplitSpan(std::string_view text, ByteSpan span, size_t max_bytes);

// Two or more parts of `span`; empty when it is too short to be split (kMinPartBytes).
std::vector<ByteSpan> Halve(std::string_view text, ByteSpan span);

// What of `spans` (sorted, not overlapping) lies in `part`, in offsets from its start.
std::vector<ByteSpan> SpansWithin(absl::Span<const ByteSpan> spans, ByteSpan part);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_TEXT_PARTS_H_

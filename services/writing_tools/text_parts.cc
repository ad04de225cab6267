#include "services/writing_tools/text_parts.h"

#include <algorithm>

#include "runtime/base/sentences.h"

namespace intelligenced {

uint32_t EstimateTokens(std::string_view text) {
  const auto ascii = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0x80) == 0; }));
  const size_t other = text.size() - ascii;
  return static_cast<uint32_t>((ascii + 2) / 3 + (2 * other + 2) / 3);
}

size_t PartBytes(std::string_view text, uint32_t context_tokens, uint32_t prompt_tokens,
                 double answer_ratio, size_t most_bytes) {
  const uint32_t room = context_tokens > prompt_tokens ? context_tokens - prompt_tokens : 0;
  const double part_tokens = static_cast<double>(room) / (1.0 + answer_ratio);
  const double bytes_per_token =
      text.empty() ? 3.0 : static_cast<double>(text.size()) / std::max(1U, EstimateTokens(text));
  return std::clamp(static_cast<size_t>(part_tokens * bytes_per_token), kMinPartBytes,
                    std::max(kMinPartBytes, most_bytes));
}

std::vector<ByteSpan> SplitSpan(std::string_view text, ByteSpan span, size_t max_bytes) {
  std::vector<ByteSpan> parts = SplitIntoParts(span.In(text), max_bytes);
  for (ByteSpan& part : parts) {
    part.start += span.start;
    part.end += span.start;
  }
  return parts;
}

std::vector<ByteSpan> Halve(std::string_view text, ByteSpan span) {
  if (span.size() <= kMinPartBytes) return {};
  for (size_t size = (span.size() + 1) / 2; size >= kMinPartBytes / 2; size /= 2) {
    std::vector<ByteSpan> parts = SplitSpan(text, span, size);
    if (parts.size() > 1) return parts;
  }
  return {};
}

std::vector<ByteSpan> SpansWithin(absl::Span<const ByteSpan> spans, ByteSpan part) {
  std::vector<ByteSpan> within;
  auto it = std::lower_bound(spans.begin(), spans.end(), part.start,
                             [](const ByteSpan& span, size_t start) { return span.end <= start; });
  for (; it != spans.end() && it->start < part.end; ++it) {
    const ByteSpan inner{std::max(it->start, part.start) - part.start,
                         std::min(it->end, part.end) - part.start};
    if (!inner.empty()) within.push_back(inner);
  }
  return within;
}

}  // namespace intelligenced

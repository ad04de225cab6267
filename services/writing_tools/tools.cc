#include "services/writing_tools/tools.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "runtime/base/protected_spans.h"

namespace intelligenced {

std::vector<ByteSpan> ProtectedSpansOf(
    std::string_view text,
    const google::protobuf::RepeatedPtrField<intelligence::v1::TextRange>& ranges,
    bool quotations) {
  std::vector<ByteSpan> spans = FindProtectedSpans(text, {.quotations = quotations});
  for (const intelligence::v1::TextRange& range : ranges) {
    spans.push_back({range.start(), range.end()});
  }
  return MergeSpans(std::move(spans));
}

void SetProtectedRanges(const std::vector<ByteSpan>& spans,
                        google::protobuf::RepeatedPtrField<engine_proto::ByteRange>* ranges) {
  for (const ByteSpan& span : spans) {
    engine_proto::ByteRange* range = ranges->Add();
    range->set_start(static_cast<uint32_t>(span.start));
    range->set_end(static_cast<uint32_t>(span.end));
  }
}

bool CoveredBy(const std::vector<ByteSpan>& spans, ByteSpan span) {
  const auto it =
      std::upper_bound(spans.begin(), spans.end(), span.start,
                       [](size_t start, const ByteSpan& other) { return start < other.end; });
  return it != spans.end() && it->start <= span.start && span.end <= it->end;
}

}  // namespace intelligenced

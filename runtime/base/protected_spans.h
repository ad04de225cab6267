// Finds what no writing tool may change: code, addresses, paths, markup and, where wished,
// quotations.
//
// Answers are sorted, non-empty and do not overlap or touch. Time is linear in the text, also for
// hostile input. Pure and thread-safe. Works on bytes; spans end on character borders of valid
// UTF-8.
#ifndef INTELLIGENCED_RUNTIME_BASE_PROTECTED_SPANS_H_
#define INTELLIGENCED_RUNTIME_BASE_PROTECTED_SPANS_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

struct ProtectedSpanOptions {
  // Also what stands in "…", “…”, «…» or „…“, with the marks, inside one paragraph.
  bool quotations = false;
};

// Fenced code blocks (``` and ~~~; an unclosed one reaches to the end), code spans inside one
// paragraph, HTML tags and comments, URLs (with a scheme, or beginning with "www."), e-mail
// addresses, file paths and names ("/etc/hosts", "./a/b", "C:\x", "src/main.cc", "notes.txt"), and
// the target of a Markdown link.
std::vector<ByteSpan> FindProtectedSpans(std::string_view text,
                                         const ProtectedSpanOptions& options = {});

// Joins spans in any order into sorted ones that neither overlap nor touch; drops empty ones.
std::vector<ByteSpan> MergeSpans(std::vector<ByteSpan> spans);

// True when a span of `spans` (sorted, not overlapping) overlaps `range`; an empty range overlaps a
// span that it lies strictly inside of.
bool OverlapsAny(absl::Span<const ByteSpan> spans, ByteSpan range);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_PROTECTED_SPANS_H_

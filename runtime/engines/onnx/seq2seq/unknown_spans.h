// Parts of a segment that a vocabulary has no pieces for: a network would drop them. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_UNKNOWN_SPANS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_UNKNOWN_SPANS_H_

#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "runtime/base/byte_span.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// Sorted, apart, on character borders. `knows` is asked once for each different character beyond
// ASCII, which every vocabulary is taken to know. An unknown letter takes its word with it, and a
// kept span that has one is unknown as a whole; what stands with nothing but white space between
// is one span, without the white space around it.
std::vector<ByteSpan> FindUnknownSpans(const engine_proto::TranslateSegment& segment,
                                       absl::FunctionRef<bool(std::string_view)> knows);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_UNKNOWN_SPANS_H_

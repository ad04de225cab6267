// Words' labels to spans of names.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_LABEL_SPANS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_LABEL_SPANS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

struct LabelledWord {
  ByteSpan span;
  // As the model has it: "B-PER", "I-PER", "E-PER", "S-PER", "O", or "PER" without a position.
  std::string_view label;
  double confidence = 0;
};

struct LabelledSpan {
  ByteSpan span;
  // Without its position.
  std::string label;
  // The mean of its words'.
  double confidence = 0;
};

// Words in the order of the text. A name begins with B or S, or where I, E or a bare label has no
// name of that kind before it. Pure.
std::vector<LabelledSpan> MergeLabels(absl::Span<const LabelledWord> words);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_LABEL_SPANS_H_

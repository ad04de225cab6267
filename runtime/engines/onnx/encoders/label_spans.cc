#include "runtime/engines/onnx/encoders/label_spans.h"

#include <cstddef>

namespace intelligenced {
namespace {

struct Label {
  // 'B', 'I', 'E' (the last of several), 'S' (single), or 0 where the model has no positions.
  char position = 0;
  // Empty: no name.
  std::string_view kind;
};

Label Parse(std::string_view label) {
  if (label == "O" || label.empty()) return {};
  if (label.size() > 2 && (label[1] == '-' || label[1] == '_')) {
    switch (label[0]) {
      case 'B':
      case 'I':
      case 'E':
      case 'S':
        return {label[0], label.substr(2)};
      case 'L':
        return {'E', label.substr(2)};
      case 'U':
        return {'S', label.substr(2)};
      default:
        break;
    }
  }
  return {0, label};
}

}  // namespace

std::vector<LabelledSpan> MergeLabels(absl::Span<const LabelledWord> words) {
  std::vector<LabelledSpan> spans;
  size_t count = 0;
  bool open = false;
  for (const LabelledWord& word : words) {
    const Label label = Parse(word.label);
    if (label.kind.empty()) {
      open = false;
      continue;
    }
    const bool begins =
        label.position == 'B' || label.position == 'S' || !open || spans.back().label != label.kind;
    if (begins) {
      spans.push_back({word.span, std::string(label.kind), word.confidence});
      count = 1;
    } else {
      LabelledSpan& span = spans.back();
      span.span.end = word.span.end;
      span.confidence = (span.confidence * static_cast<double>(count) + word.confidence) /
                        static_cast<double>(count + 1);
      ++count;
    }
    open = label.position != 'S' && label.position != 'E';
  }
  return spans;
}

}  // namespace intelligenced

// A text under correction: edits made one after another on what the earlier ones left, kept as
// edits of the original.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_EDITED_TEXT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_EDITED_TEXT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

struct Edit {
  ByteSpan span;  // in the original
  std::string replacement = {};
  std::vector<std::string> alternatives = {};
  std::vector<::intelligence::engine::v1::CorrectionType> types = {};  // without repetition
  std::string explanation = {};
  double confidence = 0;
  // Line of the rule in the rule book; 0 for what no rule found. For people who write rules.
  int line = 0;
};

class EditedText {
 public:
  explicit EditedText(std::string original) : original_(std::move(original)), current_(original_) {}

  const std::string& original() const { return original_; }
  const std::string& current() const { return current_; }
  // Sorted by place; neither overlapping nor empty.
  const std::vector<Edit>& edits() const { return edits_; }

  // `change.span` is in current(). Joins with the earlier edits that it touches the inside of: the
  // result is one edit with the types of all and the explanation of the latest.
  void Apply(Edit change);

  // Where a span of the original that no edit touches now lies.
  ByteSpan ToCurrent(ByteSpan span) const;

 private:
  void Rebuild();

  const std::string original_;
  std::string current_;
  std::vector<Edit> edits_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_EDITED_TEXT_H_

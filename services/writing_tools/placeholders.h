// Keeps protected parts of a text out of a language model's hands: each is replaced by a short mark
// that the model is asked to copy, and put back afterwards.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_PLACEHOLDERS_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_PLACEHOLDERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

// Pure and thread-safe once made.
class Placeholders {
 public:
  // `spans` are sorted, do not overlap, and lie in `text`.
  Placeholders(std::string_view text, absl::Span<const ByteSpan> spans);

  // The text with marks.
  const std::string& masked() const { return masked_; }
  bool empty() const { return originals_.empty(); }

  // The answer with the protected parts in the marks' places. Nothing when a mark is missing or
  // came more than once: then the answer cannot be used.
  std::optional<std::string> Restore(std::string_view answer) const;

 private:
  std::string Mark(size_t index) const;

  // Brackets that the text does not have.
  std::string open_;
  std::string close_;
  std::string masked_;
  std::vector<std::string> originals_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_PLACEHOLDERS_H_

// Proofreading of a whole text: cuts it into sentences and knows what they have in common.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREAD_TASK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREAD_TASK_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/byte_span.h"
#include "runtime/engines/text/edited_text.h"
#include "runtime/engines/text/proofreader.h"

namespace intelligenced {

// Goes through a text a sentence at a time. The text and the proofreader must outlive it.
class ProofreadRun {
 public:
  // `protected_spans`: sorted, not overlapping. `context`: what the text before this one said.
  ProofreadRun(const Proofreader* proofreader, std::string_view text,
               std::vector<ByteSpan> protected_spans, const SentenceContext& context = {});

  bool done() const { return next_ >= text_.size(); }
  size_t position() const { return next_; }
  // What the next text of the same writer should know.
  SentenceContext context() const { return {.capitalize_start = writer_capitalizes_}; }

  // Checks the next sentence and adds its edits, in bytes of the text.
  void Advance(std::vector<Edit>& edits);

 private:
  const Proofreader* const proofreader_;
  const std::string_view text_;
  const std::vector<ByteSpan> protected_;
  size_t next_protected_ = 0;
  size_t next_ = 0;
  // The last sentence ended with a stop and began with a capital.
  bool writer_capitalizes_ = false;
};

// All of it at once.
std::vector<Edit> ProofreadWhole(const Proofreader& proofreader, std::string_view text,
                                 std::vector<ByteSpan> protected_spans);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_PROOFREAD_TASK_H_

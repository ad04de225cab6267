#include "runtime/engines/text/proofread_task.h"

#include <algorithm>
#include <utility>

#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

// A rule's view reaches over a sentence; longer ones are lists or tables, not prose.
constexpr size_t kLongestSentence = 2048;

bool EndsWithStop(std::string_view sentence) {
  while (!sentence.empty()) {
    const char last = sentence.back();
    if (last == '.' || last == '!' || last == '?') return true;
    if (last != '"' && last != ')' && last != '\'' && last != '*') return false;
    sentence.remove_suffix(1);
  }
  return false;
}

}  // namespace

ProofreadRun::ProofreadRun(const Proofreader* proofreader, std::string_view text,
                           std::vector<ByteSpan> protected_spans, const SentenceContext& context)
    : proofreader_(proofreader),
      text_(text),
      protected_(std::move(protected_spans)),
      writer_capitalizes_(context.capitalize_start) {}

void ProofreadRun::Advance(std::vector<Edit>& edits) {
  const ByteSpan whole = {next_, SentenceEnd(text_, next_, kLongestSentence)};
  next_ = whole.end;
  ByteSpan span = TrimSpan(text_, whole);
  if (span.empty()) return;
  const bool line_start = span.start == 0 || text_[span.start - 1] == '\n';
  if (line_start) span.start += std::min(LineMarkerLength(text_, span.start), span.size());
  while (next_protected_ < protected_.size() && protected_[next_protected_].end <= span.start) {
    ++next_protected_;
  }
  std::vector<ByteSpan> inside;
  for (size_t i = next_protected_; i < protected_.size() && protected_[i].start < span.end; ++i) {
    inside.push_back({std::max(protected_[i].start, span.start) - span.start,
                      std::min(protected_[i].end, span.end) - span.start});
  }
  const std::string_view sentence = span.In(text_);
  const bool stop = EndsWithStop(sentence);
  const SentenceContext context = {.capitalize_start = writer_capitalizes_ && stop};
  for (Edit& edit : proofreader_->Check(sentence, inside, context)) {
    edit.span.start += span.start;
    edit.span.end += span.start;
    edits.push_back(std::move(edit));
  }
  // An exclamation often goes on in small letters ("No! the other").
  const bool exclaims = stop && sentence.find_last_of('!') + 2 >= sentence.size();
  if (stop)
    writer_capitalizes_ = !exclaims && (IsUpper(CharAt(sentence, 0)) || context.capitalize_start);
}

std::vector<Edit> ProofreadWhole(const Proofreader& proofreader, std::string_view text,
                                 std::vector<ByteSpan> protected_spans) {
  ProofreadRun run(&proofreader, text, std::move(protected_spans));
  std::vector<Edit> edits;
  while (!run.done()) run.Advance(edits);
  return edits;
}

}  // namespace intelligenced

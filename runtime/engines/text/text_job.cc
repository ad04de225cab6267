#include "runtime/engines/text/text_job.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/language.h"
#include "runtime/engines/text/proofread_task.h"
#include "runtime/engines/text/summarizer.h"

namespace intelligenced {
namespace {

// A unit takes as many sentences as come to about this many bytes.
constexpr size_t kUnitBytes = 512;
// A paragraph is searched for code and addresses at once; one longer than this in pieces, so that
// no unit takes long.
constexpr size_t kBlockBytes = 256 * 1024;

absl::Status CheckText(const std::string& text) {
  if (text.empty()) return FieldError("text", "The text is empty.");
  if (const size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos) {
    return FieldError("text", absl::StrCat("The text is not valid UTF-8 at byte ", bad, "."));
  }
  return absl::OkStatus();
}

template <typename Ranges>
absl::StatusOr<std::vector<ByteSpan>> CheckRanges(const std::string& text, const Ranges& ranges) {
  std::vector<ByteSpan> spans;
  for (const engine_proto::ByteRange& range : ranges) {
    const std::string name = absl::StrCat("protected_ranges[", spans.size(), "]");
    if (range.start() > range.end() || range.end() > text.size()) {
      return FieldError(name, "This range does not lie inside the text.");
    }
    if (!IsCharBorder(text, range.start()) || !IsCharBorder(text, range.end())) {
      return FieldError(name, "This range begins or ends inside a character.");
    }
    if (!spans.empty() && range.start() < spans.back().end) {
      return FieldError(name, "The ranges are not sorted or overlap.");
    }
    spans.push_back({range.start(), range.end()});
  }
  return spans;
}

void AddProgress(JobOutput& output, size_t done, size_t total) {
  engine_proto::Progress* progress = output.events.emplace_back().mutable_progress();
  progress->set_done(done);
  progress->set_total(total);
}

void Complete(JobOutput& output) {
  output.events.emplace_back().mutable_completed()->set_finish_reason(
      engine_proto::FINISH_REASON_STOP);
  output.done = true;
}

void Fail(JobOutput& output, absl::Status status) {
  output.status = std::move(status);
  output.done = true;
}

// Goes through a text block by block: whole paragraphs, with what is protected in them.
class Blocks {
 public:
  Blocks(std::string_view text, std::vector<ByteSpan> given)
      : text_(text), given_(std::move(given)) {}

  bool done() const { return next_ >= text_.size(); }
  ByteSpan block() const { return block_; }

  // The spans are in bytes of the block.
  std::vector<ByteSpan> Next() {
    const size_t end =
        ParagraphEnd(text_.substr(0, std::min(text_.size(), next_ + kBlockBytes)), next_);
    block_ = {next_, FloorToCharBorder(text_, end)};
    if (block_.empty()) block_.end = end;
    next_ = block_.end;
    std::vector<ByteSpan> spans = FindProtectedSpans(block_.In(text_));
    while (next_given_ < given_.size() && given_[next_given_].end <= block_.start) ++next_given_;
    for (size_t i = next_given_; i < given_.size() && given_[i].start < block_.end; ++i) {
      spans.push_back({std::max(given_[i].start, block_.start) - block_.start,
                       std::min(given_[i].end, block_.end) - block_.start});
    }
    return MergeSpans(std::move(spans));
  }

 private:
  const std::string_view text_;
  const std::vector<ByteSpan> given_;
  size_t next_given_ = 0;
  size_t next_ = 0;
  ByteSpan block_;
};

class ProofreadJob final : public TextJob {
 public:
  ProofreadJob(const engine_proto::ProofreadTask& task, std::vector<ByteSpan> given,
               CancelToken cancel, const TextTools& tools)
      : TextJob(std::move(cancel)),
        task_(task),
        tools_(tools),
        blocks_(task_.text(), std::move(given)) {}

  void Unit(JobOutput& output) override {
    if (!checked_language_) {
      checked_language_ = true;
      std::string language;
      absl::Status status = RequireEnglish(task_.text(), task_.language(), language);
      if (!status.ok()) return Fail(output, std::move(status));
      result_.set_language(language);
      output.work += 1;
      return;
    }
    const size_t start = position_;
    while (position_ - start < kUnitBytes) {
      if (!run_.has_value() || run_->done()) {
        if (blocks_.done()) break;
        std::vector<ByteSpan> spans = blocks_.Next();
        run_.emplace(tools_.proofreader, blocks_.block().In(task_.text()), std::move(spans),
                     context_);
        if (run_->done()) continue;
      }
      std::vector<Edit> edits;
      run_->Advance(edits);
      context_ = run_->context();
      position_ = blocks_.block().start + run_->position();
      for (Edit& edit : edits) AddCorrection(std::move(edit));
    }
    output.work += static_cast<double>(position_ - start) + 1;
    if (position_ < task_.text().size()) return AddProgress(output, position_, task_.text().size());
    *output.events.emplace_back().mutable_proofread() = std::move(result_);
    Complete(output);
  }

 private:
  void AddCorrection(Edit edit) {
    engine_proto::Correction* correction = result_.add_corrections();
    correction->set_start(static_cast<uint32_t>(blocks_.block().start + edit.span.start));
    correction->set_end(static_cast<uint32_t>(blocks_.block().start + edit.span.end));
    correction->set_replacement(std::move(edit.replacement));
    for (std::string& other : edit.alternatives) {
      correction->add_alternatives(std::move(other));
    }
    for (const auto type : edit.types) correction->add_types(type);
    correction->set_explanation(std::move(edit.explanation));
    correction->set_confidence(static_cast<float>(edit.confidence));
  }

  const engine_proto::ProofreadTask task_;
  const TextTools tools_;
  Blocks blocks_;
  bool checked_language_ = false;
  std::optional<ProofreadRun> run_;
  SentenceContext context_;
  size_t position_ = 0;
  engine_proto::ProofreadResult result_;
};

class RewriteJob final : public TextJob {
 public:
  RewriteJob(const engine_proto::RewriteTask& task, std::vector<ByteSpan> given,
             std::vector<RewriteBook> books, CancelToken cancel, const TextTools& tools)
      : TextJob(std::move(cancel)),
        task_(task),
        tools_(tools),
        books_(std::move(books)),
        blocks_(task_.text(), std::move(given)) {}

  void Unit(JobOutput& output) override {
    const std::string& text = task_.text();
    if (!checked_language_) {
      checked_language_ = true;
      std::string language;
      absl::Status status = RequireEnglish(text, task_.language(), language);
      if (!status.ok()) return Fail(output, std::move(status));
      output.work += 1;
      return;
    }
    const size_t start = position_;
    while (position_ - start < kUnitBytes && position_ < text.size()) {
      const ByteSpan block = blocks_.block();
      if (position_ >= block.end) {
        spans_ = blocks_.Next();
        next_span_ = 0;
        continue;
      }
      const std::string_view content = block.In(text);
      const size_t from = position_ - block.start;
      const size_t to = SentenceEnd(content, from, kLongestSentence);
      while (next_span_ < spans_.size() && spans_[next_span_].end <= from) ++next_span_;
      std::vector<ByteSpan> inside;
      for (size_t i = next_span_; i < spans_.size() && spans_[i].start < to; ++i) {
        inside.push_back(
            {std::max(spans_[i].start, from) - from, std::min(spans_[i].end, to) - from});
      }
      result_ += tools_.rewriter->Rewrite(content.substr(from, to - from), inside, books_);
      position_ = block.start + to;
    }
    output.work += static_cast<double>(position_ - start) + 1;
    if (position_ < text.size()) return AddProgress(output, position_, text.size());
    output.events.emplace_back().set_text(std::move(result_));
    Complete(output);
  }

 private:
  static constexpr size_t kLongestSentence = 4096;

  const engine_proto::RewriteTask task_;
  const TextTools tools_;
  const std::vector<RewriteBook> books_;
  Blocks blocks_;
  std::vector<ByteSpan> spans_;
  size_t next_span_ = 0;
  bool checked_language_ = false;
  size_t position_ = 0;
  std::string result_;
};

class SummarizeJob final : public TextJob {
 public:
  SummarizeJob(const engine_proto::SummarizeTask& task, CancelToken cancel)
      : TextJob(std::move(cancel)), task_(task), run_(&task_) {}

  void Unit(JobOutput& output) override {
    run_.Advance();
    output.work += 1;
    if (!run_.done()) return AddProgress(output, run_.position(), task_.text().size());
    output.events.emplace_back().set_text(run_.result());
    Complete(output);
  }

 private:
  const engine_proto::SummarizeTask task_;
  SummarizeRun run_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TextJob>> MakeTextJob(const engine_proto::Task& task,
                                                     CancelToken cancel, const TextTools& tools) {
  if (task.has_proofread()) {
    const engine_proto::ProofreadTask& proofread = task.proofread();
    if (absl::Status status = CheckText(proofread.text()); !status.ok()) return status;
    auto spans = CheckRanges(proofread.text(), proofread.protected_ranges());
    if (!spans.ok()) return spans.status();
    return std::make_unique<ProofreadJob>(proofread, *std::move(spans), std::move(cancel), tools);
  }
  if (task.has_rewrite()) {
    const engine_proto::RewriteTask& rewrite = task.rewrite();
    if (absl::Status status = CheckText(rewrite.text()); !status.ok()) return status;
    auto spans = CheckRanges(rewrite.text(), rewrite.protected_ranges());
    if (!spans.ok()) return spans.status();
    auto books = BooksForRewrite(rewrite);
    if (!books.ok()) return books.status();
    return std::make_unique<RewriteJob>(rewrite, *std::move(spans), *std::move(books),
                                        std::move(cancel), tools);
  }
  if (task.has_summarize()) {
    if (absl::Status status = CheckText(task.summarize().text()); !status.ok()) return status;
    if (absl::Status status = SummarizeRun::Check(task.summarize()); !status.ok()) return status;
    return std::make_unique<SummarizeJob>(task.summarize(), std::move(cancel));
  }
  return FieldError("task", "The built-in writing rules proofread, rewrite and summarise only.");
}

}  // namespace intelligenced

#include "runtime/engines/apertium/apertium_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr int kMaxSegments = 1024;

absl::Status CheckSegment(const engine_proto::TranslateSegment& segment, int index) {
  const std::string name = absl::StrCat("segments[", index, "]");
  if (const size_t bad = FindInvalidUtf8(segment.text()); bad != std::string_view::npos) {
    return FieldError(name, absl::StrCat("The text is not valid UTF-8 at byte ", bad, "."));
  }
  uint32_t last = 0;
  for (int i = 0; i < segment.kept_size(); ++i) {
    const engine_proto::KeptSpan& span = segment.kept(i);
    const std::string at = absl::StrCat(name, ".kept[", i, "]");
    if (span.start() >= span.end() || span.end() > segment.text().size()) {
      return FieldError(at, "This span is empty or does not lie inside the text.");
    }
    if (span.start() < last) return FieldError(at, "The spans are not sorted or overlap.");
    if (!IsCharBorder(segment.text(), span.start()) || !IsCharBorder(segment.text(), span.end())) {
      return FieldError(at, "This span begins or ends inside a character.");
    }
    last = span.end();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ApertiumJob>> ApertiumJob::Make(
    const engine_proto::TranslateTask& task, const std::vector<TranslationMode>& modes,
    uint64_t owner, CancelToken cancel, std::function<void(uint64_t)> on_end) {
  if (task.segments().empty()) return FieldError("segments", "There is nothing to translate.");
  if (task.segments_size() > kMaxSegments) {
    return FieldError("segments", absl::StrCat("At most ", kMaxSegments, " are allowed."));
  }
  if (task.source_language().empty()) return FieldError("source_language", "It is missing.");
  if (task.target_language().empty()) return FieldError("target_language", "It is missing.");
  for (int i = 0; i < task.segments_size(); ++i) {
    absl::Status status = CheckSegment(task.segments(i), i);
    if (!status.ok()) return status;
  }
  const TranslationMode* mode =
      FindTranslationMode(modes, task.source_language(), task.target_language());
  if (mode == nullptr) {
    return MakeError(
        Reason::kLanguageUnsupported,
        absl::StrCat("No installed Apertium package translates from ", task.source_language(),
                     " to ", task.target_language(), "."),
        {.metadata = {{"source", task.source_language()}, {"target", task.target_language()}},
         .retry_delay = {},
         .field = {}});
  }
  return std::unique_ptr<ApertiumJob>(
      new ApertiumJob(task, mode->name, owner, std::move(cancel), std::move(on_end)));
}

ApertiumJob::ApertiumJob(const engine_proto::TranslateTask& task, std::string mode, uint64_t owner,
                         CancelToken cancel, std::function<void(uint64_t)> on_end)
    : task_(task),
      mode_(std::move(mode)),
      owner_(owner),
      cancel_(std::move(cancel)),
      on_end_(std::move(on_end)) {
  for (const engine_proto::TranslateSegment& segment : task_.segments()) {
    kept_.emplace_back(segment.kept().begin(), segment.kept().end());
    travels_as_.push_back(HasRoomForWords(segment.text()) ? KeptAs::kWords : KeptAs::kBlanks);
  }
}

bool ApertiumJob::NextPiece(Piece* piece, size_t* segment) {
  while (waiting_.empty()) {
    if (next_ >= kept_.size()) return false;
    const size_t index = next_++;
    const std::string& text = task_.segments(static_cast<int>(index)).text();
    // An empty line needs no program.
    if (IsBlankText(text) && kept_[index].empty()) {
      Finish(index, text, {}, {});
    } else {
      waiting_.push_back({index, travels_as_[index], ""});
    }
  }
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  *segment = next.segment;
  if (next.stream.empty()) {
    next.stream = ToStream(task_.segments(static_cast<int>(next.segment)).text(),
                           kept_[next.segment], next.as);
  }
  *piece = {.ticket = 0,
            .owner = owner_,
            .mode = mode_,
            .marked = task_.mark_unknown(),
            .stream = std::move(next.stream),
            .losses = 0};
  return true;
}

void ApertiumJob::GiveBack(Piece piece, size_t segment) {
  waiting_.push_front({segment, travels_as_[segment], std::move(piece.stream)});
}

void ApertiumJob::Accept(size_t segment, PieceResult result) {
  if (!result.status.ok()) {
    ErrorFacts facts = FactsOf(result.status);
    facts.metadata["segment"] = absl::StrCat(segment);
    if (failure_.ok()) {
      failure_ = MakeError(Reason::kEngineFailure, result.status.message(), std::move(facts));
    }
    ++done_;
    return;
  }
  const KeptAs as = travels_as_[segment];
  const std::string& text = task_.segments(static_cast<int>(segment)).text();
  FromStreamResult translated =
      FromStream(result.output.stream, text, kept_[segment], as, task_.mark_unknown());
  if (!translated.complete && as == KeptAs::kWords) {
    // A rule has dropped or changed a stand-in; blanks are never dropped.
    travels_as_[segment] = KeptAs::kBlanks;
    waiting_.push_front({segment, KeptAs::kBlanks, ""});
    return;
  }
  if (!IsValidUtf8(translated.text)) {
    result.status = MakeError(Reason::kEngineFailure, "Apertium wrote what is not UTF-8.");
    return Accept(segment, std::move(result));
  }
  const std::vector<ByteSpan> unknown =
      FindWords(translated.text, UnknownWords(result.output.lexical_units, as));
  Finish(segment, std::move(translated.text), translated.kept, unknown);
}

void ApertiumJob::Finish(size_t segment, std::string text, const std::vector<ByteSpan>& kept,
                         const std::vector<ByteSpan>& untranslated) {
  engine_proto::TranslatedSegment* translated = ready_.emplace_back().mutable_translated();
  translated->set_index(static_cast<uint32_t>(segment));
  translated->set_text(std::move(text));
  for (size_t i = 0; i < kept.size(); ++i) {
    engine_proto::KeptSpan* span = translated->add_kept();
    span->set_start(static_cast<uint32_t>(kept[i].start));
    span->set_end(static_cast<uint32_t>(kept[i].end));
    span->set_kind(kept_[segment][i].kind());
  }
  for (const ByteSpan& span : untranslated) {
    engine_proto::UntranslatedSpan* one = translated->add_untranslated();
    one->set_start(static_cast<uint32_t>(span.start));
    one->set_end(static_cast<uint32_t>(span.end));
  }
  work_ += static_cast<double>(task_.segments(static_cast<int>(segment)).text().size()) + 1;
  ++done_;
}

void ApertiumJob::Collect(JobOutput* output) {
  for (engine_proto::Event& event : ready_) output->events.push_back(std::move(event));
  ready_.clear();
  // Something has always been computed for a job that was stepped, if only a part of a segment.
  output->work = work_ + 1;
  work_ = 0;
  if (!done()) return;
  output->done = true;
  if (!failure_.ok()) {
    output->status = failure_;
  } else {
    output->events.emplace_back().mutable_completed()->set_finish_reason(
        engine_proto::FINISH_REASON_STOP);
  }
}

}  // namespace intelligenced

#include "runtime/engines/apertium/apertium_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/apertium/parts.h"

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
  for (const engine_proto::TranslateSegment& segment : task_.segments()) AddSegment(segment);
}

void ApertiumJob::AddSegment(const engine_proto::TranslateSegment& segment) {
  const std::vector<engine_proto::KeptSpan> kept(segment.kept().begin(), segment.kept().end());
  std::vector<TextPart> cut = CutIntoParts(segment.text(), kept);
  // An empty text is answered as well.
  if (cut.empty()) cut.emplace_back();
  const size_t index = segments_.size();
  segments_.push_back(
      {.first = parts_.size(), .last = parts_.size() + cut.size(), .open = cut.size()});
  size_t next = 0;
  for (const TextPart& one : cut) {
    Part& part = parts_.emplace_back();
    part.segment = index;
    part.source = one.span.In(segment.text());
    part.as_is = one.as_is;
    for (; next < kept.size() && kept[next].end() <= one.span.end; ++next) {
      engine_proto::KeptSpan& span = part.kept.emplace_back(kept[next]);
      span.set_start(static_cast<uint32_t>(span.start() - one.span.start));
      span.set_end(static_cast<uint32_t>(span.end() - one.span.start));
    }
    part.travels_as = HasRoomForWords(part.source) ? KeptAs::kWords : KeptAs::kBlanks;
  }
}

bool ApertiumJob::NextPiece(Piece* piece, size_t* number) {
  while (waiting_.empty()) {
    if (next_ >= parts_.size()) return false;
    const size_t index = next_++;
    Part& part = parts_[index];
    // An empty line needs no program.
    const bool blank = IsBlankText(part.source) && part.kept.empty();
    if (!blank && !part.as_is) {
      waiting_.push_back({index, ""});
      continue;
    }
    std::vector<ByteSpan> untranslated;
    if (part.as_is) untranslated.push_back({0, part.source.size()});
    FinishPart(part, {.text = std::string(part.source), .kept = {}, .complete = true},
               std::move(untranslated));
  }
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  *number = next.part;
  const Part& part = parts_[next.part];
  if (next.stream.empty()) next.stream = ToStream(part.source, part.kept, part.travels_as);
  *piece = {.ticket = 0,
            .owner = owner_,
            .sender = task_.sender(),
            .mode = mode_,
            .marked = task_.mark_unknown(),
            .stream = std::move(next.stream),
            .losses = 0};
  return true;
}

void ApertiumJob::GiveBack(Piece piece, size_t number) {
  waiting_.push_front({number, std::move(piece.stream)});
}

void ApertiumJob::Accept(size_t number, PieceResult result) {
  Part& part = parts_[number];
  if (!result.status.ok()) return FailPart(part, result.status);
  FromStreamResult translated = FromStream(result.output.stream, part.source, part.kept,
                                           part.travels_as, task_.mark_unknown());
  if (!translated.complete && part.travels_as == KeptAs::kWords) {
    // A rule has dropped or changed a stand-in; blanks are never dropped.
    part.travels_as = KeptAs::kBlanks;
    waiting_.push_front({number, ""});
    return;
  }
  if (!IsValidUtf8(translated.text)) {
    return FailPart(part, MakeError(Reason::kEngineFailure, "Apertium wrote what is not UTF-8."));
  }
  std::vector<ByteSpan> unknown =
      FindWords(translated.text, UnknownWords(result.output.lexical_units, part.travels_as));
  FinishPart(part, std::move(translated), std::move(unknown));
}

void ApertiumJob::FailPart(Part& part, const absl::Status& status) {
  segments_[part.segment].failed = true;
  if (failure_.ok()) {
    ErrorFacts facts = FactsOf(status);
    facts.metadata["segment"] = absl::StrCat(part.segment);
    failure_ = MakeError(Reason::kEngineFailure, status.message(), std::move(facts));
  }
  ClosePart(part);
}

void ApertiumJob::FinishPart(Part& part, FromStreamResult translated,
                             std::vector<ByteSpan> untranslated) {
  part.translated = std::move(translated);
  part.untranslated = std::move(untranslated);
  work_ += static_cast<double>(part.source.size()) + 1;
  ClosePart(part);
}

// With the last part of a segment its answer is made.
void ApertiumJob::ClosePart(const Part& closed) {
  Segment& segment = segments_[closed.segment];
  if (--segment.open > 0) return;
  ++done_;
  if (segment.failed) return;
  engine_proto::TranslatedSegment& answer = *ready_.emplace_back().mutable_translated();
  answer.set_index(static_cast<uint32_t>(closed.segment));
  bool complete = true;
  for (size_t i = segment.first; i < segment.last; ++i) {
    Part& part = parts_[i];
    const size_t base = answer.text().size();
    answer.mutable_text()->append(part.translated.text);
    complete = complete && part.translated.complete;
    for (size_t k = 0; k < part.translated.kept.size(); ++k) {
      const ByteSpan& span = part.translated.kept[k];
      engine_proto::KeptSpan& kept = *answer.add_kept();
      kept.set_start(static_cast<uint32_t>(base + span.start));
      kept.set_end(static_cast<uint32_t>(base + span.end));
      kept.set_kind(part.kept[k].kind());
    }
    for (const ByteSpan& span : part.untranslated) {
      engine_proto::UntranslatedSpan& one = *answer.add_untranslated();
      one.set_start(static_cast<uint32_t>(base + span.start));
      one.set_end(static_cast<uint32_t>(base + span.end));
    }
    part = Part();
  }
  // All of them or none.
  if (!complete) answer.clear_kept();
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

#include "runtime/engines/text/language_job.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/segmenter.h"

namespace intelligenced {
namespace {

constexpr int kMaxTexts = 4096;
constexpr uint32_t kDefaultCandidates = 3;
constexpr uint32_t kMaxCandidates = 16;
// Of one result; a text with more has several.
constexpr int kSegmentsPerResult = 8192;
// Progress is told for what is worth waiting for.
constexpr int kTextsPerProgress = 64;

template <typename Texts>
absl::Status CheckTexts(const Texts& texts) {
  if (texts.size() > kMaxTexts) {
    return FieldError("texts",
                      absl::StrCat("has ", texts.size(), " texts; the most is ", kMaxTexts, "."));
  }
  for (int i = 0; i < texts.size(); ++i) {
    if (const size_t bad = FindInvalidUtf8(texts.Get(i)); bad != std::string_view::npos) {
      return FieldError(absl::StrCat("texts[", i, "]"),
                        absl::StrCat("The text is not valid UTF-8 at byte ", bad, "."));
    }
  }
  return absl::OkStatus();
}

void Complete(JobOutput& output) {
  output.events.emplace_back().mutable_completed()->set_finish_reason(
      engine_proto::FINISH_REASON_STOP);
  output.done = true;
}

void Progress(int done, int total, JobOutput& output) {
  if (done % kTextsPerProgress != 0 || done == total) return;
  engine_proto::Progress* progress = output.events.emplace_back().mutable_progress();
  progress->set_done(static_cast<uint64_t>(done));
  progress->set_total(static_cast<uint64_t>(total));
}

class DetectJob final : public TextJob {
 public:
  DetectJob(engine_proto::DetectLanguageTask task, CancelToken cancel,
            const LanguageDetector* detector)
      : TextJob(std::move(cancel)), task_(std::move(task)), detector_(detector) {}

  void Unit(JobOutput& output) override {
    output.work += 1;
    if (next_ == task_.texts_size()) return Complete(output);
    const uint32_t most = task_.max_candidates() == 0 ? kDefaultCandidates : task_.max_candidates();
    const LanguageGuesses found = detector_->Detect(task_.texts(next_), most);
    engine_proto::LanguagesResult& result = *output.events.emplace_back().mutable_languages();
    result.set_index(static_cast<uint32_t>(next_));
    result.set_unreliable(found.unreliable);
    for (const LanguageGuess& guess : found.guesses) {
      engine_proto::LanguageCandidate& candidate = *result.add_candidates();
      candidate.set_language(guess.language);
      candidate.set_confidence(static_cast<float>(guess.confidence));
      candidate.set_script(guess.script);
      candidate.set_share(static_cast<float>(guess.share));
    }
    output.work += static_cast<double>(task_.texts(next_).size()) / 1024;
    if (++next_ == task_.texts_size()) return Complete(output);
    Progress(next_, task_.texts_size(), output);
  }

 private:
  const engine_proto::DetectLanguageTask task_;
  const LanguageDetector* const detector_;
  int next_ = 0;
};

class SegmentJob final : public TextJob {
 public:
  SegmentJob(engine_proto::SegmentTextTask task, SegmentRules rules, CancelToken cancel)
      : TextJob(std::move(cancel)), task_(std::move(task)), rules_(std::move(rules)) {}

  void Unit(JobOutput& output) override {
    output.work += 1;
    if (next_ == task_.texts_size()) return Complete(output);
    if (!run_.has_value()) {
      run_.emplace(&rules_, task_.texts(next_));
      result_.set_index(static_cast<uint32_t>(next_));
    }
    const size_t before = run_->position();
    std::vector<ByteSpan> segments;
    if (!run_->done()) {
      if (absl::Status status = run_->Advance(segments); !status.ok()) {
        output.status = std::move(status);
        output.done = true;
        return;
      }
    }
    for (const ByteSpan& segment : segments) {
      result_.add_starts(static_cast<uint32_t>(segment.start));
      result_.add_ends(static_cast<uint32_t>(segment.end));
    }
    output.work += static_cast<double>(run_->position() - before) / 1024;
    const bool ended = run_->done();
    if (ended || result_.starts_size() >= kSegmentsPerResult) {
      *output.events.emplace_back().mutable_segments() = std::move(result_);
      result_.Clear();
      result_.set_index(static_cast<uint32_t>(next_));
    }
    if (!ended) return;
    run_.reset();
    if (++next_ == task_.texts_size()) return Complete(output);
    Progress(next_, task_.texts_size(), output);
  }

 private:
  const engine_proto::SegmentTextTask task_;
  SegmentRules rules_;
  std::optional<SegmentRun> run_;
  engine_proto::SegmentsResult result_;
  int next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TextJob>> MakeLanguageJob(const engine_proto::Task& task,
                                                         CancelToken cancel,
                                                         const LanguageDetector* detector) {
  if (task.has_detect_language()) {
    const engine_proto::DetectLanguageTask& detect = task.detect_language();
    if (absl::Status status = CheckTexts(detect.texts()); !status.ok()) return status;
    if (detect.max_candidates() > kMaxCandidates) {
      return FieldError("max_candidates", absl::StrCat("is at most ", kMaxCandidates, "."));
    }
    return std::make_unique<DetectJob>(detect, std::move(cancel), detector);
  }
  if (task.has_segment_text()) {
    const engine_proto::SegmentTextTask& segment = task.segment_text();
    if (absl::Status status = CheckTexts(segment.texts()); !status.ok()) return status;
    if (!engine_proto::TextUnit_IsValid(segment.unit())) {
      return FieldError("unit", "is no known unit.");
    }
    absl::StatusOr<SegmentRules> rules = SegmentRules::Open(segment.unit(), segment.language());
    if (!rules.ok()) return rules.status();
    return std::make_unique<SegmentJob>(segment, *std::move(rules), std::move(cancel));
  }
  return FieldError("task", "This model tells languages and cuts texts into segments only.");
}

}  // namespace intelligenced

#include "runtime/engines/text/text_engine.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/text/built_in_rules.h"
#include "runtime/engines/text/language_detector.h"
#include "runtime/engines/text/language_job.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/proofreader.h"
#include "runtime/engines/text/rewriter.h"
#include "runtime/engines/text/speller.h"
#include "runtime/engines/text/text_job.h"

namespace intelligenced {
namespace {

constexpr uint32_t kMaxBatch = 8;
// Of one step: a worker's answer may not have any number of parts.
constexpr int kMostSegments = 100'000;
constexpr char kLanguageFamily[] = "language";

int SegmentsIn(const std::vector<JobOutput>& outputs) {
  int count = 0;
  for (const JobOutput& output : outputs) {
    for (const engine_proto::Event& event : output.events) count += event.segments().starts_size();
  }
  return count;
}

// Steps and batches are the same for both models.
class SteppedModel : public Model {
 public:
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    const absl::Time end = clock_->Now() + options.budget;
    std::vector<JobOutput> outputs(jobs.size());
    size_t running = jobs.size();
    // A unit of each in turn, so that all advance alike.
    do {
      for (size_t i = 0; i < jobs.size(); ++i) {
        if (outputs[i].done) continue;
        Advance(*static_cast<TextJob*>(jobs[i]), outputs[i]);
        if (outputs[i].done) --running;
      }
    } while (running > 0 && clock_->Now() < end && SegmentsIn(outputs) < kMostSegments);
    for (JobOutput& output : outputs) KeepLastProgress(output);
    return outputs;
  }

  // The worker measures its process; there is nothing to add.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 protected:
  explicit SteppedModel(const Clock* clock) : clock_(clock) {
    info_.set_max_batch(kMaxBatch);
    info_.set_width(1);
    info_.set_device("cpu");
  }

  engine_proto::ModelInfo info_;

 private:
  static void Advance(TextJob& job, JobOutput& output) {
    if (job.cancel().cancelled()) {
      output.status = MakeError(Reason::kCancelled, "The request was cancelled.");
      output.done = true;
      return;
    }
    try {
      job.Unit(output);
    } catch (const std::exception& error) {
      output.status = MakeError(Reason::kEngineFailure,
                                absl::StrCat("The built-in writing rules failed: ", error.what()));
      output.done = true;
    }
  }

  // Units are short; of a step's progress only the last is news.
  static void KeepLastProgress(JobOutput& output) {
    std::vector<engine_proto::Event> kept;
    for (size_t i = 0; i < output.events.size(); ++i) {
      const bool last = i + 1 == output.events.size();
      if (output.events[i].has_progress() && !last) continue;
      kept.push_back(std::move(output.events[i]));
    }
    output.events = std::move(kept);
  }

  const Clock* const clock_;
};

// Which language a text is in, and where its sentences and words are.
class LanguageModel final : public SteppedModel {
 public:
  explicit LanguageModel(const Clock* clock) : SteppedModel(clock) {
    info_.add_task_kinds(engine_proto::TASK_KIND_DETECT_LANGUAGE);
    info_.add_task_kinds(engine_proto::TASK_KIND_SEGMENT_TEXT);
    info_.set_description("languages by CLD2 and word lists, segments by ICU");
  }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return MakeLanguageJob(task, std::move(cancel), &detector_);
  }

 private:
  const LanguageDetector detector_;
};

class TextModel final : public SteppedModel {
 public:
  static absl::StatusOr<std::unique_ptr<Model>> Load(const std::string& affixes,
                                                     const std::string& dictionary,
                                                     const Clock* clock) {
    auto model = std::unique_ptr<TextModel>(new TextModel(clock));
    auto rules = RuleBook::Parse(BuiltInProofreadingRules(), &model->lexicon_);
    if (!rules.ok()) return rules.status();
    model->rules_ = std::make_unique<RuleBook>(*std::move(rules));
    auto rewriter = Rewriter::Load(&model->lexicon_);
    if (!rewriter.ok()) return rewriter.status();
    model->rewriter_ = *std::move(rewriter);
    auto speller = Speller::Load(affixes, dictionary, BuiltInKnownWords(), &model->lexicon_);
    if (!speller.ok()) return speller.status();
    model->speller_ = *std::move(speller);
    model->proofreader_ =
        std::make_unique<Proofreader>(&model->lexicon_, model->rules_.get(), model->speller_.get());
    model->info_.set_description(absl::StrCat("rules: ", model->rules_->size(),
                                              " for English, Hunspell ", "en_US, LexRank"));
    return model;
  }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return MakeTextJob(task, std::move(cancel),
                       {.proofreader = proofreader_.get(), .rewriter = rewriter_.get()});
  }

 private:
  explicit TextModel(const Clock* clock) : SteppedModel(clock), lexicon_(Lexicon::BuiltIn()) {
    info_.add_task_kinds(engine_proto::TASK_KIND_PROOFREAD);
    info_.add_task_kinds(engine_proto::TASK_KIND_REWRITE);
    info_.add_task_kinds(engine_proto::TASK_KIND_SUMMARIZE);
  }

  const Lexicon lexicon_;
  std::unique_ptr<RuleBook> rules_;
  std::unique_ptr<Rewriter> rewriter_;
  std::unique_ptr<Speller> speller_;
  std::unique_ptr<Proofreader> proofreader_;
};

class TextEngine final : public Engine {
 public:
  explicit TextEngine(const Clock* clock) : clock_(clock != nullptr ? clock : &own_clock_) {}

  std::string_view name() const override { return "text"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    if (spec.family() == kLanguageFamily) {
      if (cancel.cancelled()) return MakeError(Reason::kCancelled, "Loading was cancelled.");
      return std::make_unique<LanguageModel>(clock_);
    }
    std::string affixes, dictionary;
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (file.role() == "affixes") affixes = file.path();
      if (file.role() == "dictionary") dictionary = file.path();
    }
    if (affixes.empty() || dictionary.empty()) {
      return MakeError(Reason::kModelLoadFailed,
                       "The model's manifest names no files with the roles \"affixes\" and "
                       "\"dictionary\".");
    }
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "Loading was cancelled.");
    try {
      return TextModel::Load(affixes, dictionary, clock_);
    } catch (const std::exception& error) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The built-in writing rules cannot be loaded: ", error.what()));
    }
  }

 private:
  const SystemClock own_clock_;
  const Clock* const clock_;
};

}  // namespace

std::unique_ptr<Engine> MakeTextEngine(const Clock* clock) {
  return std::make_unique<TextEngine>(clock);
}

}  // namespace intelligenced

#include "runtime/engines/apertium/apertium_engine.h"

#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/translation_modes.h"
#include "runtime/engines/apertium/apertium_job.h"
#include "runtime/engines/apertium/pipeline_pool.h"

namespace intelligenced {
namespace {

constexpr uint32_t kMaxBatch = 16;
// A cancelled job, and somebody more urgent, is noticed this soon.
constexpr absl::Duration kLookUp = absl::Milliseconds(2);

class ApertiumModel final : public Model {
 public:
  ApertiumModel(std::vector<TranslationMode> modes, PipelinePool::Options options, uint32_t cores,
                const Clock* clock)
      : clock_(clock),
        modes_folder_(options.modes_folder),
        modes_(std::move(modes)),
        pool_(std::move(options), clock) {
    info_.set_max_batch(kMaxBatch);
    info_.set_width(cores);
    info_.set_device("cpu");
    info_.add_task_kinds(engine_proto::TASK_KIND_TRANSLATE);
    info_.set_description(absl::StrCat("Apertium, ", modes_.size(), " language pairs"));
    for (const TranslationMode& mode : modes_) {
      engine_proto::LanguagePair* pair = info_.mutable_translation()->add_pairs();
      pair->set_source_language(mode.source);
      pair->set_target_language(mode.target);
    }
    info_.mutable_translation()->set_sentences(false);
  }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    if (!task.has_translate()) return FieldError("task", "Apertium translates only.");
    const engine_proto::TranslateTask& translate = task.translate();
    // A package that was installed since.
    if (FindTranslationMode(modes_, translate.source_language(), translate.target_language()) ==
        nullptr) {
      modes_ = ListTranslationModes(modes_folder_);
    }
    return ApertiumJob::Make(translate, modes_, ++last_owner_, std::move(cancel),
                             [this](uint64_t owner) { Forget(owner); });
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override;

  // The worker measures its process and its children; there is nothing to add.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  struct UnderWay {
    ApertiumJob* job;
    size_t number;
  };

  void Forget(uint64_t owner) {
    std::erase_if(under_way_,
                  [&](const auto& entry) { return entry.second.job->owner() == owner; });
    pool_.Abandon(owner);
  }
  // One piece of each in turn, until the pipelines have enough.
  void FeedAll(const std::vector<ApertiumJob*>& jobs);

  const Clock* const clock_;
  const std::string modes_folder_;
  std::vector<TranslationMode> modes_;
  engine_proto::ModelInfo info_;
  PipelinePool pool_;
  uint64_t last_owner_ = 0;
  uint64_t last_ticket_ = 0;
  std::map<uint64_t, UnderWay> under_way_;
};

void ApertiumModel::FeedAll(const std::vector<ApertiumJob*>& jobs) {
  std::vector<ApertiumJob*> hungry = jobs;
  while (!hungry.empty()) {
    std::erase_if(hungry, [this](ApertiumJob* job) {
      Piece piece;
      size_t number = 0;
      if (!job->NextPiece(&piece, &number)) return true;
      piece.ticket = ++last_ticket_;
      const uint64_t ticket = piece.ticket;
      if (!pool_.Take(piece)) {
        job->GiveBack(std::move(piece), number);
        return true;
      }
      under_way_[ticket] = {job, number};
      return false;
    });
  }
}

absl::StatusOr<std::vector<JobOutput>> ApertiumModel::Step(absl::Span<Job* const> jobs,
                                                           const StepOptions& options) {
  std::vector<JobOutput> outputs(jobs.size());
  std::vector<ApertiumJob*> running;
  for (size_t i = 0; i < jobs.size(); ++i) {
    auto* const job = static_cast<ApertiumJob*>(jobs[i]);
    if (!job->cancel().cancelled()) running.push_back(job);
  }
  const absl::Time begin = clock_->Now();
  // What is in the pipelines goes on by itself between two steps.
  bool enough = running.empty();
  std::vector<PieceResult> results;
  while (!enough) {
    FeedAll(running);
    const absl::Time now = clock_->Now();
    const bool news = std::any_of(running.begin(), running.end(),
                                  [](const ApertiumJob* job) { return job->has_news(); });
    const absl::Time end = begin + (news ? options.budget : options.unit);
    results.clear();
    pool_.Advance(std::clamp(end - now, absl::ZeroDuration(), kLookUp), &results);
    for (PieceResult& result : results) {
      const auto found = under_way_.find(result.ticket);
      if (found == under_way_.end()) continue;
      const UnderWay whose = found->second;
      under_way_.erase(found);
      whose.job->Accept(whose.number, std::move(result));
    }
    bool done = false;
    bool any = false;
    for (const ApertiumJob* job : running) {
      done = done || job->done() || job->cancel().cancelled();
      any = any || job->has_news();
    }
    const absl::Duration spent = clock_->Now() - begin;
    // A person's single sentence does not wait for the rest of a batch's budget, whose pipelines
    // go on by themselves; and a long text, or a pipeline that is only starting, does not hold the
    // step.
    enough = done || options.yield.cancelled() || (any && spent >= options.budget) ||
             spent >= std::max(options.budget, options.unit);
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    auto* const job = static_cast<ApertiumJob*>(jobs[i]);
    if (!job->cancel().cancelled()) {
      job->Collect(&outputs[i]);
      continue;
    }
    Forget(job->owner());
    outputs[i].status = MakeError(Reason::kCancelled, "The request was cancelled.");
    outputs[i].done = true;
  }
  return outputs;
}

class ApertiumEngine final : public Engine {
 public:
  explicit ApertiumEngine(const Clock* clock) : clock_(clock != nullptr ? clock : &own_clock_) {
    signal(SIGPIPE, SIG_IGN);
  }

  std::string_view name() const override { return "apertium"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    PipelinePool::Options options;
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (file.role() == kTranslationModesRole) options.modes_folder = file.path();
    }
    if (options.modes_folder.empty()) {
      return MakeError(Reason::kModelLoadFailed,
                       "The model's manifest names no folder with the role \"apertium-modes\".");
    }
    const uint32_t cores =
        std::max(1U, spec.threads() > 0 ? spec.threads() : std::thread::hardware_concurrency());
    options.pipelines_of_a_pair = std::clamp<size_t>(cores / 2, 2, 8);
    for (const auto& [key, value] : spec.parameters()) {
      // Those are for others.
      if (absl::StartsWith(key, "x-")) continue;
      uint32_t number = 0;
      const bool is_number = absl::SimpleAtoi(value, &number) && number > 0;
      if (key == "programs" && !value.empty() && value[0] == '/') {
        options.program_folder = value;
      } else if (key == "pipelines" && is_number && number <= 64) {
        options.pipelines_of_a_pair = number;
      } else if (key == "hang_milliseconds" && is_number) {
        options.hang = absl::Milliseconds(number);
      } else {
        return MakeError(Reason::kModelLoadFailed,
                         absl::StrCat("The parameter ", key, " is not known or out of bounds."));
      }
    }
    options.pipelines = 4 * options.pipelines_of_a_pair;
    std::vector<TranslationMode> modes = ListTranslationModes(options.modes_folder);
    if (modes.empty()) {
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("There is no language pair of Apertium's in ", options.modes_folder,
                       ". Install one, for example the package apertium-eng-spa."));
    }
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "Loading was cancelled.");
    return std::make_unique<ApertiumModel>(std::move(modes), std::move(options), cores, clock_);
  }

 private:
  const SystemClock own_clock_;
  const Clock* const clock_;
};

}  // namespace

std::unique_ptr<Engine> MakeApertiumEngine(const Clock* clock) {
  return std::make_unique<ApertiumEngine>(clock);
}

}  // namespace intelligenced

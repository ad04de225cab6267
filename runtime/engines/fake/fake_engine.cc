#include "runtime/engines/fake/fake_engine.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/fake/fake_image.h"
#include "runtime/engines/fake/fake_script.h"

namespace intelligenced {
namespace {

constexpr int64_t kMaxResidentMegabytes = int64_t{1} << 20;

std::string Text(const engine_proto::ModelSpec& spec, const std::string& name,
                 std::string fallback) {
  const auto found = spec.parameters().find(name);
  return found == spec.parameters().end() ? std::move(fallback) : found->second;
}

absl::StatusOr<int64_t> Number(const engine_proto::ModelSpec& spec, const std::string& name,
                               int64_t fallback, int64_t least, int64_t most) {
  const auto found = spec.parameters().find(name);
  if (found == spec.parameters().end()) return fallback;
  int64_t value = 0;
  if (!absl::SimpleAtoi(found->second, &value) || value < least || value > most) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The parameter ", name, " is \"", found->second,
                                  "\"; it must be from ", least, " to ", most, "."));
  }
  return value;
}

bool Flag(const engine_proto::ModelSpec& spec, const std::string& name) {
  return Text(spec, name, "") == "true";
}

// Throws, as a library does that is wrapped without care.
void ThrowLikeALibrary() { [[maybe_unused]] const int none = std::vector<int>().at(0); }

// Everything that the parameters say, read and checked.
struct Settings {
  engine_proto::ModelInfo info;
  FakeAnswers answers;
  absl::Duration load_time;
  int64_t resident_megabytes = 0;
  int64_t fail_step = 0;
  int64_t throw_step = 0;
};

absl::StatusOr<Settings> ReadSettings(const engine_proto::ModelSpec& spec) {
  struct Knob {
    const char* name;
    int64_t fallback;
    int64_t least;
    int64_t most;
    int64_t value;
  };
  Knob knobs[] = {{"context_tokens", 4096, 1, 100'000'000, 0},
                  {"max_batch", 4, 1, 1024, 0},
                  {"width", 1, 1, 1024, 0},
                  {"unit_us", 0, 0, 60'000'000, 0},
                  {"load_ms", 0, 0, 3'600'000, 0},
                  {"resident_mb", 0, 0, kMaxResidentMegabytes, 0},
                  {"fail_step", 0, 0, 1'000'000'000, 0},
                  {"throw_step", 0, 0, 1'000'000'000, 0}};
  for (Knob& knob : knobs) {
    absl::StatusOr<int64_t> value = Number(spec, knob.name, knob.fallback, knob.least, knob.most);
    if (!value.ok()) return value.status();
    knob.value = *value;
  }
  Settings settings;
  FakeAnswers& answers = settings.answers;
  answers.context_tokens = static_cast<uint32_t>(knobs[0].value);
  answers.unit_time = absl::Microseconds(knobs[3].value);
  answers.has_reply = spec.parameters().contains("reply");
  answers.reply = Text(spec, "reply", "");
  answers.rewrite = Text(spec, "rewrite", "{text}");
  answers.summary = Text(spec, "summary", "{first_sentence}");
  answers.language = Text(spec, "language", "en");
  answers.crash_word = Text(spec, "crash_word", "");
  answers.fail_word = Text(spec, "fail_word", "");
  answers.lose_kept = Flag(spec, "lose_kept");
  answers.pass_step = Flag(spec, "pass_step");
  answers.words_only = Flag(spec, "words_only");
  const std::string corrections = Text(spec, "corrections", "teh=the;adn=and;recieve=receive");
  for (const std::string_view pair : absl::StrSplit(corrections, ';', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> words = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    answers.corrections.insert(words);
  }
  settings.load_time = absl::Milliseconds(knobs[4].value);
  settings.resident_megabytes = knobs[5].value;
  settings.fail_step = knobs[6].value;
  settings.throw_step = knobs[7].value;

  engine_proto::ModelInfo& info = settings.info;
  info.set_context_tokens(answers.context_tokens);
  info.set_max_batch(static_cast<uint32_t>(knobs[1].value));
  info.set_width(static_cast<uint32_t>(knobs[2].value));
  info.set_device(Text(spec, "device", "cpu"));
  info.set_has_chat_template(true);
  info.mutable_translation()->set_sentences(Flag(spec, "sentences"));
  *info.mutable_image_generation() = FakeImageInfo(answers);
  info.set_description("fake: answers without a model, for tests and trials");
  for (const engine_proto::TaskKind kind :
       {engine_proto::TASK_KIND_GENERATE, engine_proto::TASK_KIND_COUNT_TOKENS,
        engine_proto::TASK_KIND_PROOFREAD, engine_proto::TASK_KIND_REWRITE,
        engine_proto::TASK_KIND_SUMMARIZE, engine_proto::TASK_KIND_VISION,
        engine_proto::TASK_KIND_RUN_MODEL, engine_proto::TASK_KIND_TRANSLATE,
        engine_proto::TASK_KIND_DETECT_LANGUAGE, engine_proto::TASK_KIND_SEGMENT_TEXT,
        engine_proto::TASK_KIND_EMBED_TEXT, engine_proto::TASK_KIND_CLASSIFY_TEXT,
        engine_proto::TASK_KIND_FIND_ENTITIES, engine_proto::TASK_KIND_GENERATE_IMAGE,
        engine_proto::TASK_KIND_RESTYLE_IMAGE, engine_proto::TASK_KIND_UPSCALE_IMAGE,
        engine_proto::TASK_KIND_FAKE}) {
    info.add_task_kinds(kind);
  }
  return settings;
}

// The fields of a task that may be pictures, with their names.
std::vector<std::pair<std::string, engine_proto::VisionImage*>> PicturesOf(
    engine_proto::Task* task) {
  switch (task->kind_case()) {
    case engine_proto::Task::kGenerateImage: {
      std::vector<std::pair<std::string, engine_proto::VisionImage*>> pictures;
      engine_proto::GenerateImageTask& generate = *task->mutable_generate_image();
      if (generate.has_source_image()) {
        pictures.emplace_back("source_image", generate.mutable_source_image());
      }
      if (generate.has_mask()) pictures.emplace_back("mask", generate.mutable_mask());
      return pictures;
    }
    case engine_proto::Task::kRestyleImage:
      return {{"image", task->mutable_restyle_image()->mutable_image()}};
    case engine_proto::Task::kUpscaleImage:
      return {{"image", task->mutable_upscale_image()->mutable_image()}};
    case engine_proto::Task::kVision:
      return {{"image", task->mutable_vision()->mutable_image()}};
    default:
      return {};
  }
}

// Pictures that came beside the task become part of it, as if they had come in it.
absl::Status ReadAttachments(const Attachments& attachments, engine_proto::Task* task) {
  bool any = false;
  for (const auto& [field, image] : PicturesOf(task)) {
    if (image->attachment().empty()) continue;
    any = true;
    size_t place = 0;
    if (!absl::SimpleAtoi(image->attachment(), &place) || place >= attachments.size()) {
      return FieldError(field + ".attachment", "There is no such attachment.");
    }
    const absl::StatusOr<SealedMapping> mapping = attachments[place]->Map();
    if (!mapping.ok()) return mapping.status();
    std::string bytes(mapping->bytes().begin(), mapping->bytes().end());
    if (image->has_pixels()) {
      image->mutable_pixels()->set_data(std::move(bytes));
    } else {
      image->set_encoded(std::move(bytes));
    }
    image->clear_attachment();
  }
  if (any || attachments.empty()) return absl::OkStatus();
  return FieldError("image.attachment", "There is no such attachment.");
}

struct FakeJob final : Job {
  FakeScript script;
  CancelToken cancel;
  uint32_t units_done = 0;
};

class FakeModel final : public Model {
 public:
  FakeModel(Settings settings, FakeTime* time, const FakeHooks* hooks)
      : settings_(std::move(settings)), time_(time), hooks_(hooks) {
    memory_.assign(static_cast<size_t>(settings_.resident_megabytes) << 20, '\1');
  }

  const engine_proto::ModelInfo& info() const override { return settings_.info; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override {
    engine_proto::Task whole = task;
    if (absl::Status status = ReadAttachments(attachments, &whole); !status.ok()) return status;
    absl::StatusOr<FakeScript> script = MakeFakeScript(whole, settings_.answers);
    if (!script.ok()) return script.status();
    auto job = std::make_unique<FakeJob>();
    job->script = *std::move(script);
    job->cancel = std::move(cancel);
    return job;
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override;

  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    engine_proto::ResourceUsage usage;
    usage.set_resident_bytes(memory_.size());
    usage.set_peak_bytes(memory_.size());
    return usage;
  }

 private:
  struct Running {
    FakeJob* job;
    JobOutput* output;
  };

  static void EndCancelled(std::vector<Running>* running);
  void SpendUnit(std::vector<Running>* running);
  void FinishUnit(const Running& running);

  const Settings settings_;
  FakeTime* const time_;
  const FakeHooks* const hooks_;
  std::string memory_;
  int64_t steps_ = 0;
};

absl::StatusOr<std::vector<JobOutput>> FakeModel::Step(absl::Span<Job* const> jobs,
                                                       const StepOptions& options) {
  ++steps_;
  if (steps_ == settings_.throw_step) ThrowLikeALibrary();
  if (settings_.fail_step > 0 && steps_ >= settings_.fail_step) {
    return MakeError(Reason::kEngineFailure, "The model was told to fail in this step.");
  }
  std::vector<JobOutput> outputs(jobs.size());
  std::vector<Running> running;
  for (size_t i = 0; i < jobs.size(); ++i) {
    running.push_back({static_cast<FakeJob*>(jobs[i]), &outputs[i]});
  }
  const absl::Time end = time_->Now() + options.budget;
  do {
    EndCancelled(&running);
    SpendUnit(&running);
    for (const Running& one : running) FinishUnit(one);
    std::erase_if(running, [](const Running& one) { return one.output->done; });
  } while (!running.empty() && time_->Now() < end && !options.yield.cancelled());
  return outputs;
}

void FakeModel::EndCancelled(std::vector<Running>* running) {
  std::erase_if(*running, [](const Running& one) {
    if (!one.job->cancel.cancelled()) return false;
    one.output->done = true;
    one.output->status = MakeError(Reason::kCancelled, "The job was cancelled.");
    return true;
  });
}

// One unit of all jobs together takes as long as the longest, like a decode batch. A job that is
// cancelled meanwhile leaves at once; the others go on.
void FakeModel::SpendUnit(std::vector<Running>* running) {
  std::optional<absl::Time> end;
  while (!running->empty()) {
    absl::Duration longest;
    std::vector<CancelToken> tokens;
    for (const Running& one : *running) {
      longest = std::max(longest, one.job->script.unit_time);
      tokens.push_back(one.job->cancel);
    }
    if (longest == absl::ZeroDuration()) return;
    const absl::Time now = time_->Now();
    if (!end.has_value()) end = now + longest;
    if (now >= *end) return;
    time_->Wait(*end - now, tokens);
    EndCancelled(running);
  }
}

void FakeModel::FinishUnit(const Running& running) {
  FakeJob& job = *running.job;
  JobOutput& output = *running.output;
  FakeScript& script = job.script;
  if (!script.units.empty()) {
    for (engine_proto::Event& event : script.units.front()) {
      output.events.push_back(std::move(event));
    }
    script.units.pop_front();
  }
  ++job.units_done;
  output.work += 1;
  if (job.units_done == script.crash_after_units) hooks_->crash();
  if (job.units_done == script.fail_after_units) {
    output.done = true;
    output.status = MakeError(Reason::kEngineFailure, "The job was told to fail here.");
  } else if (script.units.empty()) {
    output.done = true;
    output.events.push_back(std::move(script.completed));
  }
}

class FakeEngine final : public Engine {
 public:
  FakeEngine(std::unique_ptr<FakeTime> time, FakeHooks hooks)
      : time_(std::move(time)), hooks_(std::move(hooks)) {
    if (hooks_.crash == nullptr) hooks_.crash = [] { abort(); };
  }

  std::string_view name() const override { return "fake"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    absl::StatusOr<Settings> settings = ReadSettings(spec);
    if (!settings.ok()) return settings.status();
    if (Flag(spec, "load_crash")) hooks_.crash();
    if (Flag(spec, "load_throw")) ThrowLikeALibrary();
    if (Flag(spec, "load_hang")) time_->Wait(absl::InfiniteDuration(), {});
    time_->Wait(settings->load_time, {cancel});
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "The load was cancelled.");
    if (const std::string name = Text(spec, "load_failure", ""); !name.empty()) {
      return MakeError(ReasonFromName(name).value_or(Reason::kModelLoadFailed),
                       "The model was told not to load.");
    }
    if (const std::string probe = Text(spec, "probe", "");
        !probe.empty() && hooks_.probe != nullptr) {
      settings->answers.has_reply = true;
      settings->answers.reply = hooks_.probe(probe);
    }
    return std::make_unique<FakeModel>(*std::move(settings), time_.get(), &hooks_);
  }

 private:
  const std::unique_ptr<FakeTime> time_;
  FakeHooks hooks_;
};

}  // namespace

std::unique_ptr<Engine> MakeFakeEngine(std::unique_ptr<FakeTime> time, FakeHooks hooks) {
  return std::make_unique<FakeEngine>(std::move(time), std::move(hooks));
}

}  // namespace intelligenced

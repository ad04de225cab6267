#include "tests/unit/services/scripted_models.h"

#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/fake/fake_engine.h"

namespace intelligenced {
namespace {

// Takes a little real time without a sleep: a step of a held job.
void WaitBriefly() {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(absl::Milliseconds(2));
}

// Scripts see the bytes of pictures, whichever way they came.
absl::Status ReadPicture(const Attachments& attachments, engine_proto::VisionImage& image) {
  if (image.attachment().empty()) return absl::OkStatus();
  size_t place = 0;
  if (!absl::SimpleAtoi(image.attachment(), &place) || place >= attachments.size()) {
    return FieldError("image.attachment", "There is no such attachment.");
  }
  const absl::StatusOr<SealedMapping> mapping = attachments[place]->Map();
  if (!mapping.ok()) return mapping.status();
  std::string& bytes =
      image.has_pixels() ? *image.mutable_pixels()->mutable_data() : *image.mutable_encoded();
  bytes.assign(mapping->bytes().begin(), mapping->bytes().end());
  image.clear_attachment();
  return absl::OkStatus();
}

absl::Status ReadPictures(const Attachments& attachments, engine_proto::Task& task) {
  std::vector<engine_proto::VisionImage*> images;
  if (task.has_vision()) images.push_back(task.mutable_vision()->mutable_image());
  const auto add = [&images](engine_proto::Conversation& conversation) {
    for (engine_proto::Message& message : *conversation.mutable_messages()) {
      for (engine_proto::VisionImage& image : *message.mutable_images()) images.push_back(&image);
    }
  };
  if (task.generate().has_conversation()) add(*task.mutable_generate()->mutable_conversation());
  if (task.count_tokens().has_conversation())
    add(*task.mutable_count_tokens()->mutable_conversation());
  for (engine_proto::VisionImage* image : images) {
    absl::Status status = ReadPicture(attachments, *image);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

class ScriptJob final : public Job {
 public:
  ScriptJob(ScriptBehaviour* script, CancelToken cancel, absl::StatusOr<std::string> answer,
            bool counts)
      : script(script), cancel(std::move(cancel)), answer(std::move(answer)), counts(counts) {
    ++script->jobs_alive;
  }
  ~ScriptJob() override { --script->jobs_alive; }

  ScriptBehaviour* const script;
  const CancelToken cancel;
  const absl::StatusOr<std::string> answer;
  const bool counts;
  bool wants_likelihoods = false;
  size_t at = 0;
  std::optional<engine_proto::VisionTask> vision;
};

class ScriptModel final : public Model {
 public:
  explicit ScriptModel(ScriptBehaviour* script) : script_(script) {
    info_.set_max_batch(4);
    info_.set_width(1);
    info_.set_device("cpu");
    info_.set_context_tokens(script->context_tokens);
    info_.set_has_chat_template(true);
    info_.add_task_kinds(engine_proto::TASK_KIND_GENERATE);
    info_.add_task_kinds(engine_proto::TASK_KIND_COUNT_TOKENS);
  }
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override {
    engine_proto::Task whole = task;
    absl::Status status = ReadPictures(attachments, whole);
    if (!status.ok()) return status;
    script_->attachments_seen += static_cast<int>(attachments.size());
    return Start(whole, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    ++script_->jobs_started;
    if (task.has_count_tokens()) {
      // A token is a byte.
      std::string counted = task.count_tokens().text();
      for (const auto& message : task.count_tokens().conversation().messages()) {
        counted += message.text();
      }
      return std::make_unique<ScriptJob>(script_, cancel, std::move(counted), true);
    }
    if (task.has_vision()) {
      auto job = std::make_unique<ScriptJob>(script_, cancel, "", false);
      job->vision = task.vision();
      return job;
    }
    if (!task.has_generate()) return FieldError("task", "is of another kind.");
    if (task.generate().prefill_only()) {
      return std::make_unique<ScriptJob>(script_, cancel, "", false);
    }
    absl::StatusOr<std::string> answer =
        script_->answer ? script_->answer(task.generate()) : TextOf(task.generate());
    auto job = std::make_unique<ScriptJob>(script_, cancel, std::move(answer), false);
    job->wants_likelihoods = task.generate().token_likelihoods();
    return job;
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions&) override {
    if (script_->lost) return MakeError(Reason::kWorkerLost, "The script has no process.");
    std::vector<JobOutput> outputs;
    for (Job* job : jobs) outputs.push_back(StepOne(*static_cast<ScriptJob*>(job)));
    return outputs;
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    engine_proto::ResourceUsage usage;
    usage.set_resident_bytes(1 << 20);
    return usage;
  }

 private:
  JobOutput StepOne(ScriptJob& job) {
    JobOutput output;
    output.work = 1;
    if (job.cancel.cancelled()) {
      output.done = true;
      output.status = MakeError(Reason::kCancelled, "cancelled");
    } else if (script_->held) {
      WaitBriefly();
    } else if (job.vision.has_value()) {
      output.done = true;
      output.status = Look(*job.vision, output);
    } else if (script_->flood) {
      ++script_->flood_steps;
      output.events.emplace_back().set_delta(std::string(16 << 10, 'f'));
    } else if (!job.answer.ok()) {
      output.done = true;
      output.status = job.answer.status();
    } else if (job.counts) {
      engine_proto::TokenCount* count = output.events.emplace_back().mutable_token_count();
      count->set_tokens(static_cast<uint32_t>(job.answer->size()));
      count->set_context_tokens(script_->context_tokens);
      output.events.emplace_back().mutable_completed();
      output.done = true;
    } else {
      const std::string piece = job.answer->substr(job.at, script_->delta_bytes);
      job.at += piece.size();
      if (!piece.empty()) output.events.emplace_back().set_delta(piece);
      if (job.at >= job.answer->size()) {
        if (job.wants_likelihoods && script_->likelihoods) {
          *output.events.emplace_back().mutable_token_likelihoods() =
              script_->likelihoods(*job.answer);
        }
        engine_proto::Completed* completed = output.events.emplace_back().mutable_completed();
        completed->set_finish_reason(engine_proto::FINISH_REASON_STOP);
        completed->set_input_tokens(10);
        completed->set_output_tokens(5);
        output.done = true;
      }
    }
    return output;
  }

  absl::Status Look(const engine_proto::VisionTask& task, JobOutput& output) {
    std::vector<engine_proto::VisionResult> results;
    if (script_->look) {
      absl::StatusOr<std::vector<engine_proto::VisionResult>> answer = script_->look(task);
      if (!answer.ok()) return answer.status();
      results = *std::move(answer);
    } else {
      for (int i = 0; i < task.requests_size(); ++i) {
        results.emplace_back().set_request_index(static_cast<uint32_t>(i));
        results.back().mutable_tracked_object()->set_confidence(1);
      }
    }
    if (!task.stream().close()) output.events.emplace_back().mutable_image()->set_width(640);
    for (engine_proto::VisionResult& result : results) {
      *output.events.emplace_back().mutable_vision() = std::move(result);
    }
    output.events.emplace_back().mutable_completed()->set_images_decoded(1);
    return absl::OkStatus();
  }

  ScriptBehaviour* const script_;
  engine_proto::ModelInfo info_;
};

class BenchJob final : public Job {
 public:
  BenchJob(CancelToken cancel, engine_proto::Task task)
      : cancel(std::move(cancel)), task(std::move(task)) {}
  const CancelToken cancel;
  const engine_proto::Task task;
  bool half_way = false;
};

class BenchModel final : public Model {
 public:
  BenchModel(BenchBehaviour* bench, std::string path) : bench_(bench), path_(std::move(path)) {
    info_.set_max_batch(1);
    info_.set_width(1);
    info_.set_device("cpu");
  }
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    bench_->conversions += task.has_quantize() ? 1 : 0;
    return std::make_unique<BenchJob>(std::move(cancel), task);
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions&) override {
    auto& job = *static_cast<BenchJob*>(jobs.front());
    std::vector<JobOutput> outputs(1);
    JobOutput& output = outputs.front();
    output.work = 1;
    output.done = true;
    if (job.cancel.cancelled()) {
      output.status = MakeError(Reason::kCancelled, "cancelled");
    } else if (job.task.has_quantize()) {
      output.status = Convert(job, output);
    } else {
      output.status = Measure(output);
    }
    return outputs;
  }
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  // In two halves.
  absl::Status Convert(BenchJob& job, JobOutput& output) {
    if (job.half_way && bench_->held) {
      WaitBriefly();
      output.done = false;
      return absl::OkStatus();
    }
    const absl::StatusOr<std::string> bytes = bench_->convert(job.task.quantize().layout());
    if (!bytes.ok()) return bytes.status();
    const size_t half = bytes->size() / 2;
    engine_proto::FilePiece& piece = *output.events.emplace_back().mutable_file_piece();
    piece.set_size_bytes(bytes->size());
    piece.set_data(job.half_way ? bytes->substr(half) : bytes->substr(0, half));
    output.done = job.half_way;
    if (job.half_way) {
      output.events.emplace_back().mutable_completed();
    } else {
      job.half_way = true;
      ++bench_->half_way;
    }
    return absl::OkStatus();
  }
  absl::Status Measure(JobOutput& output) {
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const absl::StatusOr<engine_proto::Measurement> measurement = bench_->measure(bytes);
    if (!measurement.ok()) return measurement.status();
    output.events.emplace_back().mutable_progress()->set_total(1);
    *output.events.emplace_back().mutable_measurement() = *measurement;
    output.events.emplace_back().mutable_completed();
    return absl::OkStatus();
  }

  BenchBehaviour* const bench_;
  const std::string path_;
  engine_proto::ModelInfo info_;
};

}  // namespace

std::string TextOf(const engine_proto::GenerateTask& task) {
  return task.has_prompt() ? task.prompt() : task.conversation().messages().rbegin()->text();
}
std::string RulesOf(const engine_proto::GenerateTask& task) {
  return task.conversation().messages(0).text();
}

ScriptedLoader::ScriptedLoader(ScriptBehaviour* script, BenchBehaviour* bench)
    : script_(script), bench_(bench), fake_(MakeFakeEngine(MakeRealFakeTime())) {}

absl::StatusOr<LoadedModel> ScriptedLoader::Load(const engine_proto::ModelSpec& spec,
                                                 CancelToken cancel, absl::AnyInvocable<void()>) {
  LoadedModel loaded;
  if (spec.engine() == "script") {
    loaded.model = std::make_shared<ScriptModel>(script_);
    return loaded;
  }
  if (spec.engine() == "llama-workbench" || spec.engine() == "onnx") {
    loaded.model = std::make_shared<BenchModel>(bench_, spec.files(0).path());
    return loaded;
  }
  absl::StatusOr<std::unique_ptr<Model>> model = fake_->Load(spec, cancel);
  if (!model.ok()) return model.status();
  loaded.model = *std::move(model);
  return loaded;
}

}  // namespace intelligenced

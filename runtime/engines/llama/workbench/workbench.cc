#include "runtime/engines/llama/workbench/workbench.h"

#include <ggml-backend.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/border.h"
#include "runtime/engines/llama/gguf_check.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/parameters.h"
#include "runtime/engines/llama/workbench/measurer.h"
#include "runtime/engines/llama/workbench/model_weights.h"
#include "runtime/engines/llama/workbench/quantizer.h"

namespace intelligenced {
namespace {

constexpr uint32_t kPrefillTokens = 512;
constexpr uint32_t kDecodeTokens = 32;
constexpr uint32_t kMaxTokens = 1 << 20;
// More than any device has; the scheduler cuts it to that.
constexpr uint32_t kWholeLane = 1 << 16;

uint64_t ProcBytes(const char* path, std::string_view name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, name)) continue;
    absl::ConsumeSuffix(&rest, "kB");
    uint64_t kilobytes = 0;
    return absl::SimpleAtoi(rest, &kilobytes) ? kilobytes * 1024 : 0;
  }
  return 0;
}

bool HasGpu() {
  for (size_t index = 0; index < ggml_backend_dev_count(); ++index) {
    const auto type = ggml_backend_dev_type(ggml_backend_dev_get(index));
    if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) return true;
  }
  return false;
}

class WorkbenchJob final : public Job {
 public:
  explicit WorkbenchJob(CancelToken token) : cancel(std::move(token)) {}
  const CancelToken cancel;
  engine_proto::MeasureTask measure;
  std::unique_ptr<Measurer> measurer;
  std::unique_ptr<Quantizer> quantizer;
  bool done = false;
};

class Workbench final : public Model {
 public:
  Workbench(std::string path, LlamaParameters parameters, LlamaLibrary* library, const Clock* clock)
      : path_(std::move(path)),
        parameters_(std::move(parameters)),
        library_(*library),
        clock_(clock) {
    const bool gpu = parameters_.gpu_layers.value_or(1) != 0 && HasGpu();
    on_processor_ = !gpu;
    info_.set_max_batch(1);
    info_.set_device("cpu");
    info_.add_task_kinds(engine_proto::TASK_KIND_MEASURE);
    info_.add_task_kinds(engine_proto::TASK_KIND_QUANTIZE);
  }

  // `alone`: the steps take the whole device.
  absl::Status Prepare(bool alone) {
    absl::StatusOr<ModelWeights> weights = ReadWeights(path_);
    if (!weights.ok()) return weights.status();
    weights_ = *weights;
    ModelShape shape;
    shape.weight_bytes = weights_.bytes;
    threads_ = ChooseThreads(parameters_, shape, CountPhysicalCores());
    // Nothing computes beside a measurement, whatever it leaves free itself.
    info_.set_width(alone ? kWholeLane : threads_);
    info_.set_description(absl::StrCat("workbench for ", ggml_type_name(weights_.type)));
    return absl::OkStatus();
  }

  absl::Status LoadWeights() {
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = parameters_.gpu_layers.value_or(-1);
    params.load_mode = LLAMA_LOAD_MODE_MMAP;
    library_.TakeErrors();
    const AssertionsThrow scope;
    const absl::Time begin = clock_->Now();
    model_.reset(llama_model_load_from_file(path_.c_str(), params));
    load_time_ = clock_->Now() - begin;
    if (model_ == nullptr) {
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("libllama does not take the model file: ", library_.TakeErrors()));
    }
    if (!llama_model_has_decoder(model_.get()) || llama_model_has_encoder(model_.get()) ||
        llama_model_is_diffusion(model_.get()) ||
        llama_vocab_n_tokens(llama_model_get_vocab(model_.get())) <= 0) {
      return MakeError(Reason::kModelLoadFailed,
                       "The model does not generate text token by token.");
    }
    return absl::OkStatus();
  }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return GuardBorder(Reason::kEngineFailure, [&]() -> absl::StatusOr<std::unique_ptr<Job>> {
      auto job = std::make_unique<WorkbenchJob>(std::move(cancel));
      if (task.has_measure() && model_ != nullptr) {
        job->measure = task.measure();
        engine_proto::MeasureTask& measure = job->measure;
        if (measure.prefill_tokens() == 0) measure.set_prefill_tokens(kPrefillTokens);
        if (measure.decode_tokens() == 0) measure.set_decode_tokens(kDecodeTokens);
        if (std::max({measure.prefill_tokens(), measure.decode_tokens(),
                      measure.perplexity_tokens()}) > kMaxTokens) {
          return FieldError("measure", "At most 1048576 tokens can be asked for.");
        }
        return job;
      }
      if (task.has_quantize()) {
        absl::StatusOr<std::unique_ptr<Quantizer>> quantizer =
            Quantizer::Open(path_, task.quantize().layout(), threads_);
        if (!quantizer.ok()) return quantizer.status();
        job->quantizer = *std::move(quantizer);
        return job;
      }
      return FieldError("kind", "The workbench only measures and converts models.");
    });
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    std::vector<JobOutput> outputs(jobs.size());
    if (jobs.size() != 1) {
      return MakeError(Reason::kEngineFailure, "A step was asked to advance too many jobs.");
    }
    auto& job = static_cast<WorkbenchJob&>(*jobs.front());
    JobOutput& output = outputs.front();
    output.work = 1;
    const absl::Status status = GuardBorder(Reason::kEngineFailure, [&]() -> absl::Status {
      const absl::Time begin = clock_->Now();
      while (!job.done) {
        if (job.cancel.cancelled()) {
          return MakeError(Reason::kCancelled, "The request was cancelled.");
        }
        absl::Status advanced =
            job.quantizer != nullptr ? AdvanceQuantize(job, output) : AdvanceMeasure(job, output);
        if (!advanced.ok()) return advanced;
        if (clock_->Now() - begin >= options.budget) break;
      }
      return absl::OkStatus();
    });
    if (!status.ok()) {
      job.done = true;
      output.status = status;
    }
    output.done = job.done;
    return outputs;
  }

  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    engine_proto::ResourceUsage usage;
    usage.set_resident_bytes(ProcBytes("/proc/self/smaps_rollup", "Pss:"));
    usage.set_peak_bytes(ProcBytes("/proc/self/status", "VmHWM:"));
    return usage;
  }

 private:
  absl::Status AdvanceMeasure(WorkbenchJob& job, JobOutput& output) {
    if (job.measurer == nullptr) {
      absl::StatusOr<std::unique_ptr<Measurer>> measurer =
          Measurer::Create({.model = model_.get(),
                            .weights = weights_,
                            .threads = threads_,
                            .on_processor = on_processor_},
                           job.measure, library_, clock_);
      if (!measurer.ok()) return measurer.status();
      job.measurer = *std::move(measurer);
      resident_bytes_ = ProcBytes("/proc/self/smaps_rollup", "Pss:");
      return absl::OkStatus();
    }
    const absl::StatusOr<bool> last = job.measurer->Advance();
    if (!last.ok()) return last.status();
    if (!*last) {
      engine_proto::Progress* progress = output.events.emplace_back().mutable_progress();
      progress->set_done(std::min(job.measurer->done(), job.measurer->total()));
      progress->set_total(job.measurer->total());
      return absl::OkStatus();
    }
    engine_proto::Measurement* result = output.events.emplace_back().mutable_measurement();
    *result = job.measurer->result();
    result->set_load_microseconds(absl::ToInt64Microseconds(load_time_));
    result->set_resident_bytes(resident_bytes_);
    Complete(job, output);
    return absl::OkStatus();
  }

  static absl::Status AdvanceQuantize(WorkbenchJob& job, JobOutput& output) {
    engine_proto::FilePiece* piece = output.events.emplace_back().mutable_file_piece();
    const absl::StatusOr<bool> more = job.quantizer->Next(*piece->mutable_data());
    if (!more.ok()) return more.status();
    piece->set_size_bytes(job.quantizer->size_bytes());
    if (!*more) Complete(job, output);
    return absl::OkStatus();
  }

  static void Complete(WorkbenchJob& job, JobOutput& output) {
    output.events.emplace_back().mutable_completed()->set_finish_reason(
        engine_proto::FINISH_REASON_STOP);
    job.done = true;
  }

  const std::string path_;
  const LlamaParameters parameters_;
  LlamaLibrary& library_;
  const Clock* const clock_;
  bool on_processor_ = true;
  int threads_ = 1;
  ModelWeights weights_;
  LlamaModelPtr model_;
  absl::Duration load_time_;
  uint64_t resident_bytes_ = 0;
  engine_proto::ModelInfo info_;
};

class WorkbenchEngine final : public Engine {
 public:
  std::string_view name() const override { return "llama-workbench"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    return GuardBorder(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      absl::StatusOr<LlamaParameters> parameters = ParseLlamaParameters(spec);
      if (!parameters.ok()) return parameters.status();
      if (!parameters->blas) LlamaLibrary::DropBlas();
      const auto file = std::find_if(spec.files().begin(), spec.files().end(),
                                     [](const engine_proto::ModelFile& other) {
                                       return other.role() == "model" || other.role() == "source";
                                     });
      if (file == spec.files().end()) {
        return MakeError(Reason::kModelLoadFailed,
                         "There is no file with the role \"model\" or \"source\".");
      }
      const absl::StatusOr<GgufSummary> summary = CheckGguf(file->path());
      if (!summary.ok()) return summary.status();
      if (cancel.cancelled()) return MakeError(Reason::kCancelled, "The loading was cancelled.");
      auto bench =
          std::make_unique<Workbench>(file->path(), *std::move(parameters), &library_, &clock_);
      const bool loaded = file->role() == "model";
      absl::Status status = bench->Prepare(/*alone=*/loaded);
      if (status.ok() && loaded) status = bench->LoadWeights();
      if (!status.ok()) return status;
      return bench;
    });
  }

 private:
  SystemClock clock_;
  LlamaLibrary library_;
};

}  // namespace

std::unique_ptr<Engine> MakeLlamaWorkbench() { return std::make_unique<WorkbenchEngine>(); }

}  // namespace intelligenced

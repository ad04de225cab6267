#include "runtime/engines/onnx/onnx_model.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/tensor_check.h"
#include "runtime/engines/onnx/onnx_jobs.h"
#include "runtime/engines/onnx/tensors.h"
#include "runtime/engines/task_image/task_image.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;

// Each job has a decoded picture in memory.
constexpr uint32_t kMaxBatch = 4;
// Of the vectors of one step: a worker's answer may not have any number of parts.
constexpr size_t kMostValues = 200'000;
// What a camera's picture is made to before most people look at it: networks that take any size are
// measured with what their families make of it.
constexpr int kTypicalWidth = 1280;
constexpr int kTypicalHeight = 960;

absl::Status CheckKind(const Family& family, const VisionRequest& request) {
  const auto serves = family.serves();
  if (std::find(serves.begin(), serves.end(), request.kind_case()) == serves.end()) {
    return FieldError("kind", "This model does not serve this request.");
  }
  const float least = request.min_confidence();
  // Written so that NaN fails.
  if (!(least >= 0 && least <= 1)) return FieldError("min_confidence", "must be 0 to 1.");
  return absl::OkStatus();
}

// The family's answer to a grey picture.
absl::Status AnswerGrey(Family& family, int width, int height, const CancelToken& cancel) {
  absl::StatusOr<Image> image = Image::Make(width, height, 1);
  if (!image.ok()) return image.status();
  std::memset(image->data(), 128, image->size_bytes());
  VisionRequest request;
  vision_proto::VisionResult result;
  const View view(&*image, {0, 0, width, height});
  return family.Answer(view, request, cancel, &result);
}

// This process's own memory; 0 where the system does not tell.
uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string line;
  while (std::getline(file, line)) {
    std::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "Pss:")) continue;
    absl::ConsumeSuffix(&rest, "kB");
    uint64_t kilobytes = 0;
    return absl::SimpleAtoi(rest, &kilobytes) ? kilobytes * 1024 : 0;
  }
  return 0;
}

size_t ValuesIn(const std::vector<JobOutput>& outputs) {
  size_t count = 0;
  for (const JobOutput& output : outputs) {
    for (const engine_proto::Event& event : output.events) {
      count += static_cast<size_t>(event.embedding().values_size());
    }
  }
  return count;
}

class OnnxModel final : public Model {
 public:
  OnnxModel(OnnxModelParts parts, const Clock* clock) : clock_(clock), parts_(std::move(parts)) {
    info_.set_max_batch(kMaxBatch);
    info_.set_width(std::max(1U, parts_.threads));
    info_.set_device("cpu");
    if (parts_.family != nullptr) info_.add_task_kinds(engine_proto::TASK_KIND_VISION);
    if (!parts_.networks.empty()) {
      info_.add_task_kinds(engine_proto::TASK_KIND_RUN_MODEL);
      info_.add_task_kinds(engine_proto::TASK_KIND_MEASURE);
    }
    info_.set_description(parts_.description);
    if (parts_.text_family != nullptr) parts_.text_family->Describe(&info_);
  }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override {
    if (task.has_run_model() && !parts_.networks.empty()) return StartTensors(task, cancel);
    if (task.has_measure() && !parts_.networks.empty()) return StartMeasure(task, cancel);
    if (parts_.text_family != nullptr && parts_.text_family->Serves(task.kind_case())) {
      return parts_.text_family->StartWith(task, attachments, std::move(cancel));
    }
    if (parts_.family == nullptr) {
      return FieldError("kind", "This model does not answer requests of this kind.");
    }
    absl::Status status = CheckVisionTask(
        task, [this](const VisionRequest& request) { return CheckKind(*parts_.family, request); });
    if (!status.ok()) return status;
    return MakeVisionJob(parts_.family.get(), task.vision(), attachments, std::move(cancel));
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    const absl::Time end = clock_->Now() + options.budget;
    std::vector<JobOutput> outputs(jobs.size());
    size_t running = jobs.size();
    // A unit of each in turn, so that all advance alike.
    do {
      for (size_t i = 0; i < jobs.size(); ++i) {
        if (outputs[i].done) continue;
        static_cast<OnnxJob*>(jobs[i])->Unit(outputs[i]);
        if (outputs[i].done) --running;
      }
    } while (running > 0 && clock_->Now() < end && ValuesIn(outputs) < kMostValues);
    return outputs;
  }

  // The worker measures its process, and networks run on the processor: there is nothing to add.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  absl::StatusOr<std::unique_ptr<Job>> StartTensors(const engine_proto::Task& task,
                                                    CancelToken cancel) {
    OnnxSession* const session = parts_.networks.front().session.get();
    if (!task.run_model().signature_only()) {
      // Said before the job waits for its turn.
      const auto plan = PlanTensors(session->signature(), task.run_model());
      if (!plan.ok()) return plan.status();
    }
    return MakeTensorJob(session, task.run_model(), std::move(cancel));
  }

  std::unique_ptr<Job> StartMeasure(const engine_proto::Task& task, CancelToken cancel) {
    engine_proto::Measurement facts;
    facts.set_threads(parts_.threads);
    facts.set_weight_bytes(parts_.weight_bytes);
    facts.set_load_microseconds(absl::ToInt64Microseconds(parts_.load_time));
    facts.set_resident_bytes(ResidentBytes());
    const bool details = task.measure().details();
    return MakeMeasureJob(
        [this,
         details](const CancelToken& token) -> absl::StatusOr<std::unique_ptr<NetworkMeasurer>> {
          if (parts_.family != nullptr) {
            absl::Status status = AnswerGrey(*parts_.family, kTypicalWidth, kTypicalHeight, token);
            if (!status.ok()) return status;
          }
          return std::make_unique<NetworkMeasurer>(parts_.networks, *parts_.seen, details, clock_);
        },
        std::move(facts), std::move(cancel));
  }

  const Clock* const clock_;
  const OnnxModelParts parts_;
  engine_proto::ModelInfo info_;
};

}  // namespace

std::unique_ptr<Model> MakeOnnxModel(OnnxModelParts parts, const Clock* clock) {
  return std::make_unique<OnnxModel>(std::move(parts), clock);
}

absl::Status WarmUp(Family& family, const CancelToken& cancel) {
  constexpr int kSide = 64;
  const absl::Status status = AnswerGrey(family, kSide, kSide, cancel);
  if (status.ok() || cancel.cancelled()) return status;
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The network loads, but does not do its work: ", status.message()));
}

}  // namespace intelligenced

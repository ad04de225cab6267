#include "runtime/engines/vision/vision_engine.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <opencv2/core.hpp>
#include <opencv2/core/utility.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/vision/vision_job.h"

namespace intelligenced {
namespace {

// Each job has a decoded picture in memory.
constexpr uint32_t kMaxBatch = 4;

class VisionModel final : public Model {
 public:
  VisionModel(std::unique_ptr<TextReader> text, std::unique_ptr<FaceDetector> faces,
              const Clock* clock, uint32_t threads)
      : clock_(clock), text_(std::move(text)), faces_(std::move(faces)) {
    info_.set_max_batch(std::clamp<uint32_t>(threads, 1, kMaxBatch));
    info_.set_width(info_.max_batch());
    info_.set_device("cpu");
    info_.add_task_kinds(engine_proto::TASK_KIND_VISION);
    info_.set_description(absl::StrCat("Tesseract (", absl::StrJoin(text_->Languages(), ", "),
                                       "), ZXing, OpenCV ", cv::getVersionString()));
  }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override {
    return VisionJob::Make(
        task, attachments, std::move(cancel),
        {.text = text_.get(), .faces = faces_.get(), .streams = &streams_, .clock = clock_});
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    const absl::Time end = clock_->Now() + options.budget;
    std::vector<JobOutput> outputs(jobs.size());
    for (Job* const job : jobs) static_cast<VisionJob*>(job)->Resume(end);
    for (size_t i = 0; i < jobs.size(); ++i) static_cast<VisionJob*>(jobs[i])->Wait(&outputs[i]);
    return outputs;
  }

  // The worker measures its process; there is nothing to add.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  const Clock* const clock_;
  const std::unique_ptr<TextReader> text_;
  const std::unique_ptr<FaceDetector> faces_;
  StreamStore streams_;
  engine_proto::ModelInfo info_;
};

class VisionEngine final : public Engine {
 public:
  explicit VisionEngine(const Clock* clock) : clock_(clock != nullptr ? clock : &own_clock_) {}

  std::string_view name() const override { return "vision"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    std::string text_model, cascade;
    for (const engine_proto::ModelFile& file : spec.files()) {
      if (file.role() == "text-model") text_model = file.path();
      if (file.role() == "face-cascade") cascade = file.path();
    }
    if (text_model.empty() || cascade.empty()) {
      return MakeError(Reason::kModelLoadFailed,
                       "The model's manifest names no files with the roles \"text-model\" and "
                       "\"face-cascade\".");
    }
    if (cancel.cancelled()) return MakeError(Reason::kCancelled, "Loading was cancelled.");
    try {
      // Jobs run side by side; each keeps to one core.
      cv::setNumThreads(1);
      auto text = TextReader::Open(std::filesystem::path(text_model).parent_path());
      if (!text.ok()) return text.status();
      auto faces = FaceDetector::Open(cascade);
      if (!faces.ok()) return faces.status();
      const uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
      return std::make_unique<VisionModel>(*std::move(text), *std::move(faces), clock_,
                                           spec.threads() > 0 ? spec.threads() : cores);
    } catch (const std::exception& error) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The vision libraries cannot be loaded: ", error.what()));
    }
  }

 private:
  const SystemClock own_clock_;
  const Clock* const clock_;
};

}  // namespace

std::unique_ptr<Engine> MakeVisionEngine(const Clock* clock) {
  return std::make_unique<VisionEngine>(clock);
}

}  // namespace intelligenced

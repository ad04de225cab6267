#include "runtime/engines/onnx/onnx_model.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/task_image/task_image.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;

// Each job has a decoded picture in memory.
constexpr uint32_t kMaxBatch = 4;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

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

// Keeps what is sure enough, and the best so many.
template <typename List>
void Limit(const VisionRequest& request, List* list) {
  std::stable_sort(list->begin(), list->end(),
                   [](const auto& a, const auto& b) { return a.confidence() > b.confidence(); });
  int count = list->size();
  while (count > 0 && list->Get(count - 1).confidence() < request.min_confidence()) --count;
  if (request.max_results() > 0) {
    count = static_cast<int>(std::min<uint32_t>(request.max_results(), count));
  }
  list->DeleteSubrange(count, list->size() - count);
}

void LimitAll(const VisionRequest& request, vision_proto::VisionResult* result) {
  if (result->has_faces()) Limit(request, result->mutable_faces()->mutable_faces());
  if (result->has_regions()) Limit(request, result->mutable_regions()->mutable_regions());
  if (result->has_poses()) Limit(request, result->mutable_poses()->mutable_poses());
  if (result->has_classifications()) {
    Limit(request, result->mutable_classifications()->mutable_classifications());
  }
}

class OnnxJob final : public Job {
 public:
  OnnxJob(Family* family, vision_proto::VisionTask task, CancelToken cancel)
      : family_(family), task_(std::move(task)), cancel_(std::move(cancel)) {}

  void Unit(JobOutput& output) {
    output.work += 1;
    output.status = GuardOnnx(Reason::kEngineFailure, [&] { return Advance(output); });
    if (cancel_.cancelled()) output.status = Cancelled();
    if (!output.status.ok()) output.done = true;
  }

 private:
  absl::Status Advance(JobOutput& output) {
    if (cancel_.cancelled()) return Cancelled();
    engine_proto::Event event;
    if (!image_.has_value()) {
      absl::StatusOr<Image> image = DecodeTaskImage(task_.image(), event.mutable_image());
      if (!image.ok()) return image.status();
      image_ = *std::move(image);
      task_.clear_image();
      output.events.push_back(std::move(event));
      return absl::OkStatus();
    }
    const VisionRequest& request = task_.requests(next_);
    vision_proto::VisionResult& result = *event.mutable_vision();
    result.set_request_index(static_cast<uint32_t>(next_));
    const View view(&*image_, RegionOf(request, image_->width(), image_->height()));
    absl::Status status = family_->Answer(view, request, cancel_, &result);
    if (!status.ok()) return AtRequest(next_, status);
    LimitAll(request, &result);
    output.events.push_back(std::move(event));
    if (++next_ < task_.requests_size()) return absl::OkStatus();
    engine_proto::Event completed;
    completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
    completed.mutable_completed()->set_images_decoded(1);
    output.events.push_back(std::move(completed));
    output.done = true;
    return absl::OkStatus();
  }

  Family* const family_;
  vision_proto::VisionTask task_;
  const CancelToken cancel_;
  std::optional<Image> image_;
  int next_ = 0;
};

class OnnxModel final : public Model {
 public:
  OnnxModel(std::unique_ptr<Family> family, const Clock* clock, uint32_t threads,
            std::string description)
      : clock_(clock), family_(std::move(family)) {
    info_.set_max_batch(kMaxBatch);
    info_.set_width(std::max(1U, threads));
    info_.set_device("cpu");
    info_.add_task_kinds(engine_proto::TASK_KIND_VISION);
    info_.set_description(std::move(description));
  }

  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    absl::Status status = CheckVisionTask(
        task, [this](const VisionRequest& request) { return CheckKind(*family_, request); });
    if (!status.ok()) return status;
    return std::make_unique<OnnxJob>(family_.get(), task.vision(), std::move(cancel));
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
    } while (running > 0 && clock_->Now() < end);
    return outputs;
  }

  // The worker measures its process, and networks run on the processor: there is nothing to add.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

 private:
  const Clock* const clock_;
  const std::unique_ptr<Family> family_;
  engine_proto::ModelInfo info_;
};

}  // namespace

std::unique_ptr<Model> MakeOnnxModel(std::unique_ptr<Family> family, const Clock* clock,
                                     uint32_t threads, std::string description) {
  return std::make_unique<OnnxModel>(std::move(family), clock, threads, std::move(description));
}

absl::Status WarmUp(Family& family, const CancelToken& cancel) {
  constexpr int kSide = 64;
  absl::StatusOr<Image> image = Image::Make(kSide, kSide, 1);
  if (!image.ok()) return image.status();
  std::memset(image->data(), 128, image->size_bytes());
  VisionRequest request;
  vision_proto::VisionResult result;
  const View view(&*image, {0, 0, kSide, kSide});
  const absl::Status status = family.Answer(view, request, cancel, &result);
  if (status.ok() || cancel.cancelled()) return status;
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The network loads, but does not do its work: ", status.message()));
}

}  // namespace intelligenced

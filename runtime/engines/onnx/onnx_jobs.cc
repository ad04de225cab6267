#include "runtime/engines/onnx/onnx_jobs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"
#include "runtime/engines/task_image/task_image.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

class VisionJob final : public OnnxJob {
 public:
  VisionJob(Family* family, vision_proto::VisionTask task, Attachments attachments,
            CancelToken cancel)
      : OnnxJob(std::move(cancel)),
        family_(family),
        task_(std::move(task)),
        attachments_(std::move(attachments)) {}

 private:
  absl::Status Advance(JobOutput& output) override {
    engine_proto::Event event;
    if (!image_.has_value()) {
      absl::StatusOr<Image> image =
          DecodeTaskImage(task_.image(), attachments_, event.mutable_image());
      if (!image.ok()) return image.status();
      image_ = *std::move(image);
      task_.clear_image();
      attachments_.clear();
      output.events.push_back(std::move(event));
      return absl::OkStatus();
    }
    const VisionRequest& request = task_.requests(next_);
    vision_proto::VisionResult& result = *event.mutable_vision();
    result.set_request_index(static_cast<uint32_t>(next_));
    const View view(&*image_, RegionOf(request, image_->width(), image_->height()));
    absl::Status status = family_->Answer(view, request, cancel(), &result);
    if (!status.ok()) return AtRequest(next_, status);
    LimitResult(request, &result);
    output.events.push_back(std::move(event));
    if (++next_ == task_.requests_size()) Complete(output, /*images_decoded=*/1);
    return absl::OkStatus();
  }

  Family* const family_;
  vision_proto::VisionTask task_;
  Attachments attachments_;
  std::optional<Image> image_;
  int next_ = 0;
};

class TensorJob final : public OnnxJob {
 public:
  TensorJob(OnnxSession* session, engine_proto::RunModelTask task, CancelToken cancel)
      : OnnxJob(std::move(cancel)), session_(session), task_(std::move(task)) {}

 private:
  absl::Status Advance(JobOutput& output) override {
    engine_proto::Event event;
    if (task_.signature_only()) {
      *event.mutable_signature() = session_->signature();
    } else {
      auto result = session_->RunTensors(task_, cancel());
      if (!result.ok()) return result.status();
      *event.mutable_tensors() = *std::move(result);
    }
    output.events.push_back(std::move(event));
    Complete(output);
    return absl::OkStatus();
  }

  OnnxSession* const session_;
  const engine_proto::RunModelTask task_;
};

class MeasureJob final : public OnnxJob {
 public:
  MeasureJob(BeginMeasuring begin, engine_proto::Measurement facts, CancelToken cancel)
      : OnnxJob(std::move(cancel)), begin_(std::move(begin)), facts_(std::move(facts)) {}

 private:
  absl::Status Advance(JobOutput& output) override {
    if (measurer_ == nullptr) {
      auto measurer = begin_(cancel());
      if (!measurer.ok()) return measurer.status();
      measurer_ = *std::move(measurer);
      return absl::OkStatus();
    }
    const absl::StatusOr<bool> last = measurer_->Advance(cancel());
    if (!last.ok()) return last.status();
    if (!*last) {
      engine_proto::Progress* progress = output.events.emplace_back().mutable_progress();
      progress->set_done(std::min(measurer_->done(), measurer_->total()));
      progress->set_total(measurer_->total());
      return absl::OkStatus();
    }
    facts_.MergeFrom(measurer_->result());
    *output.events.emplace_back().mutable_measurement() = std::move(facts_);
    Complete(output);
    return absl::OkStatus();
  }

  const BeginMeasuring begin_;
  std::unique_ptr<NetworkMeasurer> measurer_;
  engine_proto::Measurement facts_;
};

}  // namespace

void OnnxJob::Unit(JobOutput& output) {
  output.work += 1;
  output.status = GuardOnnx(Reason::kEngineFailure,
                            [&] { return cancel_.cancelled() ? Cancelled() : Advance(output); });
  if (cancel_.cancelled()) output.status = Cancelled();
  if (!output.status.ok()) output.done = true;
}

void OnnxJob::Complete(JobOutput& output, uint32_t images_decoded) {
  engine_proto::Completed& completed = *output.events.emplace_back().mutable_completed();
  completed.set_finish_reason(engine_proto::FINISH_REASON_STOP);
  completed.set_images_decoded(images_decoded);
  output.done = true;
}

std::unique_ptr<OnnxJob> MakeVisionJob(Family* family, vision_proto::VisionTask task,
                                       Attachments attachments, CancelToken cancel) {
  return std::make_unique<VisionJob>(family, std::move(task), std::move(attachments),
                                     std::move(cancel));
}

std::unique_ptr<OnnxJob> MakeTensorJob(OnnxSession* session, engine_proto::RunModelTask task,
                                       CancelToken cancel) {
  return std::make_unique<TensorJob>(session, std::move(task), std::move(cancel));
}

std::unique_ptr<OnnxJob> MakeMeasureJob(BeginMeasuring begin, engine_proto::Measurement facts,
                                        CancelToken cancel) {
  return std::make_unique<MeasureJob>(std::move(begin), std::move(facts), std::move(cancel));
}

}  // namespace intelligenced

#include "runtime/engines/vision/vision_job.h"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/task_image/task_image.h"
#include "runtime/engines/vision/barcodes.h"
#include "runtime/engines/vision/measures.h"
#include "runtime/engines/vision/shapes.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;

constexpr uint64_t kProgressTotal = 1000;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The request was cancelled."); }

// Tesseract spreads single loops over cores by OpenMP, which costs three times the processor time
// that it saves. Holds for the calling thread. The library is there where Tesseract brought it.
void KeepToOneCore() {
  using SetLevels = void (*)(int);
  const auto set_levels =
      reinterpret_cast<SetLevels>(dlsym(RTLD_DEFAULT, "omp_set_max_active_levels"));
  if (set_levels != nullptr) set_levels(0);
}

absl::Status CheckRequest(const VisionRequest& request, bool in_stream, const VisionTools& tools) {
  if (IsTracking(request)) {
    if (in_stream) return CheckTracking(request);
    return FieldError("kind", "Trackers follow things through frames; this is one picture.");
  }
  switch (request.kind_case()) {
    case VisionRequest::kRecognizeText:
      return tools.text->CheckLanguages(request.recognize_text());
    case VisionRequest::kDetectBarcodes:
      return CheckSymbologies(request.detect_barcodes());
    case VisionRequest::kDetectTextRectangles:
    case VisionRequest::kDetectRectangles:
    case VisionRequest::kDetectDocumentSegmentation:
    case VisionRequest::kDetectContours:
    case VisionRequest::kDetectHorizon:
    case VisionRequest::kDetectFaceRectangles:
    case VisionRequest::kDetectHumanRectangles:
    case VisionRequest::kGenerateAttentionBasedSaliencyImage:
    case VisionRequest::kGenerateObjectnessBasedSaliencyImage:
    case VisionRequest::kGenerateImageFeaturePrint:
    case VisionRequest::kCalculateImageAestheticsScores:
    case VisionRequest::kDetectLensSmudge:
      return absl::OkStatus();
    default:
      return FieldError("kind", "This model does not serve this request.");
  }
}

// Forgets what the stream does not ask any more, and everything when pictures change their size.
void BeginFrame(const engine_proto::VisionTask& task, cv::Size size, StreamState& state) {
  if (state.size != size) state.trackers.clear();
  state.size = size;
  const auto& ids = task.stream().request_ids();
  std::erase_if(state.trackers, [&](const auto& item) {
    return std::find(ids.begin(), ids.end(), item.first) == ids.end();
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Job>> VisionJob::Make(const engine_proto::Task& task,
                                                     const Attachments& attachments,
                                                     CancelToken cancel, const VisionTools& tools) {
  const bool in_stream = task.vision().has_stream();
  if (!task.vision().stream().close()) {
    const absl::Status status = CheckVisionTask(task, [&](const VisionRequest& request) {
      return CheckRequest(request, in_stream, tools);
    });
    if (!status.ok()) return status;
  }
  return std::unique_ptr<Job>(new VisionJob(task.vision(), attachments, std::move(cancel), tools));
}

VisionJob::VisionJob(engine_proto::VisionTask task, Attachments attachments, CancelToken cancel,
                     const VisionTools& tools)
    : task_(std::move(task)),
      attachments_(std::move(attachments)),
      cancel_(std::move(cancel)),
      tools_(tools),
      work_(tools.clock, [this] { Run(); }) {}

void VisionJob::Wait(JobOutput* output) {
  output->done = work_.Wait();
  // A slice of no measurable length was one all the same.
  output->work = std::max(1e-3, absl::ToDoubleMilliseconds(work_.last_slice()));
  output->events = std::move(events_);
  events_.clear();
  if (output->done) output->status = status_;
}

void VisionJob::Run() {
  KeepToOneCore();
  try {
    status_ = Analyze();
  } catch (const std::bad_alloc&) {
    status_ = MakeError(Reason::kMemoryInsufficient, "There is no memory to look at the picture.");
  } catch (const std::exception& error) {
    status_ = MakeError(Reason::kEngineFailure,
                        absl::StrCat("The picture cannot be analysed: ", error.what(), "."));
  }
}

absl::Status VisionJob::Analyze() {
  if (cancel_.cancelled()) return Cancelled();
  if (task_.stream().close()) {
    tools_.streams->Close(task_.stream().id());
    return Complete(0);
  }
  engine_proto::Event event;
  absl::StatusOr<Picture> picture =
      Picture::Decode(task_.image(), attachments_, event.mutable_image());
  if (!picture.ok()) return picture.status();
  // What is looked at in place is kept by the picture.
  task_.clear_image();
  attachments_.clear();
  events_.push_back(std::move(event));
  std::optional<StreamStore::Loan> stream;
  cv::Mat frame;
  if (task_.has_stream()) {
    stream.emplace(tools_.streams, task_.stream().id());
    BeginFrame(task_, picture->size(), stream->state());
  }
  for (; request_ < task_.requests_size(); ++request_) {
    if (!work_.GoOn() || cancel_.cancelled()) return Cancelled();
    engine_proto::Event answer;
    vision_proto::VisionResult* const result = answer.mutable_vision();
    result->set_request_index(static_cast<uint32_t>(request_));
    absl::Status status;
    if (IsTracking(task_.requests(request_))) {
      if (frame.empty()) frame = MakeTrackFrame(*picture);
      Track(stream->state(), frame, result);
    } else {
      status = Answer(task_.requests(request_), &*picture, result);
    }
    if (cancel_.cancelled()) return Cancelled();
    if (!status.ok()) return AtRequest(request_, status);
    // What tells of changes has nothing to say of a first frame.
    if (result->kind_case() != vision_proto::VisionResult::KIND_NOT_SET) {
      events_.push_back(std::move(answer));
    }
    Progress(1);
  }
  return Complete(1);
}

absl::Status VisionJob::Complete(uint32_t images_decoded) {
  engine_proto::Event completed;
  completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
  completed.mutable_completed()->set_images_decoded(images_decoded);
  events_.push_back(std::move(completed));
  return absl::OkStatus();
}

void VisionJob::Track(StreamState& stream, const cv::Mat& frame,
                      vision_proto::VisionResult* result) {
  std::unique_ptr<Tracker>& tracker = stream.trackers[task_.stream().request_ids(request_)];
  if (tracker == nullptr) tracker = MakeTracker(task_.requests(request_));
  tracker->Step(frame, result);
}

absl::Status VisionJob::Answer(const VisionRequest& request, Picture* picture,
                               vision_proto::VisionResult* result) {
  const View view(picture, request);
  const GoOn go_on = [this] { return work_.GoOn() && !cancel_.cancelled(); };
  switch (request.kind_case()) {
    case VisionRequest::kRecognizeText: {
      auto text = tools_.text->Read(view, request.recognize_text(), request.min_confidence(), go_on,
                                    [this](int percent) { Progress(percent / 100.0); });
      if (!text.ok()) return text.status();
      *result->mutable_text() = *std::move(text);
      break;
    }
    case VisionRequest::kDetectTextRectangles: {
      auto regions = tools_.text->FindLines(view);
      if (!regions.ok()) return regions.status();
      *result->mutable_regions() = *std::move(regions);
      break;
    }
    case VisionRequest::kDetectBarcodes: {
      auto barcodes = DetectBarcodes(view, request.detect_barcodes(), request.max_results());
      if (!barcodes.ok()) return barcodes.status();
      *result->mutable_barcodes() = *std::move(barcodes);
      break;
    }
    case VisionRequest::kDetectRectangles:
      *result->mutable_regions() = DetectRectangles(view, request, go_on);
      break;
    case VisionRequest::kDetectDocumentSegmentation: {
      auto document = DetectDocument(view, request.detect_document_segmentation(), go_on);
      if (!document.ok()) return document.status();
      *result->mutable_document() = *std::move(document);
      break;
    }
    case VisionRequest::kDetectContours:
      *result->mutable_contours() =
          DetectContours(view, request.detect_contours(), request.max_results());
      break;
    case VisionRequest::kDetectHorizon:
      *result->mutable_horizon() = DetectHorizon(view);
      break;
    case VisionRequest::kDetectFaceRectangles:
      *result->mutable_faces() = tools_.faces->Detect(view);
      break;
    case VisionRequest::kDetectHumanRectangles:
      *result->mutable_regions() = DetectHumans(view, go_on);
      break;
    case VisionRequest::kGenerateAttentionBasedSaliencyImage:
      *result->mutable_saliency() = AttentionSaliency(view);
      break;
    case VisionRequest::kGenerateObjectnessBasedSaliencyImage:
      *result->mutable_saliency() = ObjectnessSaliency(view);
      break;
    case VisionRequest::kGenerateImageFeaturePrint:
      *result->mutable_feature_print() = MakeFeaturePrint(view);
      break;
    case VisionRequest::kCalculateImageAestheticsScores:
      *result->mutable_aesthetics() = ScoreAesthetics(view);
      break;
    case VisionRequest::kDetectLensSmudge:
      *result->mutable_lens_smudge() = DetectLensSmudge(view);
      break;
    default:
      return FieldError("kind", "This model does not serve this request.");
  }
  LimitResult(request, result);
  return absl::OkStatus();
}

void VisionJob::Progress(double part) {
  const double whole = (request_ + std::clamp(part, 0.0, 1.0)) / task_.requests_size();
  const auto done = static_cast<uint64_t>(whole * static_cast<double>(kProgressTotal));
  // Of a slice only the last is news.
  if (!events_.empty() && events_.back().has_progress()) events_.pop_back();
  engine_proto::Event event;
  event.mutable_progress()->set_done(done);
  event.mutable_progress()->set_total(kProgressTotal);
  events_.push_back(std::move(event));
}

}  // namespace intelligenced

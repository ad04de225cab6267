// One vision task inside the engine: one decoded picture, its requests one after another.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_JOB_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/vision/people.h"
#include "runtime/engines/vision/picture.h"
#include "runtime/engines/vision/slice.h"
#include "runtime/engines/vision/stream_store.h"
#include "runtime/engines/vision/text_reader.h"

namespace intelligenced {

// What the jobs of a model share. The pointers outlive the jobs.
struct VisionTools {
  TextReader* text = nullptr;
  FaceDetector* faces = nullptr;
  StreamStore* streams = nullptr;
  const Clock* clock = nullptr;
};

// Its work runs in slices on a thread of its own, so that several jobs of a step run side by side.
class VisionJob final : public Job {
 public:
  // Checks the whole task. Errors: FIELD_INVALID (with "requests[i]…"), LANGUAGE_UNSUPPORTED.
  static absl::StatusOr<std::unique_ptr<Job>> Make(const engine_proto::Task& task,
                                                   const Attachments& attachments,
                                                   CancelToken cancel, const VisionTools& tools);

  // A step: all jobs are resumed, then all are waited for.
  void Resume(absl::Time end) { work_.Resume(end); }
  void Wait(JobOutput* output);

 private:
  VisionJob(engine_proto::VisionTask task, Attachments attachments, CancelToken cancel,
            const VisionTools& tools);

  void Run();
  absl::Status Analyze();
  absl::Status Complete(uint32_t images_decoded);
  // The task's request, by trackers that live longer than the task.
  void Track(StreamState& stream, const cv::Mat& frame, vision_proto::VisionResult* result);
  absl::Status Answer(const vision_proto::VisionRequest& request, Picture* picture,
                      vision_proto::VisionResult* result);
  void Progress(double part);

  engine_proto::VisionTask task_;
  Attachments attachments_;
  const CancelToken cancel_;
  const VisionTools tools_;
  // Of the body while it runs, of the step while it does not.
  std::vector<engine_proto::Event> events_;
  absl::Status status_;
  int request_ = 0;
  // Last: its thread uses the others.
  SlicedWork work_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_JOB_H_

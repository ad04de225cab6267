// What a loaded network can be asked: questions about a picture, a run on tensors, to be measured.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_JOBS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_JOBS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/family.h"
#include "runtime/engines/onnx/measure/network_measurer.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {

class OnnxJob : public Job {
 public:
  explicit OnnxJob(CancelToken cancel) : cancel_(std::move(cancel)) {}

  // One unit of work. After one that sets output.done no other may come.
  void Unit(JobOutput& output);

 protected:
  virtual absl::Status Advance(JobOutput& output) = 0;
  const CancelToken& cancel() const { return cancel_; }
  // Adds `completed` and ends the job.
  static void Complete(JobOutput& output, uint32_t images_decoded = 0);

 private:
  const CancelToken cancel_;
};

// The pictures' and requests' fields have been checked. A unit is decoding, or one request.
std::unique_ptr<OnnxJob> MakeVisionJob(Family* family, vision_proto::VisionTask task,
                                       Attachments attachments, CancelToken cancel);

// A unit is the run.
std::unique_ptr<OnnxJob> MakeTensorJob(OnnxSession* session, engine_proto::RunModelTask task,
                                       CancelToken cancel);

// The first unit is `begin`, which is called once, the others are the measurer's. What it says of
// the model is added to `facts`.
using BeginMeasuring =
    std::function<absl::StatusOr<std::unique_ptr<NetworkMeasurer>>(const CancelToken& cancel)>;
std::unique_ptr<OnnxJob> MakeMeasureJob(BeginMeasuring begin, engine_proto::Measurement facts,
                                        CancelToken cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_JOBS_H_

// One GenerateImageTask: words to states, a source to a sample, steps, samples to files.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_JOB_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/engines/onnx/diffusion/clip_tokenizer.h"
#include "runtime/engines/onnx/diffusion/diffusion_networks.h"
#include "runtime/engines/onnx/diffusion/diffusion_settings.h"
#include "runtime/engines/onnx/diffusion/generation_plan.h"
#include "runtime/engines/onnx/onnx_jobs.h"

namespace intelligenced {

// Windows of a prompt at most.
inline constexpr size_t kMostWindows = 8;

// What the jobs of one model share. Used by one thread at a time.
struct DiffusionCore {
  ClipTokenizer tokenizer;
  std::unique_ptr<DiffusionNetworks> networks;
  DiffusionSettings settings;
  DiffusionAbilities abilities;
  // The name that stands in pictures.
  std::string model;
  const Clock* clock = nullptr;
  std::function<uint64_t()> memory_room;
  // By height and width: how long a run for one picture took.
  std::map<std::array<int, 2>, absl::Duration> run_times = {};
  // By pictures, rows, height and width: whether a run of several gives each the same numbers as a
  // run of its own. Seen once, since what the library chooses depends on shapes only.
  std::map<std::array<int, 4>, bool> same_together = {};
};

// A unit is reading the task, one window of text, the source through the encoder, one step of as
// many pictures as take about 50 ms together (at least one), or one picture through the decoder.
// Several pictures share a run only where that was seen to give the same numbers: a picture's bytes
// depend on model, task and seed alone. `core` outlives the job. Errors: those of PlanGeneration; a
// prompt of more than kMostWindows windows (CONTEXT_WINDOW_EXCEEDED, with both counts), pictures
// that cannot be decoded, and a mask of another size are told by the first unit.
absl::StatusOr<std::unique_ptr<OnnxJob>> MakeDiffusionJob(DiffusionCore* core,
                                                          engine_proto::GenerateImageTask task,
                                                          Attachments attachments,
                                                          CancelToken cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_JOB_H_

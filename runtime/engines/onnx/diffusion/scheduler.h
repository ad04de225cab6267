// How a picture comes out of noise in steps: which times there are, and what a network's answer
// makes of a sample. One object a picture, since some remember the step before. Pure; used by one
// thread at a time.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/diffusion/scheduler_config.h"

namespace intelligenced {

// A sample is `signal` × picture + `noise` × Gaussian noise.
struct NoiseLevel {
  double signal = 1;
  double noise = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // FIELD_INVALID ("steps") for none, or more than the model was trained with.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Make(const SchedulerConfig& config, int steps);

  int steps() const { return static_cast<int>(timesteps_.size()); }
  // What the network is told; falling.
  double timestep(int step) const { return timesteps_[static_cast<size_t>(step)]; }
  // Pure noise is multiplied with it to be the first sample.
  virtual double initial_scale() const { return 1; }
  // The sample that goes into the network is multiplied with it.
  virtual double input_scale(int step) const;
  // Of the sample before this step; of the finished picture at steps().
  virtual NoiseLevel level(int step) const = 0;
  // Whether Step() takes noise.
  virtual bool takes_noise(int step) const;

  // Makes the next sample of `sample` in place. `answer` is the network's; `noise` is empty unless
  // takes_noise(). What the picture would be by this step is left in `denoised`. All have the size
  // of `sample`. Steps come in order; the first may be any.
  virtual void Step(int step, absl::Span<const float> answer, absl::Span<const float> noise,
                    absl::Span<float> sample, absl::Span<float> denoised) = 0;

 protected:
  explicit Scheduler(const SchedulerConfig& config) : config_(config) {}

  // Dynamic thresholds, where the configuration has them.
  void Threshold(absl::Span<float> denoised) const;

  const SchedulerConfig config_;
  std::vector<double> timesteps_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_H_

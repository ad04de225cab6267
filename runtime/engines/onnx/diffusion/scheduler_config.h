// What a scheduler_config.json of diffusers says, for the schedulers that there are here. Pure and
// thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_CONFIG_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace intelligenced {

enum class SchedulerKind {
  kDdim,
  kEuler,
  kEulerAncestral,
  kDpm2m,
  kDpm2mKarras,
  kLcm,
  kFlowEuler,
};

// What the network's answer is.
enum class Prediction {
  kEpsilon,  // the noise
  kV,        // v = α ε − σ x
  kSample,   // the picture
  kFlow,     // noise − picture, where a sample is (1 − σ) picture + σ noise
};

enum class TimestepSpacing { kLeading, kLinspace, kTrailing };
enum class BetaSchedule { kLinear, kScaledLinear, kSquaredCosine };

// Members as the class's arguments of the same names; defaults are those of the kind.
struct SchedulerConfig {
  SchedulerKind kind = SchedulerKind::kDdim;
  Prediction prediction = Prediction::kEpsilon;
  TimestepSpacing spacing = TimestepSpacing::kLeading;
  BetaSchedule beta_schedule = BetaSchedule::kLinear;
  // 1 to 100,000.
  int train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  // In place of a schedule; as many as train_timesteps.
  std::vector<double> trained_betas;
  int steps_offset = 0;
  bool rescale_betas_zero_snr = false;
  // DDIM and LCM.
  bool clip_sample = true;
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;
  // DDIM and DPM++.
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1;
  // Euler and DPM++. kDpm2mKarras always has it.
  bool karras_sigmas = false;
  // DPM++.
  bool lu_lambdas = false;
  int solver_order = 2;
  bool solver_heun = false;
  bool lower_order_final = true;
  bool euler_at_final = false;
  bool final_sigma_zero = true;
  // LCM.
  int original_inference_steps = 50;
  double timestep_scaling = 10;
  // Flow.
  double shift = 1;
};

struct SchedulerName {
  std::string_view name;
  SchedulerKind kind;
};
// As in GenerateImageTask.scheduler, sorted.
absl::Span<const SchedulerName> AllSchedulers();
std::optional<SchedulerKind> FindScheduler(std::string_view name);
std::string_view NameOfScheduler(SchedulerKind kind);

// `json` is the file's content. The class that it names becomes the kind; with `wanted` the same
// training (betas, prediction, spacing) is used with another kind. Classes that are known but not
// here take their nearest relation: those of several steps DPM++ 2M, DDPM becomes DDIM.
// MODEL_LOAD_FAILED for a class that is not known, with its name, and for options that change the
// result and are not here; MODEL_CORRUPT for what is no JSON object or has values of other types or
// outside their bounds.
absl::StatusOr<SchedulerConfig> ParseSchedulerConfig(
    std::string_view json, std::optional<SchedulerKind> wanted = std::nullopt);

// Whether a model that was trained as `config` says can be stepped by the kind: flow models by
// kFlowEuler only, others by all but that.
bool CanUse(const SchedulerConfig& config, SchedulerKind kind);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_SCHEDULER_CONFIG_H_

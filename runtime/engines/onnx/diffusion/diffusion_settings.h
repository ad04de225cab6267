// What a model's configuration files and its manifest's parameters say of how it is used. Pure and
// thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_SETTINGS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/diffusion/scheduler_config.h"

namespace intelligenced {

struct DiffusionStyle {
  std::string name;
  // With "{prompt}" where the prompt goes; without: what is put behind it.
  std::string text;
};

struct DiffusionSettings {
  // In the order in which the model lists them.
  std::vector<DiffusionStyle> styles;
  // In pixels.
  uint32_t width = 512;
  uint32_t height = 512;
  // Pixels of one of a latent sample's; 1 in pixel space.
  uint32_t factor = 1;
  uint32_t size_multiple = 8;
  uint32_t steps = 25;
  float guidance_scale = 7.5F;
  // Of the denoiser's configuration; 0: it does not say.
  int channels = 0;
  // Latents are multiplied by it after encoding, once the shift is taken off.
  double scaling_factor = 0.18215;
  double shift_factor = 0;
  // The model's own scheduler, and the configuration with each that can be used.
  SchedulerKind scheduler = SchedulerKind::kDdim;
  std::map<SchedulerKind, SchedulerConfig> schedulers;
};

// The prompt as the style has it; `style` empty: the first of the model, if it has any. Nothing for
// a style that the model does not have. Letter case does not count.
std::optional<std::string> ApplyStyle(const DiffusionSettings& settings, std::string_view style,
                                      std::string_view prompt);

// By the role of the file.
using TextsByRole = std::map<std::string, std::string, std::less<>>;

// `texts` are the contents of the JSON files of README.md's table. MODEL_LOAD_FAILED for a pipeline
// that is not known (more than one text encoder) or has no scheduler, with its name; MODEL_CORRUPT
// for values of other types or outside their bounds, with the file and the key; those of
// ParseSchedulerConfig.
absl::StatusOr<DiffusionSettings> ParseDiffusionSettings(const TextsByRole& texts,
                                                         const TextsByRole& parameters,
                                                         bool latent);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_SETTINGS_H_

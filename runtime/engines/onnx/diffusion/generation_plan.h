// One GenerateImageTask, checked and with all that it leaves open filled in. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_GENERATION_PLAN_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_GENERATION_PLAN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "protos/intelligence/engine/v1/image_generation.pb.h"
#include "runtime/engines/onnx/diffusion/diffusion_settings.h"
#include "runtime/engines/onnx/diffusion/memory_plan.h"

namespace intelligenced {

inline constexpr uint32_t kMostPictures = 4;
inline constexpr uint32_t kMostSteps = 1000;
inline constexpr size_t kMostPromptBytes = size_t{1} << 20;

// What a model's networks can do, and what they take.
struct DiffusionAbilities {
  bool takes_source = false;
  bool embeds_guidance = false;
  // The only size, in samples; 0: any.
  uint32_t fixed_width = 0;
  uint32_t fixed_height = 0;
  MemoryGrowth denoiser = {};
  MemoryGrowth decoder = {};
};

struct GenerationPlan {
  // With the style's words.
  std::string prompt;
  std::string negative_prompt;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t count = 1;
  int steps = 0;
  // The first of them that is done; `steps` where the source stays as it is.
  int first_step = 0;
  float guidance = 1;
  // The negative prompt has a run of its own.
  bool guided = false;
  uint64_t seed = 0;
  SchedulerConfig scheduler;
  uint32_t preview_interval = 0;
  intelligence::engine::v1::ImageFileFormat format =
      intelligence::engine::v1::IMAGE_FILE_FORMAT_PNG;
  bool has_source = false;
  bool has_mask = false;

  int steps_to_do() const { return steps - first_step; }
  uint64_t SeedOf(uint32_t picture) const { return seed + picture; }
};

// Beside the weights, for pictures of this size.
uint64_t NeededBytes(const DiffusionAbilities& abilities, const DiffusionSettings& settings,
                     uint64_t width, uint64_t height, uint32_t count);

// `room`: bytes that may still be taken. Errors: FIELD_INVALID with the field of the task;
// INPUT_TOO_LARGE for a prompt of more than kMostPromptBytes; MEMORY_INSUFFICIENT with needed_bytes
// and available_bytes.
absl::StatusOr<GenerationPlan> PlanGeneration(
    const intelligence::engine::v1::GenerateImageTask& task, const DiffusionSettings& settings,
    const DiffusionAbilities& abilities, uint64_t room);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_GENERATION_PLAN_H_

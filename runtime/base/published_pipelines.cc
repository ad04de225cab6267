#include "runtime/base/published_pipelines.h"

#include <utility>

namespace intelligenced {
namespace {

constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
    {"DDIMScheduler", "ddim"},
    {"DDPMScheduler", "ddim"},
    {"EulerDiscreteScheduler", "euler"},
    {"EulerAncestralDiscreteScheduler", "euler-ancestral"},
    {"DPMSolverMultistepScheduler", "dpm++-2m"},
    {"DPMSolverSinglestepScheduler", "dpm++-2m"},
    {"DEISMultistepScheduler", "dpm++-2m"},
    {"HeunDiscreteScheduler", "dpm++-2m"},
    {"LMSDiscreteScheduler", "dpm++-2m"},
    {"PNDMScheduler", "dpm++-2m"},
    {"UniPCMultistepScheduler", "dpm++-2m"},
    {"LCMScheduler", "lcm"},
    {"FlowMatchEulerDiscreteScheduler", "flow-euler"},
};

constexpr std::string_view kUnknownOptions[] = {
    "use_exponential_sigmas", "use_beta_sigmas",     "use_dynamic_shifting", "invert_sigmas",
    "shift_terminal",         "stochastic_sampling", "use_flow_sigmas",
};

constexpr std::string_view kUnknownParts[] = {"text_encoder_2", "text_encoder_3", "tokenizer_2",
                                              "image_encoder",  "controlnet",     "prior"};

}  // namespace

std::string_view SchedulerOfPublishedClass(std::string_view class_name) {
  for (const auto& [name, scheduler] : kClasses) {
    if (name == class_name) return scheduler;
  }
  return {};
}

absl::Span<const std::string_view> UnknownSchedulerOptions() { return kUnknownOptions; }

absl::Span<const std::string_view> UnknownPipelineParts() { return kUnknownParts; }

}  // namespace intelligenced

// What published pipelines that draw (diffusers' model_index.json and scheduler_config.json) call
// their parts, for who imports them and who runs them. Pure, thread-safe.
#ifndef INTELLIGENCED_RUNTIME_BASE_PUBLISHED_PIPELINES_H_
#define INTELLIGENCED_RUNTIME_BASE_PUBLISHED_PIPELINES_H_

#include <string_view>

#include "absl/types/span.h"

namespace intelligenced {

// The scheduler that does the work of a class, as requests name it: "euler" for
// "EulerDiscreteScheduler". Classes that are not here themselves have their nearest relation: those
// of several steps "dpm++-2m", DDPM "ddim". Empty for a class that is not known.
std::string_view SchedulerOfPublishedClass(std::string_view class_name);

// Options that would change the pictures and are not here, where they are set to something else
// than null and false: "use_dynamic_shifting".
absl::Span<const std::string_view> UnknownSchedulerOptions();

// Parts with which a pipeline cannot be run, as its index names them: "text_encoder_2".
absl::Span<const std::string_view> UnknownPipelineParts();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_PUBLISHED_PIPELINES_H_

#include "runtime/engines/onnx/diffusion/generation_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/onnx/diffusion/scheduler.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

constexpr uint32_t kMostSide = 16'384;
constexpr float kMostGuidance = 100;
// As published pipelines have it.
constexpr float kDefaultStrength = 0.8F;
// Pixels and what they are made of, in bytes and floats.
constexpr uint64_t kBytesPerPixel = 48;

absl::Status CheckText(std::string_view field, const std::string& text) {
  if (text.size() > kMostPromptBytes) {
    ErrorFacts facts;
    facts.field = std::string(field);
    facts.metadata = {{"size_bytes", absl::StrCat(text.size())},
                      {"limit_bytes", absl::StrCat(kMostPromptBytes)}};
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("The ", field, " has ", text.size(), " bytes; at most ",
                                  kMostPromptBytes, " are taken."),
                     facts);
  }
  if (!IsValidUtf8(text)) return FieldError(field, "is not UTF-8.");
  return absl::OkStatus();
}

absl::Status CheckSize(const DiffusionSettings& settings, const DiffusionAbilities& abilities,
                       const GenerationPlan& plan, uint64_t room) {
  for (const auto& [field, side] : {std::pair("width", plan.width), {"height", plan.height}}) {
    if (side % settings.size_multiple != 0) {
      return FieldError(field, absl::StrCat("must be a multiple of ", settings.size_multiple, "."));
    }
  }
  const uint32_t only_width = abilities.fixed_width * settings.factor;
  const uint32_t only_height = abilities.fixed_height * settings.factor;
  if (only_width > 0 && plan.width != only_width) {
    return FieldError("width", absl::StrCat("must be ", only_width, " with this model."));
  }
  if (only_height > 0 && plan.height != only_height) {
    return FieldError("height", absl::StrCat("must be ", only_height, " with this model."));
  }
  const uint64_t needed = NeededBytes(abilities, settings, plan.width, plan.height, plan.count);
  if (needed > room) {
    ErrorFacts facts;
    facts.metadata = {{"needed_bytes", absl::StrCat(needed)},
                      {"available_bytes", absl::StrCat(room)}};
    return MakeError(Reason::kMemoryInsufficient,
                     absl::StrCat("Pictures of ", plan.width, "×", plan.height, " would take ",
                                  needed, " bytes, and there are ", room,
                                  ". Ask for a smaller size, or for fewer at once."),
                     facts);
  }
  if (plan.width > kMostSide) return FieldError("width", absl::StrCat("is above ", kMostSide, "."));
  if (plan.height > kMostSide) {
    return FieldError("height", absl::StrCat("is above ", kMostSide, "."));
  }
  return absl::OkStatus();
}

absl::Status PlanSource(const proto::GenerateImageTask& task, const DiffusionAbilities& abilities,
                        GenerationPlan& plan) {
  plan.has_source = task.has_source_image();
  plan.has_mask = task.has_mask();
  if (plan.has_source && !abilities.takes_source) {
    return FieldError("source_image", "cannot be used: the model has no encoder for pictures.");
  }
  if (plan.has_mask && !plan.has_source) {
    return FieldError("mask", "needs a source_image, whose black parts stay.");
  }
  if (task.has_strength()) {
    if (!plan.has_source) return FieldError("strength", "needs a source_image.");
    // Written so that NaN fails.
    if (!(task.strength() >= 0 && task.strength() <= 1)) {
      return FieldError("strength", "must be 0 to 1.");
    }
  }
  if (!plan.has_source) return absl::OkStatus();
  const float strength =
      task.has_strength() ? task.strength() : (plan.has_mask ? 1 : kDefaultStrength);
  const int done = std::clamp(static_cast<int>(static_cast<double>(plan.steps) * strength),
                              strength > 0 ? 1 : 0, plan.steps);
  plan.first_step = plan.steps - done;
  return absl::OkStatus();
}

}  // namespace

uint64_t NeededBytes(const DiffusionAbilities& abilities, const DiffusionSettings& settings,
                     uint64_t width, uint64_t height, uint32_t count) {
  const double places =
      static_cast<double>(width / settings.factor) * static_cast<double>(height / settings.factor);
  const double pixels = static_cast<double>(width) * static_cast<double>(height);
  // The cut keeps the sum inside 64 bits.
  const double own = std::min(pixels * kBytesPerPixel * count, 1e18);
  // Each is at most 2^62.
  return abilities.denoiser.Bytes(places) + abilities.decoder.Bytes(places) +
         static_cast<uint64_t>(own);
}

absl::StatusOr<GenerationPlan> PlanGeneration(const proto::GenerateImageTask& task,
                                              const DiffusionSettings& settings,
                                              const DiffusionAbilities& abilities, uint64_t room) {
  absl::Status status = CheckText("prompt", task.prompt());
  if (status.ok()) status = CheckText("negative_prompt", task.negative_prompt());
  if (!status.ok()) return status;
  if (absl::StripAsciiWhitespace(task.prompt()).empty()) {
    return FieldError("prompt", "is required.");
  }
  GenerationPlan plan;
  std::optional<std::string> prompt = ApplyStyle(settings, task.style(), task.prompt());
  if (!prompt.has_value()) {
    return FieldError("style",
                      absl::StrCat("must be one of: ",
                                   absl::StrJoin(settings.styles, ", ",
                                                 [](std::string* out, const DiffusionStyle& style) {
                                                   out->append(style.name);
                                                 }),
                                   "."));
  }
  plan.prompt = *std::move(prompt);
  plan.negative_prompt = task.negative_prompt();
  plan.width = task.width() > 0 ? task.width() : settings.width;
  plan.height = task.height() > 0 ? task.height() : settings.height;
  if (task.count() > kMostPictures) {
    return FieldError("count", absl::StrCat("must be 1 to ", kMostPictures, "."));
  }
  plan.count = std::max(1U, task.count());
  if (task.steps() > kMostSteps) {
    return FieldError("steps", absl::StrCat("must be 1 to ", kMostSteps, "."));
  }
  plan.steps = static_cast<int>(task.steps() > 0 ? task.steps() : settings.steps);
  plan.guidance = task.has_guidance_scale() ? task.guidance_scale() : settings.guidance_scale;
  // Written so that NaN fails.
  if (!(plan.guidance >= 0 && plan.guidance <= kMostGuidance)) {
    return FieldError("guidance_scale", absl::StrCat("must be 0 to ", kMostGuidance, "."));
  }
  plan.guided = plan.guidance > 1 && !abilities.embeds_guidance;
  plan.seed = task.seed();
  const std::optional<SchedulerKind> kind =
      task.scheduler().empty() ? settings.scheduler : FindScheduler(task.scheduler());
  if (!kind.has_value() || !settings.schedulers.contains(*kind)) {
    return FieldError("scheduler",
                      absl::StrCat("must be one of: ",
                                   absl::StrJoin(settings.schedulers, ", ",
                                                 [](std::string* out, const auto& entry) {
                                                   out->append(NameOfScheduler(entry.first));
                                                 }),
                                   "."));
  }
  plan.scheduler = settings.schedulers.at(*kind);
  if (const auto scheduler = Scheduler::Make(plan.scheduler, plan.steps); !scheduler.ok()) {
    return scheduler.status();
  }
  plan.preview_interval = task.preview_interval();
  if (!proto::ImageFileFormat_IsValid(task.format())) return FieldError("format", "is not known.");
  plan.format = task.format() == proto::IMAGE_FILE_FORMAT_WEBP ? proto::IMAGE_FILE_FORMAT_WEBP
                                                               : proto::IMAGE_FILE_FORMAT_PNG;
  status = PlanSource(task, abilities, plan);
  if (status.ok()) status = CheckSize(settings, abilities, plan, room);
  if (!status.ok()) return status;
  return plan;
}

}  // namespace intelligenced

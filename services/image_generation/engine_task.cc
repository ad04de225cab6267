#include "services/image_generation/engine_task.h"

#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;

constexpr std::string_view kSourceImage = "source_image";

engine::ImageFileFormat ToEngine(v1::ImageFileFormat format) {
  return format == v1::IMAGE_FILE_FORMAT_WEBP ? engine::IMAGE_FILE_FORMAT_WEBP
                                              : engine::IMAGE_FILE_FORMAT_PNG;
}

}  // namespace

std::string WholePrompt(const v1::GenerateImageRequest& request) {
  std::vector<std::string_view> parts;
  const auto add = [&](std::string_view text) {
    text = absl::StripAsciiWhitespace(text);
    if (!text.empty()) parts.push_back(text);
  };
  add(request.prompt());
  for (const v1::ImageConcept& one : request.concepts()) {
    if (one.has_text()) add(one.text());
  }
  return absl::StrJoin(parts, ", ");
}

int PictureConcept(const v1::GenerateImageRequest& request) {
  for (int i = 0; i < request.concepts_size(); ++i) {
    if (request.concepts(i).has_image()) return i;
  }
  return -1;
}

engine::GenerateImageTask ToTask(const v1::GenerateImageRequest& request, uint64_t seed) {
  engine::GenerateImageTask task;
  task.set_prompt(WholePrompt(request));
  task.set_negative_prompt(request.negative_prompt());
  task.set_style(request.style());
  if (request.has_source_image() || PictureConcept(request) >= 0) {
    task.set_strength(request.has_strength() ? request.strength() : kDefaultStrength);
  }
  task.set_width(request.width());
  task.set_height(request.height());
  task.set_count(request.count() == 0 ? 1 : request.count());
  task.set_steps(request.steps());
  if (request.has_guidance_scale()) task.set_guidance_scale(request.guidance_scale());
  task.set_seed(request.has_seed() ? request.seed() : seed);
  task.set_scheduler(absl::AsciiStrToLower(request.scheduler()));
  task.set_preview_interval(request.preview_interval());
  task.set_format(ToEngine(request.format()));
  return task;
}

engine::RestyleImageTask ToTask(const v1::RestyleImageRequest& request) {
  engine::RestyleImageTask task;
  task.set_style(request.style());
  task.set_format(ToEngine(request.format()));
  return task;
}

engine::UpscaleImageTask ToTask(const v1::UpscaleImageRequest& request) {
  engine::UpscaleImageTask task;
  task.set_width(request.width());
  task.set_height(request.height());
  task.set_format(ToEngine(request.format()));
  return task;
}

v1::ImageProgress FromEngine(const engine::ImageStep& step) {
  v1::ImageProgress progress;
  progress.set_step(step.step());
  progress.set_steps(step.steps());
  if (step.remaining_microseconds() > 0) {
    SetDuration(absl::Microseconds(step.remaining_microseconds()),
                progress.mutable_expected_remaining());
  }
  progress.set_preview(step.preview());
  return progress;
}

v1::GeneratedImage FromEngine(const engine::GeneratedImage& image, engine::ImageFileFormat format) {
  v1::GeneratedImage to;
  to.set_index(image.index());
  to.set_seed(image.seed());
  to.set_width(image.width());
  to.set_height(image.height());
  to.set_format(static_cast<v1::ImageFileFormat>(format));
  to.set_data(image.data());
  return to;
}

absl::Status NameConcept(const absl::Status& status, int picture_concept) {
  ErrorFacts facts = FactsOf(status);
  const std::optional<Reason> reason = ReasonOf(status);
  if (picture_concept < 0 || !reason.has_value() || !facts.field.starts_with(kSourceImage)) {
    return status;
  }
  facts.field = absl::StrCat("concepts[", picture_concept, "].image",
                             facts.field.substr(kSourceImage.size()));
  return MakeError(*reason, status.message(), facts);
}

}  // namespace intelligenced

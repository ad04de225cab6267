#include "services/image_generation/model_info.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;

using Names = google::protobuf::RepeatedPtrField<std::string>;

std::string KnownOf(std::string_view kind, const Names& names) {
  if (names.empty()) return absl::StrCat("This model knows no ", kind, "s.");
  return absl::StrCat("This model has no such ", kind, "; it has ", absl::StrJoin(names, ", "),
                      ".");
}

absl::Status FitStyle(const Names& styles, std::string* style) {
  if (style->empty()) return absl::OkStatus();
  const auto found = std::find_if(styles.begin(), styles.end(), [&](const std::string& name) {
    return absl::EqualsIgnoreCase(name, *style);
  });
  if (found == styles.end()) return FieldError("style", KnownOf("style", styles));
  *style = *found;
  return absl::OkStatus();
}

// `only`: the one size that there is; 0: any multiple.
absl::Status CheckSide(const char* field, uint32_t side, uint32_t multiple, uint32_t only) {
  if (only != 0) {
    if (side == 0 || side == only) return absl::OkStatus();
    return FieldError(field, absl::StrCat("is ", side, "; this model makes ", only, " only."));
  }
  if (multiple == 0 || side % multiple == 0) return absl::OkStatus();
  return FieldError(field,
                    absl::StrCat("is ", side, "; this model makes multiples of ", multiple, ": ",
                                 std::max(multiple, side / multiple * multiple), ", for example."));
}

absl::Status CheckMemory(const engine::ImageGenerationInfo& info, uint64_t memory_bytes,
                         const engine::GenerateImageTask& task) {
  const double own = static_cast<double>(info.width()) * info.height();
  if (own == 0) return absl::OkStatus();
  const uint32_t width = task.width() != 0 ? task.width() : info.width();
  const uint32_t height = task.height() != 0 ? task.height() : info.height();
  const double needed =
      static_cast<double>(info.bytes_per_image()) * static_cast<double>(width) * height / own;
  if (needed <= static_cast<double>(memory_bytes)) return absl::OkStatus();
  const auto bytes = static_cast<uint64_t>(needed);
  return MakeError(Reason::kMemoryInsufficient,
                   absl::StrCat("A picture of ", width, " x ", height, " needs about ", bytes >> 20,
                                " MiB while it is made; models may take ", memory_bytes >> 20,
                                " MiB here. Ask for a smaller one and upscale it."),
                   {.metadata = {{"needed_bytes", absl::StrCat(bytes)},
                                 {"available_bytes", absl::StrCat(memory_bytes)}},
                    .retry_delay = std::nullopt,
                    .field = ""});
}

}  // namespace

absl::Status FitToModel(const engine::ImageGenerationInfo& info, uint64_t memory_bytes,
                        engine::GenerateImageTask* task) {
  if (absl::Status status = FitStyle(info.styles(), task->mutable_style()); !status.ok()) {
    return status;
  }
  const Names& schedulers = info.schedulers();
  if (!task->scheduler().empty() &&
      std::find(schedulers.begin(), schedulers.end(), task->scheduler()) == schedulers.end()) {
    return FieldError("scheduler", KnownOf("scheduler", schedulers));
  }
  if (task->has_source_image() && !info.takes_source_image()) {
    return FieldError("source_image", "This model begins with noise only.");
  }
  if (task->has_mask() && !info.takes_mask()) {
    return FieldError("mask", "This model makes whole pictures only.");
  }
  absl::Status status = CheckMemory(info, memory_bytes, *task);
  const bool fixed = info.fixed_size();
  if (status.ok()) {
    status = CheckSide("width", task->width(), info.size_multiple(), fixed ? info.width() : 0);
  }
  if (status.ok()) {
    status = CheckSide("height", task->height(), info.size_multiple(), fixed ? info.height() : 0);
  }
  return status;
}

absl::Status FitToModel(const engine::ImageGenerationInfo& info, engine::RestyleImageTask* task) {
  return FitStyle(info.styles(), task->mutable_style());
}

void FromEngine(const engine::ImageGenerationInfo& info, v1::GetImageModelResponse* response) {
  response->set_width(info.width());
  response->set_height(info.height());
  response->set_size_multiple(info.size_multiple());
  *response->mutable_styles() = info.styles();
  *response->mutable_schedulers() = info.schedulers();
  response->set_default_steps(info.default_steps());
  response->set_default_guidance_scale(info.default_guidance_scale());
  response->set_bytes_per_image(info.bytes_per_image());
  response->set_takes_source_image(info.takes_source_image());
  response->set_takes_mask(info.takes_mask());
  response->set_fixed_size(info.fixed_size());
}

}  // namespace intelligenced

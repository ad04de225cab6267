#include "services/image_generation/validate.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "protos/support/image_limits.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/task_picture.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kAnyLength = std::numeric_limits<size_t>::max();

// The words of a request, and how many bytes they are.
absl::Status CheckConcepts(const v1::GenerateImageRequest& request, size_t* words) {
  FieldChecker check;
  if (request.concepts_size() > kMaxImageConcepts) {
    check.Fail("concepts", absl::StrCat("has ", request.concepts_size(), " concepts; the most is ",
                                        kMaxImageConcepts, "."));
  }
  bool has_picture = request.has_source_image();
  for (int i = 0; check.status().ok() && i < request.concepts_size(); ++i) {
    const std::string field = absl::StrCat("concepts[", i, "]");
    switch (request.concepts(i).content_case()) {
      case v1::ImageConcept::kText:
        check.RequiredText(field + ".text", request.concepts(i).text(), kMaxImagePromptBytes);
        *words += request.concepts(i).text().size();
        break;
      case v1::ImageConcept::kImage: {
        if (has_picture) {
          return FieldError(field + ".image",
                            "A picture begins with one picture at most, and there is one already.");
        }
        has_picture = true;
        const absl::Status status = CheckPicture(field + ".image", request.concepts(i).image());
        if (!status.ok()) return status;
        break;
      }
      case v1::ImageConcept::CONTENT_NOT_SET:
        check.Fail(field, "has neither text nor an image.");
        break;
    }
  }
  return check.status();
}

absl::Status CheckWords(const v1::GenerateImageRequest& request) {
  size_t words = 0;
  if (absl::Status status = CheckConcepts(request, &words); !status.ok()) return status;
  FieldChecker check;
  if (words == 0) {
    check.RequiredText("prompt", request.prompt(), kMaxImagePromptBytes);
  } else {
    words += request.prompt().size();
    if (words > kMaxImagePromptBytes) return TooLargeError("prompt", words, kMaxImagePromptBytes);
    check.OptionalText("prompt", request.prompt(), kAnyLength);
  }
  if (request.negative_prompt().size() > kMaxImagePromptBytes) {
    return TooLargeError("negative_prompt", request.negative_prompt().size(), kMaxImagePromptBytes);
  }
  check.OptionalText("negative_prompt", request.negative_prompt(), kAnyLength);
  return check.status();
}

absl::Status CheckPictures(const v1::GenerateImageRequest& request) {
  bool has_source = request.has_source_image();
  for (const v1::ImageConcept& one : request.concepts()) has_source = has_source || one.has_image();
  FieldChecker check;
  if (request.has_source_image()) {
    const absl::Status status = CheckPicture("source_image", request.source_image());
    if (!status.ok()) return status;
  }
  if (request.has_strength()) {
    check.InRange("strength", request.strength(), 0, 1);
    if (!has_source) check.Fail("strength", "needs a source_image.");
  }
  if (request.has_mask()) {
    if (!has_source) check.Fail("mask", "needs a source_image.");
    if (absl::Status status = CheckPicture("mask", request.mask()); !status.ok()) {
      return check.status().ok() ? status : check.status();
    }
  }
  return check.status();
}

void CheckFormat(int format, FieldChecker& check) {
  check.Enum("format", format, v1::ImageFileFormat_IsValid(format));
}

}  // namespace

absl::Status Validate(const v1::GenerateImageRequest& request) {
  if (absl::Status status = CheckWords(request); !status.ok()) return status;
  if (absl::Status status = CheckPictures(request); !status.ok()) return status;
  FieldChecker check;
  check.OptionalText("style", request.style(), kMaxImageStyleBytes);
  check.OptionalText("scheduler", request.scheduler(), kMaxImageStyleBytes);
  check.AtMost("width", request.width(), kMaxGeneratedSide);
  check.AtMost("height", request.height(), kMaxGeneratedSide);
  check.AtMost("count", request.count(), kMaxGeneratedImages);
  if (request.has_steps()) check.InRange("steps", request.steps(), 1, kMaxImageSteps);
  if (request.has_guidance_scale()) {
    check.InRange("guidance_scale", request.guidance_scale(), 0, kMaxGuidanceScale);
  }
  check.AtMost("preview_interval", request.preview_interval(), kMaxImageSteps);
  CheckFormat(request.format(), check);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::RestyleImageRequest& request) {
  if (absl::Status status = CheckPicture("image", request.image()); !status.ok()) return status;
  FieldChecker check;
  check.OptionalText("style", request.style(), kMaxImageStyleBytes);
  CheckFormat(request.format(), check);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::UpscaleImageRequest& request) {
  if (absl::Status status = CheckPicture("image", request.image()); !status.ok()) return status;
  FieldChecker check;
  if (request.width() == 0 && request.height() == 0) {
    check.Fail("width", "is required, or height.");
  }
  check.AtMost("width", request.width(), kMaxGeneratedSide);
  check.AtMost("height", request.height(), kMaxGeneratedSide);
  CheckFormat(request.format(), check);
  check.Options(request.options());
  return check.status();
}

absl::Status Validate(const v1::GetImageModelRequest& request) {
  FieldChecker check;
  check.Enum("task", request.task(), v1::ImageTask_IsValid(request.task()));
  check.Options(request.options());
  return check.status();
}

}  // namespace intelligenced

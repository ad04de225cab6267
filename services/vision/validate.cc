#include "services/vision/validate.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/task_picture.h"
#include "services/vision/frame_task.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Sums of two floats that should be 1.
constexpr double kRounding = 1e-4;

void CheckRegion(const std::string& field, const v1::Rect& region, FieldChecker& check) {
  check.InRange(field + ".x", region.x(), 0, 1);
  check.InRange(field + ".y", region.y(), 0, 1);
  check.InRange(field + ".width", region.width(), 0, 1 - region.x() + kRounding);
  check.InRange(field + ".height", region.height(), 0, 1 - region.y() + kRounding);
  if (region.width() == 0 || region.height() == 0) check.Fail(field, "has no extent.");
}

void CheckKind(const std::string& field, const v1::VisionRequest& request, FieldChecker& check) {
  switch (request.kind_case()) {
    case v1::VisionRequest::kRecognizeText: {
      const auto& languages = request.recognize_text().languages();
      const std::string name = field + ".recognize_text.languages";
      if (languages.size() > kMaxTextLanguages) {
        check.Fail(name, absl::StrCat("has ", languages.size(), " languages; the most is ",
                                      kMaxTextLanguages, "."));
      }
      for (int i = 0; i < languages.size(); ++i) {
        const std::string place = absl::StrCat(name, "[", i, "]");
        if (languages.Get(i).empty()) check.Fail(place, "is empty.");
        check.Language(place, languages.Get(i));
      }
      break;
    }
    case v1::VisionRequest::kDetectBarcodes:
      for (const int symbology : request.detect_barcodes().symbologies()) {
        const bool known = v1::BarcodeSymbology_IsValid(symbology) &&
                           symbology != v1::BARCODE_SYMBOLOGY_UNSPECIFIED &&
                           symbology != v1::BARCODE_SYMBOLOGY_OTHER;
        check.Enum(field + ".detect_barcodes.symbologies", symbology, known);
      }
      break;
    case v1::VisionRequest::kDetectRectangles: {
      const v1::DetectRectangles& rectangles = request.detect_rectangles();
      const std::string name = field + ".detect_rectangles";
      check.InRange(name + ".min_aspect_ratio", rectangles.min_aspect_ratio(), 0, 1);
      check.InRange(name + ".max_aspect_ratio", rectangles.max_aspect_ratio(), 0, 1);
      check.InRange(name + ".min_size", rectangles.min_size(), 0, 1);
      check.InRange(name + ".angle_tolerance_degrees", rectangles.angle_tolerance_degrees(), 0, 60);
      break;
    }
    case v1::VisionRequest::kDetectContours:
      if (const uint32_t side = request.detect_contours().max_image_side(); side != 0) {
        check.InRange(field + ".detect_contours.max_image_side", side, kMinContourSide,
                      kMaxContourSide);
      }
      break;
    case v1::VisionRequest::kDescribeImage: {
      const std::string name = field + ".describe_image";
      check.Enum(name + ".detail", request.describe_image().detail(),
                 v1::DescriptionDetail_IsValid(request.describe_image().detail()));
      check.Language(name + ".language", request.describe_image().language());
      if (request.has_region_of_interest()) {
        check.Fail(field + ".region_of_interest",
                   "is not for DescribeImage, which looks at the whole picture; cut the part out "
                   "and send that.");
      }
      break;
    }
    case v1::VisionRequest::KIND_NOT_SET:
      check.Fail(field, "asks nothing, or something that this daemon does not know.");
      break;
    default:
      break;
  }
}

}  // namespace

void CheckVisionRequest(const std::string& field, const v1::VisionRequest& request,
                        FieldChecker& check) {
  CheckKind(field, request, check);
  check.InRange(field + ".min_confidence", request.min_confidence(), 0, 1);
  if (request.has_region_of_interest()) {
    CheckRegion(field + ".region_of_interest", request.region_of_interest(), check);
  }
}

absl::Status Validate(const v1::AnalyzeImageRequest& request) {
  if (absl::Status status = CheckPicture("image", request.image()); !status.ok()) return status;
  FieldChecker check;
  if (request.requests().empty()) check.Fail("requests", "needs at least one request.");
  if (request.requests_size() > kMaxVisionRequests) {
    check.Fail("requests", absl::StrCat("has ", request.requests_size(), " requests; the most is ",
                                        kMaxVisionRequests, "."));
  }
  for (int i = 0; i < request.requests_size() && check.status().ok(); ++i) {
    const v1::VisionRequest& one = request.requests(i);
    const std::string field = absl::StrCat("requests[", i, "]");
    CheckVisionRequest(field, one, check);
    if (IsTrackingRequest(one)) {
      check.Fail(field, "follows something through frames; this is one picture (AnalyzeFrames).");
    }
  }
  check.Options(request.options());
  return check.status();
}

}  // namespace intelligenced

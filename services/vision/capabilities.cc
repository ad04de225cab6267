#include "services/vision/capabilities.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

std::string VisionCapability(const intelligence::v1::VisionRequest& request) {
  using intelligence::v1::VisionRequest;
  if (request.kind_case() == VisionRequest::KIND_NOT_SET) return "";
  if (request.has_describe_image()) return kDescribeImageCapability;
  const auto* const field = VisionRequest::descriptor()->FindFieldByNumber(request.kind_case());
  return absl::StrCat("vision.", absl::StrReplaceAll(field->name(), {{"_", "-"}}));
}

}  // namespace intelligenced

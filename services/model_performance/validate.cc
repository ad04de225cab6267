#include "services/model_performance/validate.h"

#include <set>
#include <string>

#include "runtime/base/reasons.h"
#include "runtime/models/manifest.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr double kMaxIncrease = 10;

absl::Status CheckName(const std::string& name) {
  if (name.empty()) return FieldError("name", "is required.");
  return ParseModelName("name", name).status();
}

void CheckClass(v1::RequestClass value, FieldChecker& check) {
  check.Enum("request_class", value, v1::RequestClass_IsValid(value));
}

}  // namespace

absl::Status Validate(const v1::MeasureModelRequest& request) {
  absl::Status name = CheckName(request.name());
  if (!name.ok()) return name;
  FieldChecker check;
  CheckClass(request.request_class(), check);
  return check.status();
}

absl::Status Validate(const v1::OptimizeModelRequest& request) {
  absl::Status name = CheckName(request.name());
  if (!name.ok()) return name;
  if (!request.new_name().empty() && !IsValidModelName(request.new_name())) {
    return FieldError("new_name",
                      "must be 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or "
                      "digit.");
  }
  static constexpr const char* kLayouts[] = {"F16", "Q8_0", "Q4_K_M", "Q4_0"};
  FieldChecker check;
  CheckClass(request.request_class(), check);
  std::set<std::string> seen;
  for (const std::string& layout : request.layouts()) {
    bool known = false;
    for (const char* name_of : kLayouts) known |= layout == name_of;
    if (!known) check.Fail("layouts", "holds a layout that is not F16, Q8_0, Q4_K_M or Q4_0.");
    if (!seen.insert(layout).second) check.Fail("layouts", "names a layout twice.");
  }
  if (request.has_max_perplexity_increase()) {
    check.InRange("max_perplexity_increase", request.max_perplexity_increase(), 0, kMaxIncrease);
  }
  return check.status();
}

}  // namespace intelligenced

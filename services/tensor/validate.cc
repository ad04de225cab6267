#include "services/tensor/validate.h"

#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

absl::Status CheckOptions(const v1::RequestOptions& options) {
  FieldChecker check;
  if (options.model().empty()) {
    check.Fail("options.model", "is required: nobody else knows what the tensors mean.");
  }
  check.Options(options);
  return check.status();
}

}  // namespace

absl::Status Validate(const v1::GetModelSignatureRequest& request) {
  return CheckOptions(request.options());
}

absl::Status Validate(const v1::RunModelRequest& request) {
  return CheckOptions(request.options());
}

}  // namespace intelligenced

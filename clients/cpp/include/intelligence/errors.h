// What an error of the SDK says beside its code and sentence.
//
// status.message() is a sentence for a person: what is wrong and, where possible, what to do. The
// reason is for programs; protos/intelligence/v1/common.proto lists all of them with their codes.
// Codes and reasons that every call can meet: UNAVAILABLE without a reason (the daemon is not
// running, or the connection broke), CANCELLED and DEADLINE_EXCEEDED with reasons of those names.
#ifndef INTELLIGENCE_ERRORS_H_
#define INTELLIGENCE_ERRORS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace intelligence {

// "MODEL_NOT_INSTALLED" and so on; empty when the error has no reason.
std::string ErrorReason(const absl::Status& status);

struct ErrorDetails {
  std::string reason = {};
  // The request field at fault, as a path ("options.model"); mostly with FIELD_INVALID.
  std::string field = {};
  // When trying again may succeed.
  std::optional<absl::Duration> retry_delay = {};
  // Facts of the reason, such as "install" (a command) with MODEL_NOT_INSTALLED.
  std::map<std::string, std::string> metadata = {};
};

// Empty details for a status without any.
ErrorDetails GetErrorDetails(const absl::Status& status);

}  // namespace intelligence

#endif  // INTELLIGENCE_ERRORS_H_

#include <intelligence/errors.h>

#include <optional>
#include <string>
#include <utility>

#include "runtime/base/reasons.h"

namespace intelligence {

std::string ErrorReason(const absl::Status& status) {
  const std::optional<intelligenced::Reason> reason = intelligenced::ReasonOf(status);
  return reason.has_value() ? std::string(intelligenced::ReasonName(*reason)) : "";
}

ErrorDetails GetErrorDetails(const absl::Status& status) {
  intelligenced::ErrorFacts facts = intelligenced::FactsOf(status);
  return {.reason = ErrorReason(status),
          .field = std::move(facts.field),
          .retry_delay = facts.retry_delay,
          .metadata = std::move(facts.metadata)};
}

}  // namespace intelligence

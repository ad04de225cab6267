#include "runtime/engine/status_proto.h"

#include <optional>
#include <string>

#include "runtime/base/reasons.h"

namespace intelligenced {

namespace proto = ::intelligence::engine::v1;

proto::Status StatusToProto(const absl::Status& status) {
  proto::Status message;
  if (status.ok()) return message;
  message.set_code(status.raw_code());
  message.set_message(std::string(status.message()));
  if (const std::optional<Reason> reason = ReasonOf(status)) {
    message.set_reason(std::string(ReasonName(*reason)));
  }
  const ErrorFacts facts = FactsOf(status);
  for (const auto& [key, value] : facts.metadata) (*message.mutable_metadata())[key] = value;
  if (facts.retry_delay.has_value()) {
    message.set_retry_delay_microseconds(absl::ToInt64Microseconds(*facts.retry_delay));
  }
  message.set_field(facts.field);
  return message;
}

absl::Status StatusFromProto(const proto::Status& message) {
  if (message.code() == 0) return absl::OkStatus();
  const std::optional<Reason> reason = ReasonFromName(message.reason());
  if (!reason.has_value()) {
    return absl::Status(static_cast<absl::StatusCode>(message.code()), message.message());
  }
  ErrorFacts facts;
  for (const auto& [key, value] : message.metadata()) facts.metadata[key] = value;
  if (message.retry_delay_microseconds() > 0) {
    facts.retry_delay = absl::Microseconds(message.retry_delay_microseconds());
  }
  facts.field = message.field();
  return MakeError(*reason, message.message(), std::move(facts));
}

}  // namespace intelligenced

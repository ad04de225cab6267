#include "services/system/validate.h"

#include "absl/time/time.h"
#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::WatchStatusRequest& request) {
  FieldChecker check;
  if (request.has_interval()) {
    check.Duration("interval", request.interval(), absl::ToDoubleSeconds(kMinWatchInterval),
                   absl::ToDoubleSeconds(kMaxWatchInterval));
  }
  return check.status();
}

absl::Status Validate(const intelligence::v1::ListActivityRequest& request) {
  FieldChecker check;
  check.AtMost("page_size", request.page_size(), kMaxActivityPage);
  check.OptionalText("page_token", request.page_token(), kMaxPageTokenBytes);
  check.OptionalText("client", request.client(), kMaxClientBytes);
  return check.status();
}

}  // namespace intelligenced

#include "runtime/scheduler/admission.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr absl::Duration kMinDelay = absl::Milliseconds(50);
constexpr absl::Duration kMaxDelay = absl::Seconds(30);
// Between two ends, when none has been seen yet.
constexpr absl::Duration kUnknownInterval = absl::Seconds(1);

// Time until `bytes` (or a single job, for 0) may have been given back.
absl::Duration Delay(const Holdings& held, uint64_t bytes) {
  double jobs = 1;
  if (bytes > 0 && held.bytes > 0 && held.jobs > 0) {
    jobs = std::max(1.0, static_cast<double>(bytes) * held.jobs / static_cast<double>(held.bytes));
  }
  return std::clamp(held.end_interval.value().value_or(kUnknownInterval) * jobs, kMinDelay,
                    kMaxDelay);
}

absl::Status Refuse(Reason reason, std::string_view message, std::string_view quota, uint64_t limit,
                    std::optional<absl::Duration> delay) {
  ErrorFacts facts;
  facts.metadata["quota"] = quota;
  facts.metadata["limit"] = absl::StrCat(limit);
  facts.retry_delay = delay;
  return MakeError(reason, message, std::move(facts));
}

absl::Status Check(Reason reason, std::string_view who, int max_jobs, uint64_t max_bytes,
                   const Holdings& held, uint64_t input_bytes) {
  if (held.jobs >= max_jobs) {
    return Refuse(reason,
                  absl::StrCat(who, " ", held.jobs, " unfinished requests, of ", max_jobs,
                               " allowed. Wait for some to finish, then try again."),
                  "jobs", static_cast<uint64_t>(std::max(0, max_jobs)), Delay(held, 0));
  }
  if (input_bytes > max_bytes) {
    return Refuse(
        reason,
        absl::StrCat("The input has ", input_bytes, " bytes; unfinished requests may have ",
                     max_bytes, " together. Split the input."),
        "bytes", max_bytes, std::nullopt);
  }
  if (held.bytes > max_bytes - input_bytes) {
    return Refuse(
        reason,
        absl::StrCat(who, " unfinished requests with ", held.bytes,
                     " bytes of input; with this one's ", input_bytes, " they would be above the ",
                     max_bytes, " allowed. Wait for some to finish, then try again."),
        "bytes", max_bytes, Delay(held, held.bytes - (max_bytes - input_bytes)));
  }
  return absl::OkStatus();
}

}  // namespace

void Holdings::Enter(uint64_t input_bytes, absl::Time now) {
  if (jobs == 0) since = now;
  ++jobs;
  bytes += input_bytes;
}

void Holdings::Leave(uint64_t input_bytes, absl::Time now) {
  --jobs;
  bytes -= input_bytes;
  end_interval.Add(now - since);
  since = now;
}

absl::Status CheckAdmission(const AdmissionLimits& limits, const Holdings& all,
                            const Holdings& client, uint64_t input_bytes) {
  absl::Status status = Check(Reason::kClientQuotaExceeded, "This app has", limits.max_client_jobs,
                              limits.max_client_bytes, client, input_bytes);
  if (!status.ok()) return status;
  return Check(Reason::kQueueFull, "The queue holds", limits.max_queued_jobs,
               limits.max_queued_bytes, all, input_bytes);
}

}  // namespace intelligenced

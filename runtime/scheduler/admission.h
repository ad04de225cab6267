// Whether a job may enter, decided from counts alone. Pure.
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_ADMISSION_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_ADMISSION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/scheduler/accounting.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

// What is held now: jobs that have not ended, and their input.
struct Holdings {
  int jobs = 0;
  uint64_t bytes = 0;
  // Time between two ends while something was held, as lately seen.
  Average end_interval;
  // When the first job came or the last one ended, whichever is later.
  absl::Time since = absl::InfinitePast();

  void Enter(uint64_t input_bytes, absl::Time now);
  void Leave(uint64_t input_bytes, absl::Time now);
};

// OK, CLIENT_QUOTA_EXCEEDED (looked at first: whoever fills the queue hears of their own share) or
// QUEUE_FULL. The retry delay is the time after which enough may have ended, between 50 ms and
// 30 s; there is none when the input alone is above the limit: trying again cannot help.
absl::Status CheckAdmission(const AdmissionLimits& limits, const Holdings& all,
                            const Holdings& client, uint64_t input_bytes);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_ADMISSION_H_

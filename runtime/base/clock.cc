#include "runtime/base/clock.h"

#include <chrono>

namespace intelligenced {
namespace {
absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}
}  // namespace

SystemClock::SystemClock() : wall_start_(absl::Now()), monotonic_start_(Monotonic()) {}

absl::Time SystemClock::Now() const { return wall_start_ + (Monotonic() - monotonic_start_); }

absl::Time SystemClock::WallTime() const { return absl::Now(); }

absl::Time ManualClock::Now() const {
  absl::MutexLock lock(mutex_);
  return now_;
}

void ManualClock::Advance(absl::Duration duration) {
  absl::MutexLock lock(mutex_);
  now_ += duration;
}

}  // namespace intelligenced

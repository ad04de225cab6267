// Time, injected. Nothing outside clock.cc reads a clock (tests/lint checks it).
#ifndef INTELLIGENCED_RUNTIME_BASE_CLOCK_H_
#define INTELLIGENCED_RUNTIME_BASE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace intelligenced {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes back and never jumps: the wall time at which the clock was made plus the monotonic
  // time since. Comparable within one process only.
  virtual absl::Time Now() const = 0;

  // What a calendar would say; may jump. For people and files, never for scheduling.
  virtual absl::Time WallTime() const = 0;
};

class SystemClock final : public Clock {
 public:
  SystemClock();
  absl::Time Now() const override;
  absl::Time WallTime() const override;

 private:
  const absl::Time wall_start_;
  const absl::Duration monotonic_start_;
};

// A clock that stands still until told otherwise, for tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}
  absl::Time Now() const override;
  absl::Time WallTime() const override { return Now(); }
  void Advance(absl::Duration duration);

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_CLOCK_H_

// What the scheduler remembers of the past: sums over sliding windows and running averages.
// Plain values without locks: the scheduler guards them.
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_ACCOUNTING_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_ACCOUNTING_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace intelligenced {

// The sum of what was added during the last `buckets` seconds, to one second's precision. Times
// must not go back by more than the window.
class SlidingSum {
 public:
  explicit SlidingSum(int buckets) : buckets_(buckets) {}

  void Add(absl::Time now, double value);
  // `value` evenly over [from, now]; what lies before the window is not counted.
  void AddSpread(absl::Time from, absl::Time now, double value);
  double Sum(absl::Time now) const;

 private:
  const int buckets_;
  // Made at the first Add: most clients never need theirs.
  std::vector<double> values_;
  int64_t newest_ = 0;  // second of the newest bucket
};

// Output tokens a second. Engines tell the number of tokens only at the end, so a running job
// counts each delta as one; at the end the difference to the true number is spread over the time
// the job ran, inside the window. Jobs without deltas thus show up when they end.
class TokenRate {
 public:
  void AddDeltas(absl::Time now, int count) { window_.Add(now, count); }
  void Complete(absl::Time first_step, absl::Time now, int deltas, uint32_t output_tokens);
  double PerSecond(absl::Time now) const;

 private:
  static constexpr int kSeconds = 10;
  SlidingSum window_{kSeconds};
};

// Exponential average; nothing before the first sample.
class Average {
 public:
  void Add(absl::Duration sample);
  std::optional<absl::Duration> value() const { return value_; }

 private:
  std::optional<absl::Duration> value_;
};

// Splits the device time of one step over its jobs by their work; evenly when none did any.
std::vector<absl::Duration> SplitDeviceTime(absl::Duration device_time,
                                            absl::Span<const double> work);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_ACCOUNTING_H_

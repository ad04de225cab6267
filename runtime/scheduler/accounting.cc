#include "runtime/scheduler/accounting.h"

#include <algorithm>

namespace intelligenced {

void SlidingSum::Add(absl::Time now, double value) {
  const int64_t second = absl::ToUnixSeconds(now);
  if (values_.empty()) {
    values_.assign(buckets_, 0);
    newest_ = second;
  }
  if (second > newest_ + buckets_) {
    std::fill(values_.begin(), values_.end(), 0);
    newest_ = second;
  }
  while (newest_ < second) values_[++newest_ % buckets_] = 0;
  if (second > newest_ - buckets_) values_[second % buckets_] += value;
}

void SlidingSum::AddSpread(absl::Time from, absl::Time now, double value) {
  const int64_t last = absl::ToUnixSeconds(now);
  const int64_t first = std::max(absl::ToUnixSeconds(from), last - buckets_ + 1);
  const double length = absl::ToDoubleSeconds(now - from);
  if (length <= 0 || first == last) {
    Add(now, length > buckets_ ? value * buckets_ / length : value);
    return;
  }
  for (int64_t second = first; second <= last; ++second) {
    const absl::Time begin = std::max(from, absl::FromUnixSeconds(second));
    const absl::Time end = std::min(now, absl::FromUnixSeconds(second + 1));
    // Oldest first, so that Add moves the window on; the part is that of this second.
    Add(absl::FromUnixSeconds(second), value * absl::ToDoubleSeconds(end - begin) / length);
  }
}

double SlidingSum::Sum(absl::Time now) const {
  if (values_.empty()) return 0;
  const int64_t oldest = absl::ToUnixSeconds(now) - buckets_ + 1;
  double sum = 0;
  for (int64_t second = std::max(oldest, newest_ - buckets_ + 1); second <= newest_; ++second) {
    sum += values_[second % buckets_];
  }
  return sum;
}

void TokenRate::Complete(absl::Time first_step, absl::Time now, int deltas,
                         uint32_t output_tokens) {
  const double difference = static_cast<double>(output_tokens) - deltas;
  if (difference != 0) window_.AddSpread(first_step, now, difference);
}

double TokenRate::PerSecond(absl::Time now) const {
  return std::max(0.0, window_.Sum(now)) / kSeconds;
}

void Average::Add(absl::Duration sample) {
  value_ = value_.has_value() ? *value_ * 0.8 + sample * 0.2 : sample;
}

std::vector<absl::Duration> SplitDeviceTime(absl::Duration device_time,
                                            absl::Span<const double> work) {
  double total = 0;
  for (const double units : work) total += std::max(0.0, units);
  std::vector<absl::Duration> shares;
  shares.reserve(work.size());
  for (const double units : work) {
    shares.push_back(total > 0 ? device_time * (std::max(0.0, units) / total)
                               : device_time / static_cast<int64_t>(work.size()));
  }
  return shares;
}

}  // namespace intelligenced

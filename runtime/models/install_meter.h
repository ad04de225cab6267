// The progress of an installation as it is told: not too often, and with a speed.
#ifndef INTELLIGENCED_RUNTIME_MODELS_INSTALL_METER_H_
#define INTELLIGENCED_RUNTIME_MODELS_INSTALL_METER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/models/installer.h"

namespace intelligenced {

// Not thread-safe.
class InstallMeter {
 public:
  using Report = std::function<void(const InstallProgress&)>;

  InstallMeter(const Clock* clock, Report report) : clock_(clock), report_(std::move(report)) {}

  void Update(InstallProgress::Phase phase, uint64_t done, uint64_t total) {
    const absl::Time now = clock_->Now();
    if (phase != phase_ || window_start_ == absl::InfinitePast()) {
      window_start_ = now;
      window_bytes_ = done;
      last_ = absl::InfinitePast();
    }
    phase_ = phase;
    if (now - last_ < kReportInterval && done != total) return;
    last_ = now;
    const absl::Duration span = now - window_start_;
    if (span > absl::ZeroDuration()) {
      speed_ =
          static_cast<double>(done - std::min(done, window_bytes_)) / absl::ToDoubleSeconds(span);
    }
    if (span > kSpeedWindow) {
      window_start_ = now - kSpeedWindow / 2;
      window_bytes_ =
          done -
          std::min(done, static_cast<uint64_t>(speed_ * absl::ToDoubleSeconds(kSpeedWindow / 2)));
    }
    report_({phase, done, total, speed_});
  }

 private:
  static constexpr absl::Duration kReportInterval = absl::Milliseconds(100);
  // The speed is that of about the last so long.
  static constexpr absl::Duration kSpeedWindow = absl::Seconds(5);

  const Clock* const clock_;
  const Report report_;
  InstallProgress::Phase phase_ = InstallProgress::Phase::kDownloading;
  absl::Time last_ = absl::InfinitePast();
  absl::Time window_start_ = absl::InfinitePast();
  uint64_t window_bytes_ = 0;
  double speed_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_INSTALL_METER_H_

#include <atomic>
#include <memory>

#include "absl/synchronization/mutex.h"
#include "runtime/engines/fake/fake_engine.h"

namespace intelligenced {
namespace {

class RealFakeTime final : public FakeTime {
 public:
  absl::Time Now() override { return clock_.Now(); }

  void Wait(absl::Duration duration, const std::vector<CancelToken>& tokens) override {
    absl::Mutex mutex;
    bool cancelled = false;
    std::vector<CancelRegistration> registrations;
    registrations.reserve(tokens.size());
    for (const CancelToken& token : tokens) {
      registrations.push_back(token.OnCancel([&] {
        absl::MutexLock lock(mutex);
        cancelled = true;
      }));
    }
    absl::MutexLock lock(mutex);
    mutex.AwaitWithTimeout(absl::Condition(&cancelled), duration);
  }

 private:
  const SystemClock clock_;
};

class ManualFakeTime final : public FakeTime {
 public:
  explicit ManualFakeTime(ManualClock* clock) : clock_(clock) {}
  absl::Time Now() override { return clock_->Now(); }
  void Wait(absl::Duration duration, const std::vector<CancelToken>&) override {
    clock_->Advance(duration);
  }

 private:
  ManualClock* const clock_;
};

}  // namespace

std::unique_ptr<FakeTime> MakeRealFakeTime() { return std::make_unique<RealFakeTime>(); }

std::unique_ptr<FakeTime> MakeManualFakeTime(ManualClock* clock) {
  return std::make_unique<ManualFakeTime>(clock);
}

}  // namespace intelligenced

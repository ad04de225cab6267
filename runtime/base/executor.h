// Threads, injected: something that runs closures, now or at a time.
#ifndef INTELLIGENCED_RUNTIME_BASE_EXECUTOR_H_
#define INTELLIGENCED_RUNTIME_BASE_EXECUTOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace intelligenced {

// Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  // Never runs `work` on the calling thread before returning.
  virtual void Run(absl::AnyInvocable<void()> work) = 0;
};

// Starts a thread when work waits and all threads are busy, up to `max_threads`; ends idle ones
// with the pool. The destructor runs what is queued, then joins.
class ThreadPool final : public Executor {
 public:
  ThreadPool(std::string name, int max_threads);
  ~ThreadPool() override;
  void Run(absl::AnyInvocable<void()> work) override;

 private:
  void Loop();

  const std::string name_;
  const int max_threads_;
  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

// Runs closures at a time. Thread-safe.
class Timer {
 public:
  using Id = uint64_t;
  virtual ~Timer() = default;
  // Runs `work` on the timer's thread once `clock` reaches `when`. `work` must be quick.
  virtual Id Schedule(absl::Time when, absl::AnyInvocable<void()> work) = 0;
  // True when the closure will not run; false when it ran, runs, or never was.
  virtual bool Cancel(Id id) = 0;
};

// One thread on the system clock. The destructor drops what has not run.
class ThreadTimer final : public Timer {
 public:
  explicit ThreadTimer(const Clock* clock);
  ~ThreadTimer() override;
  Id Schedule(absl::Time when, absl::AnyInvocable<void()> work) override;
  bool Cancel(Id id) override;

 private:
  void Loop();

  const Clock* const clock_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<std::pair<absl::Time, Id>, absl::AnyInvocable<void()>> pending_ ABSL_GUARDED_BY(mutex_);
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// For tests: queues work and runs it when told, on the calling thread, in order.
class ManualExecutor final : public Executor, public Timer {
 public:
  explicit ManualExecutor(ManualClock* clock) : clock_(clock) {}
  void Run(absl::AnyInvocable<void()> work) override;
  Id Schedule(absl::Time when, absl::AnyInvocable<void()> work) override;
  bool Cancel(Id id) override;

  // Runs everything that is queued or due, and what that queues in turn. Returns how many ran.
  int RunUntilIdle();
  // Moves the clock forward, stopping at every timer on the way.
  void Advance(absl::Duration duration);

 private:
  bool RunOne();

  ManualClock* const clock_;
  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<absl::Time, Id>, absl::AnyInvocable<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_EXECUTOR_H_

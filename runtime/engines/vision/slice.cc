#include "runtime/engines/vision/slice.h"

#include <utility>

namespace intelligenced {

SlicedWork::SlicedWork(const Clock* clock, std::function<void()> body)
    : clock_(clock), body_(std::move(body)) {}

SlicedWork::~SlicedWork() {
  {
    absl::MutexLock lock(mutex_);
    abandoned_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void SlicedWork::Resume(absl::Time end) {
  bool start = false;
  {
    absl::MutexLock lock(mutex_);
    if (state_ == State::kDone) return;
    start = state_ == State::kNew;
    state_ = State::kRunning;
    begin_ = clock_->Now();
    end_ = end;
  }
  if (!start) return;
  thread_ = std::thread([this] {
    body_();
    absl::MutexLock lock(mutex_);
    last_slice_ = clock_->Now() - begin_;
    state_ = State::kDone;
  });
}

bool SlicedWork::Wait() {
  absl::MutexLock lock(mutex_);
  mutex_.Await(absl::Condition(+[](State* state) { return *state != State::kRunning; }, &state_));
  return state_ == State::kDone;
}

absl::Duration SlicedWork::last_slice() const {
  absl::MutexLock lock(mutex_);
  return last_slice_;
}

bool SlicedWork::GoOn() {
  absl::MutexLock lock(mutex_);
  if (abandoned_) return false;
  const absl::Time now = clock_->Now();
  if (now < end_) return true;
  last_slice_ = now - begin_;
  state_ = State::kPaused;
  const auto may_run = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return abandoned_ || state_ == State::kRunning;
  };
  mutex_.Await(absl::Condition(&may_run));
  return !abandoned_;
}

}  // namespace intelligenced

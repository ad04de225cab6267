#include "runtime/base/cancel.h"

#include <thread>

namespace intelligenced {

struct CancelToken::State {
  std::atomic<bool> cancelled = false;
  absl::Mutex mutex;
  std::map<uint64_t, absl::AnyInvocable<void()>> callbacks ABSL_GUARDED_BY(mutex);
  uint64_t next_id ABSL_GUARDED_BY(mutex) = 1;
  // The callback being run and the thread that runs it: Reset() waits for it, except from within.
  uint64_t running ABSL_GUARDED_BY(mutex) = 0;
  std::thread::id runner ABSL_GUARDED_BY(mutex);
};

CancelRegistration::CancelRegistration(CancelRegistration&& other) noexcept
    : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}

CancelRegistration& CancelRegistration::operator=(CancelRegistration&& other) noexcept {
  if (this != &other) {
    Reset();
    state_ = std::move(other.state_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void CancelRegistration::Reset() {
  if (id_ == 0) return;
  auto* state = static_cast<CancelToken::State*>(state_.get());
  absl::AnyInvocable<void()> dropped;  // destroyed outside the lock
  {
    absl::MutexLock lock(state->mutex);
    if (auto it = state->callbacks.find(id_); it != state->callbacks.end()) {
      dropped = std::move(it->second);
      state->callbacks.erase(it);
    } else if (state->runner != std::this_thread::get_id()) {
      auto finished = [state, id = id_]()
                          ABSL_SHARED_LOCKS_REQUIRED(state->mutex) { return state->running != id; };
      state->mutex.Await(absl::Condition(&finished));
    }
  }
  id_ = 0;
  state_.reset();
}

bool CancelToken::cancelled() const {
  return state_ != nullptr && state_->cancelled.load(std::memory_order_acquire);
}

CancelRegistration CancelToken::OnCancel(absl::AnyInvocable<void()> callback) const {
  CancelRegistration registration;
  if (state_ == nullptr) return registration;
  {
    absl::MutexLock lock(state_->mutex);
    if (!state_->cancelled.load(std::memory_order_relaxed)) {
      registration.state_ = state_;
      registration.id_ = state_->next_id++;
      state_->callbacks.emplace(registration.id_, std::move(callback));
      return registration;
    }
  }
  callback();
  return registration;
}

CancelSource::CancelSource() : token_(std::make_shared<CancelToken::State>()) {}

void CancelSource::Cancel() const {
  const std::shared_ptr<CancelToken::State> state = token_.state_;
  {
    absl::MutexLock lock(state->mutex);
    if (state->cancelled.exchange(true, std::memory_order_acq_rel)) return;
    state->runner = std::this_thread::get_id();
  }
  while (true) {
    absl::AnyInvocable<void()> callback;
    {
      absl::MutexLock lock(state->mutex);
      state->running = 0;
      if (state->callbacks.empty()) {
        state->runner = std::thread::id();
        return;
      }
      auto first = state->callbacks.begin();
      state->running = first->first;
      callback = std::move(first->second);
      state->callbacks.erase(first);
    }
    callback();
  }
}

}  // namespace intelligenced

#include "services/language_model/session_expiry.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace intelligenced {

struct SessionExpiry::State : std::enable_shared_from_this<State> {
  State(std::shared_ptr<SessionStore> store, Timer* timer)
      : store(std::move(store)), timer(timer) {}

  void Watch() {
    const absl::Time next = store->ExpireIdle();
    absl::MutexLock lock(mutex);
    if (next >= due) return;
    if (id.has_value()) timer->Cancel(*id);
    due = next;
    id = timer->Schedule(next, [weak = weak_from_this()] {
      if (const std::shared_ptr<State> state = weak.lock(); state != nullptr) state->OnTimer();
    });
  }

  void OnTimer() {
    {
      absl::MutexLock lock(mutex);
      due = absl::InfiniteFuture();
      id.reset();
    }
    Watch();
  }

  const std::shared_ptr<SessionStore> store;
  Timer* const timer;
  absl::Mutex mutex;
  absl::Time due ABSL_GUARDED_BY(mutex) = absl::InfiniteFuture();
  std::optional<Timer::Id> id ABSL_GUARDED_BY(mutex);
};

SessionExpiry::SessionExpiry(std::shared_ptr<SessionStore> store, Timer* timer)
    : state_(std::make_shared<State>(std::move(store), timer)) {}

SessionExpiry::~SessionExpiry() {
  absl::MutexLock lock(state_->mutex);
  if (state_->id.has_value()) state_->timer->Cancel(*state_->id);
}

void SessionExpiry::Watch() { state_->Watch(); }

}  // namespace intelligenced

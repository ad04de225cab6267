#include "services/rpc/strand.h"

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace intelligenced {

struct Strand::State {
  absl::Mutex mutex;
  std::deque<absl::AnyInvocable<void()>> queue ABSL_GUARDED_BY(mutex);
  bool running ABSL_GUARDED_BY(mutex) = false;
};

Strand::Strand() : state_(std::make_shared<State>()) {}

void Strand::Run(absl::AnyInvocable<void()> work) {
  // The work may drop the last owner of this strand.
  const std::shared_ptr<State> state = state_;
  {
    absl::MutexLock lock(state->mutex);
    if (state->running) {
      state->queue.push_back(std::move(work));
      return;
    }
    state->running = true;
  }
  while (true) {
    work();
    work = nullptr;  // what it held is destroyed outside the lock
    absl::MutexLock lock(state->mutex);
    if (state->queue.empty()) {
      state->running = false;
      return;
    }
    work = std::move(state->queue.front());
    state->queue.pop_front();
  }
}

}  // namespace intelligenced

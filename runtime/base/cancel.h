// Cooperative cancellation: a source that is cancelled once, and tokens that see it.
#ifndef INTELLIGENCED_RUNTIME_BASE_CANCEL_H_
#define INTELLIGENCED_RUNTIME_BASE_CANCEL_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace intelligenced {

class CancelToken;

// Keeps a callback registered while it lives. Movable. Destroying it waits for a callback that is
// running on another thread, so what the callback uses may be destroyed afterwards.
class [[nodiscard]] CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&& other) noexcept;
  CancelRegistration& operator=(CancelRegistration&& other) noexcept;
  ~CancelRegistration() { Reset(); }
  void Reset();

 private:
  friend class CancelToken;
  std::shared_ptr<void> state_;
  uint64_t id_ = 0;
};

// Copyable, cheap, thread-safe. A default token is never cancelled.
class CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const;

  // Runs `callback` once when the source is cancelled, on the cancelling thread without a lock
  // held; at once, on this thread, when that has already happened. The callback must be quick.
  CancelRegistration OnCancel(absl::AnyInvocable<void()> callback) const;

 private:
  friend class CancelSource;
  struct State;
  friend class CancelRegistration;
  explicit CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Copyable handle on one cancellation. Thread-safe.
class CancelSource {
 public:
  CancelSource();
  CancelToken token() const { return token_; }
  // Runs the registered callbacks before it returns. Later calls do nothing.
  void Cancel() const;

 private:
  CancelToken token_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_CANCEL_H_

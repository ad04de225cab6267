// Gives the memory of expired sessions back in time.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_EXPIRY_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_EXPIRY_H_

#include <memory>

#include "runtime/base/executor.h"
#include "services/language_model/session_store.h"

namespace intelligenced {

// Keeps one timer, set for when the next session can expire; none while there are no sessions.
// Thread-safe. `timer` outlives it; it may be destroyed while the timer runs.
class SessionExpiry {
 public:
  SessionExpiry(std::shared_ptr<SessionStore> store, Timer* timer);
  ~SessionExpiry();

  // To be called after a session was made. Uses only push an expiry back: they need no call.
  void Watch();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSION_EXPIRY_H_

// One thing at a time for one call: events of several jobs, of the client and of timers come on
// different threads and are handled in order, one by one, without a lock held.
#ifndef INTELLIGENCED_SERVICES_RPC_STRAND_H_
#define INTELLIGENCED_SERVICES_RPC_STRAND_H_

#include <memory>

#include "absl/functional/any_invocable.h"

namespace intelligenced {

// Thread-safe. There is no thread in it: whoever comes first runs what others bring meanwhile.
class Strand {
 public:
  Strand();

  // Runs `work` before it returns when nothing of this strand is running, else leaves it to the
  // thread that is. From inside the strand: runs after the present work. Destroying the strand from
  // inside is fine: what was left is still run.
  void Run(absl::AnyInvocable<void()> work);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_STRAND_H_

// Starting apps that offer actions. Implemented by the daemon (daemon/provider_launcher).
#ifndef INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_
#define INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "services/actions/declaration.h"

namespace intelligenced {

// Thread-safe. Blocks a little: called on Runtime::blocking().
class ProviderLauncher {
 public:
  virtual ~ProviderLauncher() = default;
  // OK: it is on its way; whether it comes shows by its connection. UNAVAILABLE with words for a
  // person otherwise. `user` is whose it is to be.
  virtual absl::Status Start(uid_t user, const ProviderStart& start) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_

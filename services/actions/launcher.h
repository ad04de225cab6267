// Starting apps that offer actions. Implemented by the daemon (daemon/provider_launcher).
#ifndef INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_
#define INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_

#include <sys/types.h>

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/actions/declaration.h"

namespace intelligenced {

// How a program ended: by itself, or by a signal.
struct ProviderExit {
  int status = 0;
  int signal = 0;  // 0: none

  bool well() const { return status == 0 && signal == 0; }
  // "exited with status 3"
  std::string Words() const {
    return signal == 0 ? absl::StrCat("exited with status ", status)
                       : absl::StrCat("was ended by signal ", signal);
  }
};

// Thread-safe. Blocks a little: called on Runtime::blocking().
class ProviderLauncher {
 public:
  virtual ~ProviderLauncher() = default;
  using OnExit = absl::AnyInvocable<void(ProviderExit exit) &&>;

  // OK: it is on its way; whether it comes shows by its connection. UNAVAILABLE with words for a
  // person otherwise. `user` is whose it is to be.
  //
  // What `start.command` started calls `exited` when it ends, however much later, on a thread of
  // the launcher's and never inside of Start(). The other ways start nothing that is the daemon's
  // to watch: they drop it.
  virtual absl::Status Start(uid_t user, const ProviderStart& start, OnExit exited) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_LAUNCHER_H_

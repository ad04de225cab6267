// Starts apps that offer actions: a program without a shell, a service of systemd, a name on D-Bus.
#ifndef INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_
#define INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "daemon/log.h"
#include "services/actions/launcher.h"

namespace intelligenced {

// Thread-safe. `log` outlives it. Starts apps of `own_user` alone: a daemon for all users cannot
// become one of them.
class SystemProviderLauncher final : public ProviderLauncher {
 public:
  // `socket` is where apps are told to connect (INTELLIGENCED_SOCKET).
  SystemProviderLauncher(uid_t own_user, std::string socket, Log* log)
      : own_user_(own_user), socket_(std::move(socket)), log_(log) {}

  absl::Status Start(uid_t user, const ProviderStart& start) override;

 private:
  const uid_t own_user_;
  const std::string socket_;
  Log* const log_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_PROVIDER_LAUNCHER_H_

// systemd and launchd: sockets passed at the start, readiness, watchdog. Without either, all of it
// does nothing.
#ifndef INTELLIGENCED_DAEMON_SERVICE_MANAGER_H_
#define INTELLIGENCED_DAEMON_SERVICE_MANAGER_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/socket.h"

namespace intelligenced {

struct ActivationSockets {
  std::vector<ListeningSocket> sockets;
  // For descriptors: told by its path, which is another one's and ".fd" (launchd: by its name).
  std::optional<ListeningSocket> attachments;
};

// The listening sockets that the service manager bound for this process; empty: it bound none.
// Call once, before threads are started: it takes the variables out of the environment, so that
// workers do not inherit them.
absl::StatusOr<ActivationSockets> TakeActivationSockets();

void NotifyReady(std::string_view status);
void NotifyStopping(std::string_view status);
// Before a reload; NotifyReady() after it.
void NotifyReloading();
void NotifyWatchdog();

// How often NotifyWatchdog() must be called: half of what the service manager waits. Infinite:
// never.
absl::Duration WatchdogInterval();

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_SERVICE_MANAGER_H_

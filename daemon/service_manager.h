// systemd and launchd: sockets passed at the start, readiness, watchdog. Without either, all of it
// does nothing.
#ifndef INTELLIGENCED_DAEMON_SERVICE_MANAGER_H_
#define INTELLIGENCED_DAEMON_SERVICE_MANAGER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/socket.h"

namespace intelligenced {

// The listening sockets that the service manager bound for this process; empty: it bound none.
// Call once, before threads are started: it takes the variables out of the environment, so that
// workers do not inherit them.
absl::StatusOr<std::vector<ListeningSocket>> TakeActivationSockets();

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

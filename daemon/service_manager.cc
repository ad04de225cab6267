#include "daemon/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "protos/support/attachment_frame.h"

#ifdef __APPLE__
#include <launch.h>
#else
#include <systemd/sd-daemon.h>
#endif

namespace intelligenced {

#ifdef __APPLE__

namespace {

// `name` is a key of the property list's Sockets dictionary.
absl::StatusOr<std::vector<ListeningSocket>> TakeSockets(const char* name) {
  std::vector<ListeningSocket> sockets;
  int* fds = nullptr;
  size_t count = 0;
  const int error = launch_activate_socket(name, &fds, &count);
  // Not started by launchd, or by a property list without it.
  if (error == ESRCH || error == ENOENT) return sockets;
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("launchd did not hand over its sockets: ", strerror(error), "."));
  }
  absl::Status status;
  for (size_t i = 0; i < count && status.ok(); ++i) {
    absl::StatusOr<ListeningSocket> socket = ListeningSocket::Adopt(fds[i]);
    if (socket.ok()) {
      sockets.push_back(*std::move(socket));
    } else {
      status = socket.status();
    }
  }
  free(fds);
  if (!status.ok()) return status;
  return sockets;
}

}  // namespace

absl::StatusOr<ActivationSockets> TakeActivationSockets() {
  ActivationSockets result;
  absl::StatusOr<std::vector<ListeningSocket>> sockets = TakeSockets("Socket");
  if (!sockets.ok()) return sockets.status();
  result.sockets = *std::move(sockets);
  absl::StatusOr<std::vector<ListeningSocket>> attachments = TakeSockets("AttachmentSocket");
  if (!attachments.ok()) return attachments.status();
  if (!attachments->empty()) result.attachments = std::move(attachments->front());
  return result;
}

void NotifyReady(std::string_view) {}
void NotifyStopping(std::string_view) {}
void NotifyReloading() {}
void NotifyWatchdog() {}
absl::Duration WatchdogInterval() { return absl::InfiniteDuration(); }

#else

absl::StatusOr<ActivationSockets> TakeActivationSockets() {
  std::vector<ListeningSocket> sockets;
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The sockets of the service manager cannot be taken over: ", strerror(-count), "."));
  }
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<ListeningSocket> socket = ListeningSocket::Adopt(SD_LISTEN_FDS_START + i);
    if (!socket.ok()) return socket.status();
    sockets.push_back(*std::move(socket));
  }
  ActivationSockets result;
  for (ListeningSocket& socket : sockets) {
    const bool attachments =
        std::any_of(sockets.begin(), sockets.end(), [&](const ListeningSocket& other) {
          return !other.path().empty() && socket.path() == AttachmentSocketPath(other.path());
        });
    if (attachments) result.attachments = std::move(socket);
  }
  for (ListeningSocket& socket : sockets) {
    if (socket.fd() >= 0) result.sockets.push_back(std::move(socket));
  }
  return result;
}

void NotifyReady(std::string_view status) {
  sd_notify(0, absl::StrCat("READY=1\nSTATUS=", status).c_str());
}

void NotifyStopping(std::string_view status) {
  sd_notify(0, absl::StrCat("STOPPING=1\nSTATUS=", status).c_str());
}

void NotifyReloading() { sd_notify(0, "RELOADING=1"); }

void NotifyWatchdog() { sd_notify(0, "WATCHDOG=1"); }

absl::Duration WatchdogInterval() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return absl::InfiniteDuration();
  return absl::Microseconds(static_cast<int64_t>(microseconds)) / 2;
}

#endif

}  // namespace intelligenced

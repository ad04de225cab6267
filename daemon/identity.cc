#include "daemon/identity.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <vector>

#ifdef __APPLE__
#include <libproc.h>
#include <sys/ucred.h>
#include <sys/un.h>
#endif

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace intelligenced {
namespace {

// systemd writes other characters in unit names as \xHH.
std::string Unescape(std::string_view name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    unsigned value = 0;
    if (name[i] == '\\' && i + 3 < name.size() && name[i + 1] == 'x' &&
        absl::SimpleHexAtoi(name.substr(i + 2, 2), &value)) {
      text += static_cast<char>(value);
      i += 3;
    } else {
      text += name[i];
    }
  }
  return text;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "app-flatpak-org.gnome.gedit-1234.scope" and "flatpak-org.gnome.gedit-1234.scope".
std::string FlatpakId(std::string_view unit) {
  absl::ConsumePrefix(&unit, "app-");
  if (!absl::ConsumePrefix(&unit, "flatpak-") || !absl::ConsumeSuffix(&unit, ".scope")) return "";
  const size_t dash = unit.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || !IsNumber(unit.substr(dash + 1))) return "";
  return Unescape(unit.substr(0, dash));
}

// "snap.firefox.firefox-UUID.scope", "snap.firefox.firefox.UUID.scope", "snap.x.daemon.service".
std::string SnapName(std::string_view unit) {
  if (!absl::ConsumePrefix(&unit, "snap.")) return "";
  const size_t dot = unit.find('.');
  return dot == std::string_view::npos || dot == 0 ? "" : Unescape(unit.substr(0, dot));
}

// The desktop's convention: app[-LAUNCHER]-ID-RANDOM.scope and app[-LAUNCHER]-ID@RANDOM.service.
// The launcher cannot be told from the ID's first part by form alone, so only known ones go.
std::string DesktopApp(std::string_view unit) {
  if (!absl::ConsumePrefix(&unit, "app-") || absl::StartsWith(unit, "flatpak-")) return "";
  if (absl::ConsumeSuffix(&unit, ".scope")) {
    const size_t dash = unit.rfind('-');
    if (dash != std::string_view::npos) unit = unit.substr(0, dash);
  } else if (absl::ConsumeSuffix(&unit, ".service")) {
    unit = unit.substr(0, unit.find('@'));
  } else {
    return "";
  }
  for (std::string_view launcher : {"gnome-", "kde-", "dbus-", "dbus\\x2d"}) {
    if (absl::ConsumePrefix(&unit, launcher)) break;
  }
  return Unescape(unit);
}

// Scopes of a login or a terminal hold whatever a person starts there; they are no app.
bool IsSession(std::string_view unit) {
  return absl::StartsWith(unit, "session-") || absl::StartsWith(unit, "vte-spawn-") ||
         absl::StartsWith(unit, "run-") || absl::StartsWith(unit, "user@") || unit == "init.scope";
}

#ifndef __APPLE__

std::optional<std::string> ReadSmallFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 4096> buffer;
  const ssize_t length = read(fd, buffer.data(), buffer.size());
  close(fd);
  if (length < 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<size_t>(length));
}

// Field 22 of /proc/PID/stat: one process's start, different for the next owner of the number.
std::string StartTime(pid_t pid) {
  const std::optional<std::string> stat = ReadSmallFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!stat.has_value()) return "";
  // The second field is the command in parentheses and may hold anything, also parentheses.
  const size_t end = stat->rfind(')');
  if (end == std::string::npos) return "";
  const std::vector<std::string_view> fields =
      absl::StrSplit(std::string_view(*stat).substr(end + 1), ' ', absl::SkipEmpty());
  return fields.size() > 19 ? std::string(fields[19]) : "";
}

// Since Linux 6.5; the header of an older system does not have it.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

// Tells whether a process has been the same, and alive, since this was made.
class ProcessGuard {
 public:
  ProcessGuard(int socket_fd, pid_t pid) : pid_(pid) {
    socklen_t length = sizeof(pidfd_);
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd_, &length) != 0) {
      pidfd_ = -1;
      start_time_ = StartTime(pid);
    }
  }
  ProcessGuard(const ProcessGuard&) = delete;
  ProcessGuard& operator=(const ProcessGuard&) = delete;
  ~ProcessGuard() {
    if (pidfd_ >= 0) close(pidfd_);
  }
  bool StillThere() const {
    if (pidfd_ < 0) return !start_time_.empty() && StartTime(pid_) == start_time_;
    // A pidfd becomes readable when its process ends. While it has not, the number is its own.
    pollfd poll_fd{.fd = pidfd_, .events = POLLIN, .revents = 0};
    return poll(&poll_fd, 1, 0) == 0;
  }

 private:
  const pid_t pid_;
  int pidfd_ = -1;
  std::string start_time_;
};

struct ProcessApp {
  std::string app;
  std::string executable;
};

ProcessApp AppOfProcess(pid_t pid) {
  ProcessApp found;
  if (std::optional<std::string> cgroup = ReadSmallFile(absl::StrCat("/proc/", pid, "/cgroup"))) {
    found.app = AppFromControlGroup(*cgroup);
    if (absl::StartsWith(found.app, "flatpak:") || absl::StartsWith(found.app, "snap:")) {
      return found;
    }
  }
  std::array<char, PATH_MAX> link;
  const ssize_t length =
      readlink(absl::StrCat("/proc/", pid, "/exe").c_str(), link.data(), link.size());
  if (length <= 0) return found;
  std::string app = AppFromExecutable(std::string_view(link.data(), static_cast<size_t>(length)));
  if (!app.empty()) found.executable = app.substr(4);
  if (found.app.empty()) found.app = std::move(app);
  return found;
}

#endif

}  // namespace

std::string Identity::id() const { return absl::StrCat(user_id, ":", app); }

std::string AppFromControlGroup(std::string_view cgroup) {
  // Version 2 has one line, "0::/…"; mixed systems have it last and systemd's own as
  // "name=systemd".
  std::string_view path;
  for (std::string_view line : absl::StrSplit(cgroup, '\n', absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&line, "0::")) {
      path = line;
    } else if (const size_t mark = line.find(":name=systemd:");
               path.empty() && mark != std::string_view::npos) {
      path = line.substr(mark + 14);
    }
  }
  // The innermost unit counts; what a unit makes below itself has other names.
  std::vector<std::string_view> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const std::string_view unit = *part;
    const bool scope = absl::EndsWith(unit, ".scope");
    if (!scope && !absl::EndsWith(unit, ".service")) continue;
    if (std::string id = FlatpakId(unit); !id.empty()) return "flatpak:" + id;
    if (std::string name = SnapName(unit); !name.empty()) return "snap:" + name;
    if (IsSession(unit)) return "";
    if (std::string app = DesktopApp(unit); !app.empty()) return "unit:" + app;
    return scope ? "" : "unit:" + Unescape(unit);
  }
  return "";
}

std::string AppFromExecutable(std::string_view link) {
  absl::ConsumeSuffix(&link, " (deleted)");
  return link.empty() || link.front() != '/' ? "" : absl::StrCat("exe:", link);
}

std::string DisplayName(std::string_view app) {
  if (absl::ConsumePrefix(&app, "exe:")) {
    return std::string(app.substr(app.rfind('/') + 1));
  }
  const size_t colon = app.find(':');
  if (colon != std::string_view::npos) app.remove_prefix(colon + 1);
  absl::ConsumeSuffix(&app, ".service");
  return std::string(app);
}

#ifdef __APPLE__

absl::StatusOr<Identity> IdentifyPeer(int fd) {
  xucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERCRED, &credentials, &length) != 0 ||
      credentials.cr_version != XUCRED_VERSION) {
    return absl::UnavailableError("The peer's credentials cannot be read.");
  }
  Identity identity;
  identity.user_id = credentials.cr_uid;
  identity.group_id = credentials.cr_ngroups > 0 ? credentials.cr_groups[0] : 0;
  length = sizeof(identity.process_id);
  getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &identity.process_id, &length);
  std::array<char, PROC_PIDPATHINFO_MAXSIZE> path;
  const int size = proc_pidpath(identity.process_id, path.data(), path.size());
  if (size > 0) {
    identity.executable = std::string(path.data(), size);
    identity.app = AppFromExecutable(identity.executable);
  }
  if (identity.app.empty()) identity.app = "unknown";
  identity.display_name = DisplayName(identity.app);
  return identity;
}

#else

absl::StatusOr<Identity> IdentifyPeer(int fd) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return absl::UnavailableError(
        absl::StrCat("The peer's credentials cannot be read: ", strerror(errno), "."));
  }
  Identity identity;
  identity.user_id = credentials.uid;
  identity.group_id = credentials.gid;
  identity.process_id = credentials.pid;
  // 0: the peer is in another process namespace. -1 user: it could not be translated either.
  if (credentials.pid > 0) {
    const ProcessGuard guard(fd, credentials.pid);
    ProcessApp found = AppOfProcess(credentials.pid);
    // What was read counts only if the number belonged to the peer until now.
    if (guard.StillThere()) {
      identity.app = std::move(found.app);
      identity.executable = std::move(found.executable);
    }
  }
  if (identity.app.empty()) identity.app = "unknown";
  identity.display_name = DisplayName(identity.app);
  return identity;
}

#endif

}  // namespace intelligenced

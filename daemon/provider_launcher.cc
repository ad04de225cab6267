#include "daemon/provider_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#ifndef __APPLE__
#include <systemd/sd-bus.h>
#endif

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace intelligenced {
namespace {

// Waits for the program's end, so that it leaves no zombie.
void Reap(pid_t child) {
  std::thread([child] {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }).detach();
}

absl::Status StartCommand(const std::vector<std::string>& command, const std::string& socket) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  // The app finds this daemon, and none of the variables that were meant for the daemon alone.
  const std::string where = absl::StrCat("INTELLIGENCED_SOCKET=", socket);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (absl::StartsWith(text, "INTELLIGENCED_SOCKET=") ||
        absl::StartsWith(text, "NOTIFY_SOCKET=") || absl::StartsWith(text, "LISTEN_") ||
        absl::StartsWith(text, "WATCHDOG_") || absl::StartsWith(text, "STATE_DIRECTORY=") ||
        absl::StartsWith(text, "JOURNAL_STREAM=")) {
      continue;
    }
    environment.push_back(*variable);
  }
  environment.push_back(const_cast<char*>(where.c_str()));
  environment.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const absl::Cleanup free_files = [&] { posix_spawn_file_actions_destroy(&files); };
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  // What it writes is not the daemon's log: nothing of a person's data may get there.
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error =
      posix_spawn(&child, arguments[0], &files, &attributes, arguments.data(), environment.data());
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("The program ", command[0], " cannot be started: ", strerror(error), "."));
  }
  Reap(child);
  return absl::OkStatus();
}

#ifdef __APPLE__

absl::Status CallBus(const char*, const char*, const char*, const char*, const char*,
                     const std::string&) {
  return absl::UnavailableError("This system starts apps by their command only.");
}

#else

// One call of a method with a text and a number or a second text, on the user's bus.
absl::Status CallBus(const char* destination, const char* path, const char* interface,
                     const char* method, const char* signature, const std::string& name) {
  sd_bus* bus = nullptr;
  int error = sd_bus_open_user(&bus);
  const absl::Cleanup close_bus = [&] { sd_bus_flush_close_unref(bus); };
  if (error < 0) {
    return absl::UnavailableError(
        absl::StrCat("The app cannot be started: there is no D-Bus of the user's here (",
                     strerror(-error), ")."));
  }
  sd_bus_set_method_call_timeout(bus, 10'000'000);
  sd_bus_error problem = SD_BUS_ERROR_NULL;
  const absl::Cleanup free_problem = [&] { sd_bus_error_free(&problem); };
  const bool unit = std::string_view(signature) == "ss";
  error = unit ? sd_bus_call_method(bus, destination, path, interface, method, &problem, nullptr,
                                    "ss", name.c_str(), "replace")
               : sd_bus_call_method(bus, destination, path, interface, method, &problem, nullptr,
                                    "su", name.c_str(), 0U);
  if (error < 0) {
    return absl::UnavailableError(
        absl::StrCat(name, " cannot be started: ",
                     problem.message == nullptr ? strerror(-error) : problem.message, "."));
  }
  return absl::OkStatus();
}

#endif

}  // namespace

absl::Status SystemProviderLauncher::Start(uid_t user, const ProviderStart& start) {
  if (user != own_user_) {
    return absl::UnavailableError(
        "This daemon is not of this user and starts no apps for them. Start the app and try "
        "again.");
  }
  if (!start.command.empty()) {
    log_->Info(absl::StrCat("starting ", start.command.front(), " for its actions"));
    return StartCommand(start.command, socket_);
  }
  if (!start.systemd_unit.empty()) {
    log_->Info(absl::StrCat("starting ", start.systemd_unit, " for its actions"));
    return CallBus("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                   "org.freedesktop.systemd1.Manager", "StartUnit", "ss", start.systemd_unit);
  }
  log_->Info(absl::StrCat("starting ", start.dbus_name, " for its actions"));
  return CallBus("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                 "StartServiceByName", "su", start.dbus_name);
}

}  // namespace intelligenced

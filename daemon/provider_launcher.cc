#include "daemon/provider_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#ifndef __APPLE__
#include <systemd/sd-bus.h>
#endif

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace intelligenced {
namespace {

absl::StatusOr<pid_t> StartCommand(const ProviderStart& start, const std::string& socket) {
  const std::vector<std::string>& command = start.command;
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
    const auto replaced = [text](const std::string& set) {
      return absl::StartsWith(text, set.substr(0, set.find('=') + 1));
    };
    if (std::any_of(start.environment.begin(), start.environment.end(), replaced)) continue;
    environment.push_back(*variable);
  }
  for (const std::string& set : start.environment) {
    environment.push_back(const_cast<char*>(set.c_str()));
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
  return child;
}

struct BusCall {
  const char* destination = nullptr;
  const char* path = nullptr;
  const char* interface = nullptr;
  const char* method = nullptr;
};

constexpr BusCall kStartUnit = {.destination = "org.freedesktop.systemd1",
                                .path = "/org/freedesktop/systemd1",
                                .interface = "org.freedesktop.systemd1.Manager",
                                .method = "StartUnit"};
constexpr BusCall kStartService = {.destination = "org.freedesktop.DBus",
                                   .path = "/org/freedesktop/DBus",
                                   .interface = "org.freedesktop.DBus",
                                   .method = "StartServiceByName"};
// However long the app may take: the bus itself answers sooner, or not at all.
constexpr int kMostBusSeconds = 10;

#ifdef __APPLE__

absl::Status CallBus(const BusCall&, const std::string&, int) {
  return absl::UnavailableError("This system starts apps by their command only.");
}

#else

// How often a bus that is slow to greet is looked at.
constexpr uint64_t kLookMicroseconds = 100'000;

// A bus that accepts and says nothing must hold up neither the caller nor the daemon's end:
// libsystemd by itself would wait for 25 s.
int WaitUntilReady(sd_bus* bus, int seconds) {
  for (int left = seconds * 10; left > 0;) {
    const int ready = sd_bus_is_ready(bus);
    if (ready != 0) return ready;
    const int processed = sd_bus_process(bus, nullptr);
    if (processed < 0) return processed;
    if (processed > 0) continue;
    const int waited = sd_bus_wait(bus, kLookMicroseconds);
    if (waited < 0) return waited;
    if (waited == 0) --left;
  }
  return -ETIMEDOUT;
}

// One call of a method with the name and, as it wants them, "replace" or the number 0, on the
// user's bus.
absl::Status CallBus(const BusCall& call, const std::string& name, int seconds) {
  sd_bus* bus = nullptr;
  int error = sd_bus_open_user(&bus);
  const absl::Cleanup close_bus = [&] { sd_bus_close_unref(bus); };
  if (error >= 0) error = WaitUntilReady(bus, seconds);
  if (error < 0) {
    return absl::UnavailableError(
        absl::StrCat("The app cannot be started: there is no D-Bus of the user's here (",
                     strerror(-error), ")."));
  }
  sd_bus_set_method_call_timeout(bus, static_cast<uint64_t>(seconds) * 1'000'000);
  sd_bus_error problem = SD_BUS_ERROR_NULL;
  const absl::Cleanup free_problem = [&] { sd_bus_error_free(&problem); };
  const bool unit = std::string_view(call.method) == "StartUnit";
  error = unit ? sd_bus_call_method(bus, call.destination, call.path, call.interface, call.method,
                                    &problem, nullptr, "ss", name.c_str(), "replace")
               : sd_bus_call_method(bus, call.destination, call.path, call.interface, call.method,
                                    &problem, nullptr, "su", name.c_str(), 0U);
  if (error < 0) {
    return absl::UnavailableError(
        absl::StrCat(name, " cannot be started: ",
                     problem.message == nullptr ? strerror(-error) : problem.message, "."));
  }
  return absl::OkStatus();
}

#endif

}  // namespace

SystemProviderLauncher::~SystemProviderLauncher() {
  Telling& telling = *telling_;
  absl::MutexLock lock(telling.mutex);
  telling.over = true;
  const auto quiet = [&telling]() ABSL_SHARED_LOCKS_REQUIRED(telling.mutex) {
    return telling.going_on == 0;
  };
  telling.mutex.Await(absl::Condition(&quiet));
}

void SystemProviderLauncher::Watch(pid_t child, OnExit exited) const {
  // Waits for the program's end in any case, so that it leaves no zombie.
  std::thread([child, exited = std::move(exited), telling = telling_]() mutable {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
      if (errno != EINTR) return;
    }
    {
      absl::MutexLock lock(telling->mutex);
      if (telling->over) return;
      ++telling->going_on;
    }
    std::move(exited)({.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                       .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0});
    // What it holds goes while the launcher is there.
    exited = nullptr;
    absl::MutexLock lock(telling->mutex);
    --telling->going_on;
  }).detach();
}

absl::Status SystemProviderLauncher::Start(uid_t user, const ProviderStart& start, OnExit exited) {
  if (user != own_user_) {
    return absl::UnavailableError(
        "This daemon is not of this user and starts no apps for them. Start the app and try "
        "again.");
  }
  if (!start.command.empty()) {
    log_->Info(absl::StrCat("starting ", start.command.front(), " for its actions"));
    const absl::StatusOr<pid_t> child = StartCommand(start, socket_);
    if (!child.ok()) return child.status();
    Watch(*child, std::move(exited));
    return absl::OkStatus();
  }
  const int seconds = std::min(start.timeout_seconds, kMostBusSeconds);
  if (!start.systemd_unit.empty()) {
    log_->Info(absl::StrCat("starting ", start.systemd_unit, " for its actions"));
    return CallBus(kStartUnit, start.systemd_unit, seconds);
  }
  log_->Info(absl::StrCat("starting ", start.dbus_name, " for its actions"));
  return CallBus(kStartService, start.dbus_name, seconds);
}

}  // namespace intelligenced

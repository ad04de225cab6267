#include "daemon/paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <string_view>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace intelligenced {
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// The XDG specification: a path that is not absolute is to be ignored.
std::string AbsoluteVariable(const char* name) {
  std::string value = Variable(name);
  return value.empty() || value.front() != '/' ? "" : value;
}

std::string HomeOf(uid_t user_id) {
  std::string home = AbsoluteVariable("HOME");
  if (!home.empty()) return home;
  std::array<char, 4096> buffer;
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(user_id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr &&
      found->pw_dir != nullptr) {
    return found->pw_dir;
  }
  return "";
}

std::string ExecutablePath() {
  std::array<char, PATH_MAX> buffer;
#ifdef __APPLE__
  uint32_t size = buffer.size();
  std::array<char, PATH_MAX> resolved;
  if (_NSGetExecutablePath(buffer.data(), &size) != 0) return "";
  return realpath(buffer.data(), resolved.data()) == nullptr ? "" : resolved.data();
#else
  const ssize_t length = readlink("/proc/self/exe", buffer.data(), buffer.size());
  return length <= 0 ? "" : std::string(buffer.data(), static_cast<size_t>(length));
#endif
}

bool IsFile(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? "" : std::string(path.substr(0, slash));
}

}  // namespace

Environment ReadEnvironment() {
  Environment environment;
  environment.user_id = geteuid();
  environment.home = HomeOf(environment.user_id);
  environment.xdg_runtime_dir = AbsoluteVariable("XDG_RUNTIME_DIR");
  environment.xdg_state_home = AbsoluteVariable("XDG_STATE_HOME");
  environment.xdg_data_home = AbsoluteVariable("XDG_DATA_HOME");
  environment.xdg_config_home = AbsoluteVariable("XDG_CONFIG_HOME");
  // systemd gives a list; the unit has one.
  const std::string state = Variable("STATE_DIRECTORY");
  environment.state_directory = state.substr(0, state.find(':'));
  environment.journal_stream = Variable("JOURNAL_STREAM");
  environment.executable = ExecutablePath();
  return environment;
}

std::string FindConfig(const Environment& environment) {
  std::vector<std::string> candidates;
  if (environment.user_id != 0) {
    if (!environment.xdg_config_home.empty()) {
      candidates.push_back(environment.xdg_config_home + "/intelligenced/intelligenced.toml");
    } else if (!environment.home.empty()) {
      candidates.push_back(environment.home + "/.config/intelligenced/intelligenced.toml");
    }
  }
  candidates.push_back("/etc/intelligenced/intelligenced.toml");
  for (const std::string& candidate : candidates) {
    if (IsFile(candidate)) return candidate;
  }
  return "";
}

absl::StatusOr<Paths> ResolvePaths(const Config& config, const Environment& environment) {
  Paths paths;
  const bool root = environment.user_id == 0;

  paths.socket = config.daemon.socket;
  if (paths.socket.empty()) {
    if (!environment.xdg_runtime_dir.empty()) {
      paths.socket = environment.xdg_runtime_dir + "/intelligenced/intelligenced.sock";
    } else if (root) {
      paths.socket = "/run/intelligenced/intelligenced.sock";
      paths.system_wide = true;
    } else if (!environment.xdg_state_home.empty()) {
      paths.socket = environment.xdg_state_home + "/intelligenced/intelligenced.sock";
    } else if (!environment.home.empty()) {
      paths.socket = environment.home + "/.local/state/intelligenced/intelligenced.sock";
    } else {
      return absl::FailedPreconditionError(
          "There is no place for the socket: neither XDG_RUNTIME_DIR nor HOME is set. Name one "
          "with "
          "--socket.");
    }
  } else {
    paths.system_wide = paths.socket.starts_with("/run/intelligenced/");
  }
  constexpr size_t kMaxPath = sizeof(sockaddr_un{}.sun_path) - 1;
  if (paths.socket.size() > kMaxPath) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The socket's path has ", paths.socket.size(), " bytes and the system allows ", kMaxPath,
        ": ", paths.socket, ". Name a shorter one with --socket or [daemon] socket."));
  }

  paths.store = config.models.store;
  if (paths.store.empty()) {
    if (!environment.state_directory.empty()) {
      paths.store = environment.state_directory;
    } else if (paths.system_wide) {
      paths.store = "/var/lib/intelligenced";
    } else if (!environment.xdg_data_home.empty()) {
      paths.store = environment.xdg_data_home + "/intelligenced";
    } else if (!environment.home.empty()) {
      paths.store = environment.home + "/.local/share/intelligenced";
    } else {
      return absl::FailedPreconditionError(
          "There is no place for models: neither XDG_DATA_HOME nor HOME is set. Name one with "
          "--store.");
    }
  }

  // The installation is found from the executable, so that it may be anywhere: PREFIX/sbin with
  // PREFIX/libexec and PREFIX/share, or a build folder, which has the workers beside the daemon.
  const std::string folder = ParentOf(environment.executable);
  const std::string prefix = ParentOf(folder);
  const std::string installed = prefix + "/libexec/intelligenced";
  const std::string programs = IsFolder(installed) ? installed : folder;
  paths.worker_directory = config.worker.directory.empty() ? programs : config.worker.directory;
  const std::string mcp_program = programs + "/intelligenced-mcp-provider";
  if (IsFile(mcp_program)) paths.mcp_program = mcp_program;
  paths.built_in_directories = config.models.built_in_directories.value_or(
      std::vector<std::string>{prefix + "/share/intelligenced/models"});
  paths.catalogue_directories = config.models.catalogue_directories.value_or(
      std::vector<std::string>{prefix + "/share/intelligenced/catalogue"});
  paths.action_directories = config.actions.directories.value_or(
      std::vector<std::string>{prefix + "/share/intelligenced/actions", paths.store + "/actions"});
  paths.action_state = paths.store + "/action-state";
  paths.trusted_clients = config.actions.trusted_clients;
  paths.trusted_clients.push_back("exe:" + folder + "/mlctl");
  paths.trusted_clients.push_back("exe:" + prefix + "/bin/mlctl");
  return paths;
}

}  // namespace intelligenced

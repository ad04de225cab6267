// Where things are, for this user and this installation. The only reader of environment variables.
#ifndef INTELLIGENCED_DAEMON_PATHS_H_
#define INTELLIGENCED_DAEMON_PATHS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/config.h"

namespace intelligenced {

// What the process was started with. Empty: not set.
struct Environment {
  uid_t user_id = 0;
  std::string home;
  std::string xdg_runtime_dir;
  std::string xdg_state_home;
  std::string xdg_data_home;
  std::string xdg_config_home;
  // systemd: the folder of StateDirectory=, and "device:inode" of the journal's stream.
  std::string state_directory;
  std::string journal_stream;
  // Absolute path of this executable.
  std::string executable;
};

// Call before any thread is started.
Environment ReadEnvironment();

// The configuration to read when none is named: the user's, else the system's. Empty: there is
// none.
std::string FindConfig(const Environment& environment);

// Everything the daemon opens, all absolute.
struct Paths {
  std::string socket;
  // The system-wide daemon: its socket is for every user.
  bool system_wide = false;
  std::string store;
  std::string worker_directory;
  std::vector<std::string> built_in_directories;
  std::vector<std::string> catalogue_directories;
  // Where files declare actions; grants and what was done with actions are kept in action_state.
  std::vector<std::string> action_directories;
  std::string action_state;
  // What speaks to servers of the Model Context Protocol; empty: it is not installed.
  std::string mcp_program;
  // Patterns of the person's clients.
  std::vector<std::string> trusted_clients;
};

// Fills in what the configuration leaves open. Fails with words when there is no place for the
// socket or the store, or the socket's path is too long for the system.
absl::StatusOr<Paths> ResolvePaths(const Config& config, const Environment& environment);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_PATHS_H_

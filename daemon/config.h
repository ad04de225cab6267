// The daemon's configuration: what may stand in intelligenced.toml, checked as a whole.
//
// packaging/config/intelligenced.toml documents every key and its default.
#ifndef INTELLIGENCED_DAEMON_CONFIG_H_
#define INTELLIGENCED_DAEMON_CONFIG_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/scheduler/scheduler.h"

namespace intelligenced {

// What one group of clients may do. `pattern` is a client id or a glob of it ('*' and '?').
struct ClientPolicy {
  std::string pattern;
  double weight = 1.0;
  // Names such as "WritingToolsService". Nothing: all services.
  std::optional<std::vector<std::string>> services;
};

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogTarget { kAutomatic, kStderr, kJournal };

// Empty paths mean the default for this user and this installation (daemon/paths.h).
struct Config {
  struct Daemon {
    std::string socket;
    // Of the socket file. Nothing: 0600, and 0666 for a system-wide daemon.
    std::optional<mode_t> mode;
    // Owner group of the socket file. Empty: the daemon's own.
    std::string group;
    int max_connections = 2048;
    int max_connections_per_user = 512;
    // How long interactive work may go on after SIGTERM.
    absl::Duration drain_grace = absl::Seconds(10);
    int activity_records = 10'000;
  } daemon;

  struct Memory {
    uint64_t ceiling_bytes = 0;  // 0: what the machine has less the margin
    uint64_t margin_bytes = uint64_t{2} << 30;
  } memory;

  struct Models {
    std::string store;
    // Nothing: those of the installation.
    std::optional<std::vector<std::string>> catalogue_directories;
    std::optional<std::vector<std::string>> built_in_directories;
    absl::Duration keep_alive = absl::Minutes(5);
    uint32_t threads = 0;  // 0: all cores
    std::map<std::string, std::map<std::string, std::string>> engine_parameters;
  } models;

  struct Scheduling {
    AdmissionLimits limits;
    std::map<std::string, int> lanes;  // empty: "cpu" with all cores
    absl::Duration contended_quantum = absl::Milliseconds(20);
    absl::Duration idle_quantum = absl::Milliseconds(40);
    absl::Duration ageing = absl::Seconds(10);
  } scheduler;

  struct Worker {
    std::string directory;
    bool sandbox = true;
    uint64_t memory_limit_bytes = 0;
    absl::Duration start_timeout = absl::Seconds(10);
    int oom_score_adj = 500;
  } worker;

  struct Actions {
    // Where files declare actions. Nothing: the installation's folder and the store's.
    std::optional<std::vector<std::string>> directories;
    // Patterns of apps ("exe:/usr/bin/panel") that may ask the person and answer for them, beside
    // the mlctl of this installation.
    std::vector<std::string> trusted_clients;
  } actions;

  struct Logging {
    LogLevel level = LogLevel::kInfo;
    LogTarget target = LogTarget::kAutomatic;
  } logging;

  std::vector<ClientPolicy> clients;
};

// Something in a configuration that is not allowed.
struct ConfigProblem {
  int line = 0;  // 1-based; 0: not known
  // What is wrong and what is allowed.
  std::string message;
};

// "FILE:LINE: message", one a line.
std::string FormatProblems(std::string_view file, const std::vector<ConfigProblem>& problems);

// The whole text is checked: `problems` gets everything that is wrong with it, in the order of the
// lines. Nothing when there was anything.
std::optional<Config> ParseConfig(std::string_view text, std::vector<ConfigProblem>* problems);

// Reads and parses `path`. The error message is ready to be shown.
absl::StatusOr<Config> LoadConfig(const std::string& path);

// The keys of `fresh` that differ from `running` and take effect only at the next start
// ("[memory] ceiling", …).
std::vector<std::string> KeysThatNeedRestart(const Config& running, const Config& fresh);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_CONFIG_H_

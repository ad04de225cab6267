// mlctl doctor and config
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::DiagnosticCheck;
using Result = DiagnosticCheck::Result;

DiagnosticCheck CheckSocket(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) {
    return {.name = "socket",
            .result = Result::kFailed,
            .finding = absl::StrCat(path, ": ", std::strerror(errno)),
            .advice = "start the daemon: systemctl --user start intelligenced, or intelligenced"};
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return {.name = "socket",
            .result = Result::kFailed,
            .finding = absl::StrCat(path, " is no socket"),
            .advice = "remove it, or name another with --socket"};
  }
  if (facts.st_uid != geteuid() && facts.st_uid != 0) {
    return {.name = "socket",
            .result = Result::kWarning,
            .finding = absl::StrCat(path, " belongs to user ", facts.st_uid),
            .advice = "what is sent to it can be read by that user"};
  }
  return {.name = "socket", .result = Result::kOk, .finding = path, .advice = ""};
}

DiagnosticCheck CheckVersion(const intelligence::SystemStatus& status) {
  if (status.version == INTELLIGENCED_VERSION) {
    return {.name = "version", .result = Result::kOk, .finding = status.version, .advice = ""};
  }
  return {.name = "version",
          .result = Result::kWarning,
          .finding =
              absl::StrCat("the daemon is ", status.version, ", mlctl is ", INTELLIGENCED_VERSION),
          .advice = "restart the daemon after an update"};
}

// Appends what the daemon says and what can be seen from here.
absl::Status Examine(Session& session, std::vector<DiagnosticCheck>& checks) {
  const std::string path = session.options().socket.empty() ? intelligence::DefaultSocketPath()
                                                            : session.options().socket;
  checks.push_back(CheckSocket(path));
  if (checks.back().result == Result::kFailed) return absl::OkStatus();
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) {
    checks.push_back({.name = "connection",
                      .result = Result::kFailed,
                      .finding = std::string(client.status().message()),
                      .advice = ""});
    return absl::OkStatus();
  }
  const absl::Time before = session.host().now();
  absl::StatusOr<intelligence::SystemStatus> status = client->GetStatus(session.Call());
  const absl::Duration took = session.host().now() - before;
  if (!status.ok()) return status.status();
  checks.push_back({.name = "connection",
                    .result = took > absl::Milliseconds(200) ? Result::kWarning : Result::kOk,
                    .finding = absl::StrCat("a status takes ", DurationText(took)),
                    .advice = took > absl::Milliseconds(200) ? "the machine is very busy" : ""});
  checks.push_back(CheckVersion(*status));
  absl::StatusOr<std::vector<DiagnosticCheck>> theirs = client->Diagnose(session.Call());
  if (!theirs.ok()) return theirs.status();
  checks.insert(checks.end(), theirs->begin(), theirs->end());
  return absl::OkStatus();
}

int Doctor(Session& session) {
  std::vector<DiagnosticCheck> checks;
  if (absl::Status status = Examine(session, checks); !status.ok()) return session.Fail(status);
  size_t failed = 0;
  size_t warnings = 0;
  for (const DiagnosticCheck& check : checks) {
    if (check.result == Result::kFailed) ++failed;
    if (check.result == Result::kWarning) ++warnings;
  }
  if (session.options().json) {
    for (const DiagnosticCheck& check : checks) session.out() << Dump(ToJson(check)) << "\n";
  } else {
    session.out() << RenderChecks(checks, session.out_palette()) << std::flush;
    session.Note(failed + warnings == 0
                     ? "All is well."
                     : absl::StrCat(failed, " failed, ", warnings, " ",
                                    Plural(warnings, "warning", "warnings"), "."));
  }
  return failed > 0 ? kFound : kDone;
}

// The daemon's executable: beside mlctl, where packages put it, else on the path.
std::string FindDaemon(const Host& host) {
  if (!host.program_folder.empty()) {
    for (const char* place : {"/intelligenced", "/../libexec/intelligenced/intelligenced",
                              "/../sbin/intelligenced", "/../lib/intelligenced/intelligenced"}) {
      const std::string path = host.program_folder + place;
      if (access(path.c_str(), X_OK) == 0) return path;
    }
  }
  return "intelligenced";
}

// What the daemon would read.
std::string DefaultConfig(const Host& host) {
  const std::string config = host.environment("XDG_CONFIG_HOME");
  const std::string home = host.environment("HOME");
  std::string user;
  if (geteuid() == 0) {
    // Root's daemon is the system's.
  } else if (!config.empty()) {
    user = config + "/intelligenced/intelligenced.toml";
  } else if (!home.empty()) {
    user = home + "/.config/intelligenced/intelligenced.toml";
  }
  if (!user.empty() && access(user.c_str(), F_OK) == 0) return user;
  return "/etc/intelligenced/intelligenced.toml";
}

struct ConfigOptions {
  std::string file;
};

int CheckConfig(Session& session, const ConfigOptions& options) {
  const std::string file = options.file.empty() ? DefaultConfig(session.host()) : options.file;
  if (options.file.empty() && access(file.c_str(), F_OK) != 0) {
    session.Note(
        absl::StrCat("There is no configuration (", file, "); the daemon runs with its defaults."));
    return kDone;
  }
  absl::StatusOr<int> code =
      session.host().run_program({FindDaemon(session.host()), "--check-config", file});
  if (!code.ok()) {
    session.Fail(code.status());
    return kInputOutput;
  }
  return *code == 0 ? kDone : kFound;
}

}  // namespace

void AddDoctorCommands(CommandTree& tree) {
  tree.Add(&tree.root(), "doctor", "Check what may be wrong, and say what to do about it.",
           {"mlctl doctor"}, Doctor);
  CLI::App* config = tree.AddGroup(&tree.root(), "config", "Check the daemon's configuration.");
  auto options = std::make_shared<ConfigOptions>();
  CLI::App* check =
      tree.Add(config, "check", "Check a configuration as a whole and list every mistake.",
               {"mlctl config check", "mlctl config check ./intelligenced.toml"},
               [options](Session& session) { return CheckConfig(session, *options); });
  check->add_option("file", options->file, "The file (default: the one that the daemon reads)")
      ->type_name(kFileType);
}

}  // namespace intelligenced::mlctl

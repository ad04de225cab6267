// One run of mlctl: the common options, the connection, and how things are said.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_SESSION_H_
#define INTELLIGENCED_CLIENTS_MLCTL_SESSION_H_

#include <intelligence/client.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/host.h"

namespace intelligenced::mlctl {

// What mlctl exits with. Documented in its man page.
enum ExitCode {
  kDone = 0,
  // --check found corrections, doctor a failure, config check a mistake; an answer inside a schema
  // was cut short
  kFound = 1,
  kUsage = 2,        // the command line is wrong
  kUnavailable = 3,  // the daemon is not running, or was lost
  kRefused = 4,      // the daemon refused the request
  kTooLate = 5,      // the deadline passed
  kBroken = 6,       // the daemon, a model or an app failed
  kInputOutput = 7,  // a file or stream could not be read or written
  kInterrupted = 130,
};
ExitCode ExitCodeFor(const absl::Status& status);

// What a person can do about an error, beyond its own sentence; may be empty.
std::string AdviceFor(const absl::Status& status);

// What the options that every command takes say.
struct CommonOptions {
  std::string socket;
  std::string model;
  std::string request_class;
  std::optional<absl::Duration> deadline;
  std::optional<absl::Duration> keep_alive;
  std::string color = "auto";
  bool json = false;
  bool quiet = false;
  bool usage = false;
};

class Session {
 public:
  explicit Session(Host* host) : host_(host) {}

  Host& host() { return *host_; }
  CommonOptions& options() { return options_; }
  std::ostream& out() { return *host_->out; }
  Palette out_palette() const;
  Palette err_palette() const;

  absl::StatusOr<intelligence::Client> Connect() const;
  // The options of a call, with Ctrl-C as its cancellation.
  intelligence::CallOptions Call() const;

  // Says something on standard error, unless quiet.
  void Note(std::string_view text);
  // Says what is wrong and what to do, and returns the exit code.
  int Fail(const absl::Status& status);
  int FailUsage(std::string_view message);

  // Text of a model as it comes: made safe when it goes to a terminal, and shown at once.
  void WriteText(std::string_view text);
  // After WriteText: how much was used, when asked.
  void ReportUsage(const intelligence::Usage& usage);

  bool shows_progress() const {
    return host_->err_is_terminal && !options_.quiet && !options_.json;
  }

 private:
  Host* const host_;
  CommonOptions options_;
};

// One line on standard error that is written over, while that is a terminal. Not thread-safe.
class Progress {
 public:
  explicit Progress(Session* session) : session_(session) {}
  ~Progress() { Clear(); }
  void Show(std::string_view line);
  void Clear();

  // The events that all work has in common.
  void operator()(const intelligence::Queued& queued);
  void operator()(const intelligence::ModelLoading& loading);
  void operator()(const intelligence::WorkProgress& progress);

 private:
  Session* const session_;
  bool shown_ = false;
};

// A text to work on.
struct Input {
  std::string name;  // as the person named it; "standard input"
  std::string path;  // empty: not a file
  std::string text;
};

// Reads a file, or standard input for "-". INVALID_ARGUMENT with the place when it is not UTF-8.
absl::StatusOr<Input> ReadInput(Session& session, const std::string& path);
// The same for tools that need something to work on: INVALID_ARGUMENT when there is only white
// space.
absl::StatusOr<Input> ReadText(Session& session, const std::string& path);

// Replaces a file's content at once, keeping its mode; follows symbolic links. Makes the file where
// there is none.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_SESSION_H_

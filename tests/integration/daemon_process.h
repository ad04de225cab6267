// A real daemon in a folder of its own, with models of the fake engine.
#ifndef INTELLIGENCED_TESTS_INTEGRATION_DAEMON_PROCESS_H_
#define INTELLIGENCED_TESTS_INTEGRATION_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace intelligenced {

// Long enough for a sanitizer build on a busy machine; nothing waits this long when it works.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// Looks again and again, every few milliseconds, until `condition` holds.
bool Eventually(const std::function<bool()>& condition, absl::Duration patience = kPatience);

// A temporary folder with a store, a place for the socket and built-in manifests of fake models.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Parameters are those of the fake engine (runtime/engines/fake/fake_engine.h). Without
  // capabilities it writes, proofreads and looks at pictures.
  void AddModel(const std::string& name, const std::map<std::string, std::string>& parameters,
                int rank = 0, const std::vector<std::string>& capabilities = {});
  // What goes into the configuration beside the folders; TOML.
  void SetConfig(const std::string& toml);

  std::string folder() const { return folder_; }
  std::string socket() const { return folder_ + "/run/d.sock"; }
  std::string store() const { return folder_ + "/store"; }
  std::string config() const { return folder_ + "/intelligenced.toml"; }
  std::string log() const { return folder_ + "/daemon.log"; }

 private:
  std::string folder_;
};

struct DaemonOptions {
  // Beside --config, --socket and --store.
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  // Passed as descriptor 3 with LISTEN_FDS=1. -1: none.
  int listen_fd = -1;
  // The same as descriptor 4, with LISTEN_FDS=2.
  int second_listen_fd = -1;
  // Do not wait for READY=1: the daemon is expected to leave by itself.
  bool expect_failure = false;
};

class DaemonProcess {
 public:
  // Starts it and waits until it has said that it is ready.
  explicit DaemonProcess(const Sandbox& sandbox, DaemonOptions options = {});
  // Kills what is left.
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  bool ready() const { return ready_; }
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // The exit code; 128 + N when signal N ended it. Nothing when it did not end in time.
  std::optional<int> WaitForExit(absl::Duration patience = kPatience);
  // Whether a line has come on NOTIFY_SOCKET, since the start or the last call with this line.
  bool WaitForNotification(const std::string& line, absl::Duration patience = kPatience);

  // All that it wrote to standard error.
  std::string Log() const;
  size_t CountDescriptors() const;
  size_t CountThreads() const;
  uint64_t ResidentBytes() const;
  std::vector<pid_t> Children() const;

 private:
  bool ReadNotifications(absl::Duration patience);

  const std::string log_path_;
  int notify_fd_ = -1;
  std::vector<std::string> notifications_;
  pid_t pid_ = -1;
  bool ready_ = false;
  std::optional<int> exit_code_;
};

// False for a zombie too.
bool IsAlive(pid_t pid);

size_t CountDescriptorsOf(pid_t pid);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_INTEGRATION_DAEMON_PROCESS_H_

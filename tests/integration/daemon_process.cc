#include "tests/integration/daemon_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/base/clock.h"
#include "tests/support/paths.h"

extern char** environ;

namespace intelligenced {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void LookLater() {
  pollfd nothing{.fd = -1, .events = 0, .revents = 0};
  poll(&nothing, 1, 3);
}

// State and parent of a process, from /proc/PID/stat.
std::optional<std::pair<char, pid_t>> StatOf(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  char state = 0;
  int parent = 0;
  if (end == std::string::npos || sscanf(stat.c_str() + end + 1, " %c %d", &state, &parent) != 2) {
    return std::nullopt;
  }
  return std::make_pair(state, parent);
}

size_t CountEntries(const std::string& folder) {
  size_t count = 0;
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) return 0;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(dir);
  return count;
}

// What a child may do between fork() and exec(): no allocation, no locale.
void WriteNumber(pid_t value, char* out) {
  pid_t scale = 1;
  while (value / scale >= 10) scale *= 10;
  for (; scale > 0; scale /= 10) *out++ = static_cast<char>('0' + value / scale % 10);
  *out = '\0';
}

}  // namespace

bool Eventually(const std::function<bool()>& condition, absl::Duration patience) {
  const SystemClock clock;
  const absl::Time deadline = clock.Now() + patience;
  while (!condition()) {
    if (clock.Now() > deadline) return false;
    LookLater();
  }
  return true;
}

bool IsAlive(pid_t pid) {
  const auto stat = StatOf(pid);
  return stat.has_value() && stat->first != 'Z';
}

Sandbox::Sandbox() {
  // Short: the path of a socket has at most 107 bytes.
  std::string pattern = "/tmp/intelligenced-test-XXXXXX";
  folder_ = mkdtemp(pattern.data());
  mkdir((folder_ + "/models").c_str(), 0700);
  mkdir((folder_ + "/catalogue").c_str(), 0700);
  SetConfig("");
}

Sandbox::~Sandbox() { std::filesystem::remove_all(folder_); }

void Sandbox::SetConfig(const std::string& toml) {
  std::ofstream(config()) << "[models]\nbuilt_in = [\"" << folder_ << "/models\"]\ncatalogue = [\""
                          << folder_ << "/catalogue\"]\n"
                          << toml;
}

void Sandbox::AddModel(const std::string& name,
                       const std::map<std::string, std::string>& parameters, int rank,
                       const std::vector<std::string>& capabilities) {
  const std::vector<std::string> usual = {"language.generate", "writing.proofread",
                                          "vision.recognize-text", "vision.detect-rectangles",
                                          "image.generate"};
  std::ofstream file(folder_ + "/models/" + name + ".json");
  file << R"({"name":")" << name << R"(","version":"1","engine":"fake","built_in":true,"rank":)"
       << rank << R"(,"capabilities":[")"
       << absl::StrJoin(capabilities.empty() ? usual : capabilities, R"(",")")
       << R"("],"parameters":{)";
  bool first = true;
  for (const auto& [key, value] : parameters) {
    file << (first ? "" : ",") << '"' << key << R"(":")" << value << '"';
    first = false;
  }
  file << "}}";
}

DaemonProcess::DaemonProcess(const Sandbox& sandbox, DaemonOptions options)
    : log_path_(sandbox.log()) {
  // Where the daemon tells that it is ready, as it would tell systemd.
  const std::string notify_path = sandbox.folder() + "/notify";
  unlink(notify_path.c_str());
  notify_fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, notify_path.data(), notify_path.size());
  bind(notify_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));

  std::vector<std::string> arguments = {BuildPath("bin/intelligenced"), "--config",
                                        sandbox.config(), "--store", sandbox.store()};
  if (options.listen_fd < 0) {
    arguments.insert(arguments.end(), {"--socket", sandbox.socket()});
  }
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  std::vector<std::string> variables = {"NOTIFY_SOCKET=" + notify_path};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (strncmp(*variable, "NOTIFY_SOCKET=", 14) != 0) variables.emplace_back(*variable);
  }
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  // The child fills its own number in; after fork() it may not allocate.
  std::string listen_pid = "LISTEN_PID=0000000000";
  if (options.listen_fd >= 0) {
    variables.push_back(options.second_listen_fd >= 0 ? "LISTEN_FDS=2" : "LISTEN_FDS=1");
  }
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  if (options.listen_fd >= 0) envp.push_back(listen_pid.data());
  envp.push_back(nullptr);

  pid_ = fork();
  if (pid_ == 0) {
    const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDERR_FILENO);
    dup2(log, STDOUT_FILENO);
    if (options.listen_fd >= 0) {
      // Out of each other's way first; the copies are open in the daemon too.
      const int first = fcntl(options.listen_fd, F_DUPFD_CLOEXEC, 10);
      const int second = fcntl(options.second_listen_fd, F_DUPFD_CLOEXEC, 10);
      dup2(first, 3);
      if (second >= 0) dup2(second, 4);
      WriteNumber(getpid(), listen_pid.data() + sizeof("LISTEN_PID=") - 1);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  if (!options.expect_failure) ready_ = WaitForNotification("READY=1");
}

DaemonProcess::~DaemonProcess() {
  if (!exit_code_.has_value()) {
    const std::vector<pid_t> children = Children();
    kill(pid_, SIGKILL);
    WaitForExit();
    for (pid_t child : children) {
      Eventually([child] { return !IsAlive(child); });
    }
  }
  close(notify_fd_);
}

void DaemonProcess::Signal(int signal) const { kill(pid_, signal); }

std::optional<int> DaemonProcess::WaitForExit(absl::Duration patience) {
  Eventually(
      [this] {
        if (exit_code_.has_value()) return true;
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
        exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        return true;
      },
      patience);
  return exit_code_;
}

bool DaemonProcess::ReadNotifications(absl::Duration patience) {
  pollfd entry{.fd = notify_fd_, .events = POLLIN, .revents = 0};
  if (poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) return false;
  std::array<char, 4096> buffer;
  const ssize_t length = recv(notify_fd_, buffer.data(), buffer.size(), 0);
  if (length <= 0) return false;
  const std::string_view text(buffer.data(), static_cast<size_t>(length));
  for (std::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    notifications_.emplace_back(line);
  }
  return true;
}

bool DaemonProcess::WaitForNotification(const std::string& line, absl::Duration patience) {
  return Eventually(
      [&] {
        const auto found = std::find(notifications_.begin(), notifications_.end(), line);
        if (found != notifications_.end()) {
          notifications_.erase(notifications_.begin(), found + 1);
          return true;
        }
        // A daemon that has left says nothing more.
        if (!ReadNotifications(absl::Milliseconds(20)) && !IsAlive(pid_)) patience = {};
        return false;
      },
      patience);
}

std::string DaemonProcess::Log() const { return ReadFile(log_path_); }

size_t CountDescriptorsOf(pid_t pid) { return CountEntries(absl::StrCat("/proc/", pid, "/fd")); }

size_t DaemonProcess::CountDescriptors() const { return CountDescriptorsOf(pid_); }

size_t DaemonProcess::CountThreads() const {
  return CountEntries(absl::StrCat("/proc/", pid_, "/task"));
}

uint64_t DaemonProcess::ResidentBytes() const {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid_, "/status"));
  const size_t line = status.find("VmRSS:");
  unsigned long long kibibytes = 0;
  if (line == std::string::npos || sscanf(status.c_str() + line, "VmRSS: %llu", &kibibytes) != 1) {
    return 0;
  }
  return kibibytes * 1024;
}

std::vector<pid_t> DaemonProcess::Children() const {
  std::vector<pid_t> children;
  DIR* dir = opendir("/proc");
  while (const dirent* entry = readdir(dir)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    const auto stat = StatOf(pid);
    if (stat.has_value() && stat->second == pid_) children.push_back(pid);
  }
  closedir(dir);
  return children;
}

}  // namespace intelligenced

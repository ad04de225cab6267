// mlctl on a real terminal: signals, standard streams, child processes.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/host.h"
#include "runtime/base/clock.h"

extern char** environ;

namespace intelligenced::mlctl {
namespace {

// Turns Ctrl-C and the signals that end a program into a cancellation. A second one, before
// Renew(), ends the program on the spot.
class Interruptions {
 public:
  // Call before any other thread is started: threads inherit the signal mask.
  explicit Interruptions(intelligence::Cancellation cancellation) : cancellation_(cancellation) {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    if (pipe2(pipe_, O_CLOEXEC) != 0) std::abort();
    std::thread([this] { Wait(); }).detach();
  }

  // Readable once something interrupted.
  int descriptor() const { return pipe_[0]; }
  // The signal that interrupted; 0 for none.
  int signal() const {
    absl::MutexLock lock(mutex_);
    return signal_;
  }
  const sigset_t& signals() const { return signals_; }

  // Forgets a Ctrl-C and gives the cancellation of the next one. Nothing after other signals.
  std::optional<intelligence::Cancellation> Renew() {
    absl::MutexLock lock(mutex_);
    if (signal_ == 0) return cancellation_;
    if (signal_ != SIGINT) return std::nullopt;
    char byte = 0;
    // Written with the signal, so that this does not block.
    [[maybe_unused]] const ssize_t got = read(pipe_[0], &byte, 1);
    signal_ = 0;
    cancellation_ = intelligence::Cancellation();
    return cancellation_;
  }

 private:
  [[noreturn]] void Wait() {
    while (true) {
      int signal = 0;
      if (sigwait(&signals_, &signal) != 0) continue;
      std::optional<intelligence::Cancellation> cancellation;
      {
        absl::MutexLock lock(mutex_);
        if (std::exchange(signal_, signal) != 0) _exit(128 + signal);
        const char byte = 0;
        // Never full: at most one byte is in it.
        [[maybe_unused]] const ssize_t written = write(pipe_[1], &byte, 1);
        cancellation = cancellation_;
      }
      cancellation->Cancel();
    }
  }

  mutable absl::Mutex mutex_;
  intelligence::Cancellation cancellation_ ABSL_GUARDED_BY(mutex_);
  sigset_t signals_ = {};
  int pipe_[2] = {-1, -1};
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Waits until standard input can be read. CANCELLED on an interruption.
absl::Status WaitForInput(int interruption) {
  pollfd descriptors[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                          {.fd = interruption, .events = POLLIN, .revents = 0}};
  while (poll(descriptors, 2, -1) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "cannot read standard input");
  }
  if (descriptors[1].revents != 0) return absl::CancelledError("interrupted");
  return absl::OkStatus();
}

// Reads until the end.
absl::StatusOr<std::string> ReadStandardInput(int interruption) {
  std::string text;
  std::vector<char> buffer(1 << 16);
  while (true) {
    if (absl::Status status = WaitForInput(interruption); !status.ok()) return status;
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "cannot read standard input");
    if (got == 0) return text;
    text.append(buffer.data(), got);
  }
}

// Reads until a line break; a byte at a time, so that what follows stays there for others.
absl::StatusOr<std::optional<std::string>> ReadLine(int interruption) {
  std::string text;
  while (true) {
    if (absl::Status status = WaitForInput(interruption); !status.ok()) return status;
    char byte = 0;
    const ssize_t got = read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "cannot read standard input");
    if (got == 0) return text.empty() ? std::nullopt : std::optional(text);
    if (byte == '\n') return text;
    text.push_back(byte);
  }
}

absl::StatusOr<int> RunProgram(const std::vector<std::string>& arguments, const sigset_t& blocked) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // The child gets the signals that this process blocks for its own thread.
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (sigismember(&blocked, signal) == 1) sigdelset(&mask, signal);
  }
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], nullptr, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return absl::NotFoundError(absl::StrCat("cannot run ", arguments[0], ": ", std::strerror(error),
                                            "; is the daemon installed?"));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "cannot wait for a program");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int TerminalColumns(int descriptor) {
  winsize size = {};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int Main(int argc, char** argv) {
  // Programs in a pipe end quietly when the reader goes, whatever the parent set.
  signal(SIGPIPE, SIG_DFL);
  // gRPC would write its own notes between mlctl's.
  setenv("GRPC_VERBOSITY", "NONE", 0);

  Host host;
  Interruptions interruptions(host.interruption);
  host.out = &std::cout;
  host.err = &std::cerr;
  host.in_is_terminal = isatty(STDIN_FILENO) == 1;
  host.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  host.err_is_terminal = isatty(STDERR_FILENO) == 1;
  host.columns = host.out_is_terminal ? TerminalColumns(STDOUT_FILENO) : 0;
  if (host.columns == 0 && host.err_is_terminal) host.columns = TerminalColumns(STDERR_FILENO);
  host.environment = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  host.read_input = [&] { return ReadStandardInput(interruptions.descriptor()); };
  host.read_line = [&] { return ReadLine(interruptions.descriptor()); };
  host.renew_interruption = [&] {
    const std::optional<intelligence::Cancellation> next = interruptions.Renew();
    if (next.has_value()) host.interruption = *next;
    return next.has_value();
  };
  host.run_program = [&](const std::vector<std::string>& arguments) {
    return RunProgram(arguments, interruptions.signals());
  };
  std::error_code error;
  host.program_folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const SystemClock clock;
  host.now = [&] { return clock.WallTime(); };

  const int code = Run(host, std::vector<std::string>(argv + 1, argv + argc));
  std::cout.flush();
  // Destructors of a process that ends would only wait for gRPC's threads.
  const int signal = interruptions.signal();
  std::_Exit(signal != 0 ? 128 + signal : code);
}

}  // namespace
}  // namespace intelligenced::mlctl

int main(int argc, char** argv) { return intelligenced::mlctl::Main(argc, argv); }

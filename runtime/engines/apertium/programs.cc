#include "runtime/engines/apertium/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status CannotStart(const std::string& program, int error) {
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("Apertium's program ", program, " cannot be started: ",
                                strerror(error), ". Is the package that it belongs to installed?"),
                   {.metadata = {{"program", program}}, .retry_delay = {}, .field = {}});
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

bool MakePipe(Pipe* made) {
  int ends[2];
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
#else
  if (pipe(ends) != 0) return false;
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  made->read.reset(ends[0]);
  made->write.reset(ends[1]);
  return true;
}

// Everything the child needs, made before it is: between fork and exec no memory may be asked for.
struct Launch {
  std::string path;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input;
  int output;
  int errors;
};

[[noreturn]] void BecomeProgram(const Launch& launch, pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(127);
#else
  static_cast<void>(parent);
#endif
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // The pipes' numbers are above these three: standard descriptors are open in every process here.
  if (dup2(launch.input, STDIN_FILENO) < 0 || dup2(launch.output, STDOUT_FILENO) < 0 ||
      dup2(launch.errors, STDERR_FILENO) < 0) {
    _exit(127);
  }
#ifdef SYS_close_range
  syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
#endif
  execve(launch.path.c_str(), launch.arguments.data(), launch.environment.data());
  _exit(127);
}

pid_t StartOne(const std::vector<std::string>& program, const std::string& folder, int input,
               int output, int errors) {
  std::vector<std::string> arguments = program;
  // What they take to be letters depends on it.
  std::string variables[] = {"LC_ALL=C.UTF-8", "LANG=C.UTF-8", "PATH=/usr/bin:/bin"};
  Launch launch = {.path = absl::StrCat(folder, "/", program[0]),
                   .arguments = {},
                   .environment = {},
                   .input = input,
                   .output = output,
                   .errors = errors};
  for (std::string& argument : arguments) launch.arguments.push_back(argument.data());
  for (std::string& variable : variables) launch.environment.push_back(variable.data());
  launch.arguments.push_back(nullptr);
  launch.environment.push_back(nullptr);
  if (access(launch.path.c_str(), X_OK) != 0) return -1;
  // Not posix_spawn, which cannot ask for the parent-death signal: a program that hangs must not
  // outlive a worker that is killed.
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) BecomeProgram(launch, self);
  return child;
}

}  // namespace

absl::StatusOr<Programs> Programs::Start(absl::Span<const std::vector<std::string>> programs,
                                         const std::string& folder) {
  Programs started;
  const UniqueFd errors(open("/dev/null", O_WRONLY | O_CLOEXEC));
  Pipe first;
  if (!errors.valid() || !MakePipe(&first)) return CannotStart(programs.front()[0], errno);
  UniqueFd input = std::move(first.read);
  started.input_ = std::move(first.write);
  for (const std::vector<std::string>& program : programs) {
    Pipe next;
    if (!MakePipe(&next)) return CannotStart(program[0], errno);
    const pid_t pid = StartOne(program, folder, input.get(), next.write.get(), errors.get());
    if (pid < 0) return CannotStart(program[0], errno);
    started.pids_.push_back(pid);
    input = std::move(next.read);
  }
  started.output_ = std::move(input);
  for (const int end : {started.input_.get(), started.output_.get()}) {
    fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
  }
  return started;
}

Programs::Programs(Programs&& other) noexcept
    : pids_(std::exchange(other.pids_, {})),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)) {}

Programs& Programs::operator=(Programs&& other) noexcept {
  if (this == &other) return *this;
  Kill();
  pids_ = std::exchange(other.pids_, {});
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  return *this;
}

Programs::~Programs() { Kill(); }

void Programs::Kill() {
  input_.reset();
  output_.reset();
  for (const pid_t pid : pids_) kill(pid, SIGKILL);
  for (const pid_t pid : pids_) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pids_.clear();
}

absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& program,
                                     const std::string& folder, size_t max_bytes) {
  const std::vector<std::string> alone[] = {program};
  absl::StatusOr<Programs> running = Programs::Start(alone, folder);
  if (!running.ok()) return running.status();
  running->input().reset();
  std::string output;
  char buffer[4096];
  while (output.size() <= max_bytes) {
    const ssize_t got = read(running->output().get(), buffer, sizeof(buffer));
    if (got == 0) break;
    if (got > 0) {
      output.append(buffer, static_cast<size_t>(got));
      continue;
    }
    pollfd wait = {.fd = running->output().get(), .events = POLLIN, .revents = 0};
    constexpr int kPatienceMilliseconds = 10'000;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || poll(&wait, 1, kPatienceMilliseconds) == 0) break;
  }
  if (output.empty() || output.size() > max_bytes) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("Apertium's program ", program[0], " gave no usable answer."),
                     {.metadata = {{"program", program[0]}}, .retry_delay = {}, .field = {}});
  }
  return output;
}

}  // namespace intelligenced

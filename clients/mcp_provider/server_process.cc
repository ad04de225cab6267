#include "clients/mcp_provider/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace intelligenced::mcp {
namespace {

constexpr int kWriteMilliseconds = 10'000;
// How long the program has to end by itself, and then after it was asked to.
constexpr int kEndMilliseconds = 2'000;
constexpr int kLookMilliseconds = 20;
constexpr size_t kReadBytes = size_t{64} << 10;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    return absl::UnavailableError(absl::StrCat("No pipe can be made: ", strerror(errno), "."));
  }
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  Pipe made;
  made.read = UniqueFd(ends[0]);
  made.write = UniqueFd(ends[1]);
  return made;
}

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, int input, int output) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "INTELLIGENCED_")) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const absl::Cleanup free_files = [&] { posix_spawn_file_actions_destroy(&files); };
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environment.data());
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("The program ", command[0], " cannot be started: ", strerror(error), "."));
  }
  return child;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(Options options) {
  absl::StatusOr<Pipe> input = MakePipe();
  absl::StatusOr<Pipe> output = MakePipe();
  absl::StatusOr<Pipe> stop = MakePipe();
  for (const auto* pipe : {&input, &output, &stop}) {
    if (!pipe->ok()) return pipe->status();
  }
  const absl::StatusOr<pid_t> child =
      Spawn(options.command, input->read.get(), output->write.get());
  if (!child.ok()) return child.status();
  fcntl(input->write.get(), F_SETFL, O_NONBLOCK);
  // Not make_unique: the constructor is private.
  return std::unique_ptr<ServerProcess>(
      new ServerProcess(std::move(options), *child, std::move(input->write),
                        std::move(output->read), std::move(stop->read), std::move(stop->write)));
}

ServerProcess::ServerProcess(Options options, pid_t pid, UniqueFd input, UniqueFd output,
                             UniqueFd stop_read, UniqueFd stop_write)
    : options_(std::move(options)),
      pid_(pid),
      input_(std::move(input)),
      output_(std::move(output)),
      stop_read_(std::move(stop_read)),
      stop_write_(std::move(stop_write)) {}

void ServerProcess::Begin() {
  reader_ = std::thread([this] { options_.end(ReadLines()); });
}

ServerProcess::~ServerProcess() {
  input_.reset();
  bool ended = WaitForEnd();
  // Also after it has ended: what it started itself is of the same group.
  kill(-pid_, SIGTERM);
  if (!ended) ended = WaitForEnd();
  kill(-pid_, SIGKILL);
  if (!ended) {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  stop_write_.reset();
  if (reader_.joinable()) reader_.join();
}

bool ServerProcess::WaitForEnd() {
  for (int waited = 0; waited < kEndMilliseconds; waited += kLookMilliseconds) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) return true;
    poll(nullptr, 0, kLookMilliseconds);
  }
  return false;
}

bool ServerProcess::Write(const std::string& line) {
  const std::string bytes = line + "\n";
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t written = write(input_.get(), bytes.data() + at, bytes.size() - at);
    if (written > 0) {
      at += static_cast<size_t>(written);
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return false;
    pollfd ready{.fd = input_.get(), .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, kWriteMilliseconds) == 0) return false;
    if ((ready.revents & (POLLERR | POLLHUP)) != 0) return false;
  }
  return true;
}

absl::Status ServerProcess::ReadLines() {
  std::string pending;
  std::string chunk(kReadBytes, '\0');
  while (true) {
    std::array<pollfd, 2> ready = {pollfd{.fd = output_.get(), .events = POLLIN, .revents = 0},
                                   pollfd{.fd = stop_read_.get(), .events = POLLIN, .revents = 0}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
      return absl::UnavailableError(absl::StrCat("poll: ", strerror(errno)));
    }
    if (ready[1].revents != 0) return absl::CancelledError("The server is no longer wanted.");
    if (ready[0].revents == 0) continue;
    const ssize_t got = read(output_.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::UnavailableError("The server has ended.");
    std::string_view rest(chunk.data(), static_cast<size_t>(got));
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      pending.append(rest.substr(0, end));
      if (pending.size() > options_.max_line_bytes) {
        return absl::UnavailableError(absl::StrCat("The server has sent a line of more than ",
                                                   options_.max_line_bytes, " bytes."));
      }
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
      if (absl::Status status = options_.line(pending); !status.ok()) return status;
      pending.clear();
    }
  }
}

}  // namespace intelligenced::mcp

#include "runtime/worker/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/worker/channel.h"

namespace intelligenced {
namespace {

// posix_spawn and not fork: no code of ours runs between the two in a copy of a process with many
// threads, and no page tables are copied.
class Attributes {
 public:
  Attributes() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
#ifdef __APPLE__
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
    posix_spawnattr_setflags(&attributes_, flags);
  }
  ~Attributes() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Moves a descriptor above the numbers that the child's own are put at, so that placing one does
// not overwrite the next.
bool MoveUp(UniqueFd& fd) {
  constexpr int kFirstFree = 16;
  fd.reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFree));
  return fd.valid();
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status CannotStart(const std::string& executable, int error) {
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The worker ", executable, " cannot be started: ", strerror(error),
                                ". Is the engine installed?"));
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeOutputPipe(const std::string& executable) {
  int ends[2];
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) return CannotStart(executable, errno);
#else
  if (pipe(ends) != 0) return CannotStart(executable, errno);
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  // Only the daemon's end: the flag belongs to the open file, and each end is one of its own.
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return std::make_pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

}  // namespace

absl::StatusOr<SpawnedProcess> Spawn(const SpawnOptions& options) {
  auto work = MakeSocketPair();
  if (!work.ok()) return work.status();
  auto control = MakeSocketPair();
  if (!control.ok()) return control.status();
  auto output = MakeOutputPipe(options.executable);
  if (!output.ok()) return output.status();
  if (!MoveUp(work->second) || !MoveUp(control->second) || !MoveUp(output->second)) {
    return CannotStart(options.executable, errno);
  }

  Attributes attributes;
  posix_spawn_file_actions_t* const actions = &attributes.actions_;
  posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions, output->second.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions, output->second.get(), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(actions, work->second.get(), kWorkDescriptor);
  posix_spawn_file_actions_adddup2(actions, control->second.get(), kControlDescriptor);
#ifdef __linux__
  // Whatever a library of the daemon's opened without the close-on-exec flag stays behind as well.
  posix_spawn_file_actions_addclosefrom_np(actions, kControlDescriptor + 1);
#endif

  std::vector<std::string> arguments = {options.executable};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = options.environment;
  SpawnedProcess process;
  const int error =
      posix_spawn(&process.pid, options.executable.c_str(), actions, &attributes.attributes_,
                  Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) return CannotStart(options.executable, error);
  process.work = std::move(work->first);
  process.control = std::move(control->first);
  process.output = std::move(output->first);
  return process;
}

}  // namespace intelligenced

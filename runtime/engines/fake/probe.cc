#include "runtime/engines/fake/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#endif

#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <system_error>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/fd.h"

extern "C" char** environ;

namespace intelligenced {
namespace {

std::string Answer(bool succeeded) {
  if (succeeded) return "ok";
  switch (errno) {
    case EPERM:
      return "EPERM";
    case EACCES:
      return "EACCES";
    case ENOENT:
      return "ENOENT";
    case ENOSYS:
      return "ENOSYS";
    default:
      return strerror(errno);
  }
}

std::string Open(std::string_view path, int flags) {
  const UniqueFd file(open(std::string(path).c_str(), flags | O_CLOEXEC, 0600));
  return Answer(file.valid());
}

std::string MakeSocket(int family) {
  const UniqueFd made(socket(family, SOCK_STREAM, 0));
  return Answer(made.valid());
}

std::string Fork() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, nullptr, 0);
  return Answer(child > 0);
}

std::string Exec() {
  char path[] = "/usr/bin/true";
  char* arguments[] = {path, nullptr};
  char* none[] = {nullptr};
  execve(path, arguments, none);
  return Answer(false);
}

std::string StartThread() {
  try {
    std::thread([] {}).join();
    return "ok";
  } catch (const std::system_error& error) {
    return error.what();
  }
}

std::string Descriptors() {
  std::string numbers;
  for (int number = 0; number < 1024; ++number) {
    if (fcntl(number, F_GETFD) >= 0) absl::StrAppend(&numbers, numbers.empty() ? "" : ",", number);
  }
  return numbers;
}

std::string EnvironmentNames() {
  std::string names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    absl::StrAppend(&names, names.empty() ? "" : ",", text.substr(0, text.find('=')));
  }
  return names;
}

#ifdef __linux__
std::string FillMemoryFile() {
  const UniqueFd file(memfd_create("probe", MFD_CLOEXEC));
  return Answer(file.valid() && ftruncate(file.get(), 1 << 20) == 0 &&
                write(file.get(), "x", 1) == 1);
}

std::string TrySystemCall(std::string_view what) {
  if (what == "ptrace") return Answer(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr) == 0);
  if (what == "mount") return Answer(mount("none", "/tmp", "tmpfs", 0, nullptr) == 0);
  if (what == "bpf") return Answer(syscall(SYS_bpf, 0, nullptr, 0) >= 0);
  if (what == "io-uring") return Answer(syscall(SYS_io_uring_setup, 1, nullptr) >= 0);
  if (what == "keyctl") return Answer(syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0);
  if (what == "userfaultfd") return Answer(syscall(SYS_userfaultfd, 0) >= 0);
  if (what == "unshare") return Answer(syscall(SYS_unshare, 0x10000000) == 0);
  if (what == "memory-file") return FillMemoryFile();
  return "unknown";
}
#else
std::string TrySystemCall(std::string_view) { return "unknown"; }
#endif

}  // namespace

std::string ProbeSandbox(const std::string& what) {
  std::string_view rest = what;
  if (absl::ConsumePrefix(&rest, "read:")) return Open(rest, O_RDONLY);
  if (absl::ConsumePrefix(&rest, "write:")) return Open(rest, O_WRONLY);
  if (absl::ConsumePrefix(&rest, "list:")) return Open(rest, O_RDONLY | O_DIRECTORY);
  if (absl::ConsumePrefix(&rest, "create:")) return Open(rest, O_WRONLY | O_CREAT);
  if (what == "socket") return MakeSocket(AF_INET);
  if (what == "socket-unix") return MakeSocket(AF_UNIX);
  if (what == "fork") return Fork();
  if (what == "exec") return Exec();
  if (what == "thread") return StartThread();
  if (what == "kill-parent") return Answer(kill(getppid(), 0) == 0);
  if (what == "descriptors") return Descriptors();
  if (what == "environment") return EnvironmentNames();
  return TrySystemCall(what);
}

}  // namespace intelligenced

#include "runtime/worker/sandbox.h"

#ifdef __linux__
#include <glob.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include "runtime/worker/channel.h"
#include "runtime/worker/landlock.h"
#include "runtime/worker/syscall_filter.h"
#endif

namespace intelligenced {

#ifdef __linux__
namespace {

// What libraries and drivers read at run time: no home, no /tmp, nothing of /etc that names people.
// Of /proc only what describes the machine and this process.
constexpr const char* kSystemPaths[] = {"/usr",
                                        "/lib",
                                        "/lib32",
                                        "/lib64",
                                        "/etc/ld.so.cache",
                                        "/etc/ld.so.conf",
                                        "/etc/ld.so.conf.d",
                                        "/etc/alternatives",
                                        "/etc/localtime",
                                        "/etc/fonts",
                                        "/etc/vulkan",
                                        "/etc/glvnd",
                                        "/etc/OpenCL",
                                        "/etc/drirc",
                                        "/proc/self",
                                        "/proc/cpuinfo",
                                        "/proc/meminfo",
                                        "/proc/stat",
                                        "/proc/version",
                                        "/proc/filesystems",
                                        "/proc/devices",
                                        "/proc/modules",
                                        "/proc/driver/nvidia",
                                        "/proc/sys/vm",
                                        "/proc/sys/kernel",
                                        "/sys/devices",
                                        "/sys/class/drm",
                                        "/sys/bus/pci",
                                        "/sys/dev/char",
                                        "/sys/module",
                                        "/sys/kernel/mm/transparent_hugepage",
                                        "/sys/fs/cgroup",
                                        "/dev/urandom",
                                        "/dev/random"};

std::vector<std::string> Devices() {
  std::vector<std::string> devices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/dri",
                                      "/dev/kfd"};
  glob_t found = {};
  if (glob("/dev/nvidia*", GLOB_NOSORT, nullptr, &found) == 0) {
    devices.insert(devices.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return devices;
}

// The programs, and the loader that the kernel starts before each of them.
std::vector<std::string> Executables(const SandboxNeeds& needs) {
  if (needs.programs.empty()) return {};
  std::vector<std::string> files = needs.programs;
  for (const char* pattern :
       {"/lib64/ld-linux*.so.*", "/lib/ld-linux*.so.*", "/lib/*/ld-linux*.so.*"}) {
    glob_t found = {};
    if (glob(pattern, GLOB_NOSORT, nullptr, &found) == 0) {
      files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    globfree(&found);
  }
  return files;
}

// Lowers a limit for good; one that is lower already stays.
bool Limit(__rlimit_resource resource, rlim_t value) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0) return false;
  limit.rlim_max = std::min(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(resource, &limit) == 0;
}

}  // namespace

std::vector<std::string> ConfineProcess(const SandboxNeeds& needs) {
  // A dump would put people's texts on the disk. The limit alone does not stop a dump handler that
  // reads from a pipe. Debuggers of the same user are kept out by the same call.
  Limit(RLIMIT_CORE, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  Limit(RLIMIT_NOFILE, 1024);
  // Memory files are the only files it can write, and none need be longer than a frame.
  Limit(RLIMIT_FSIZE, kMaxFrameBytes);
  signal(SIGXFSZ, SIG_IGN);

  std::vector<std::string> in_force;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) in_force.emplace_back("no-new-privs");
  // First: it opens paths that the filter would let pass, but needs calls of its own.
  ApplyLandlock({.read = {"/"}, .devices = Devices(), .execute = Executables(needs)});
  if (InstallSyscallFilter(!needs.programs.empty())) in_force.emplace_back("seccomp");
  return in_force;
}

std::vector<std::string> ConfineToModel(const intelligence::engine::v1::SandboxSpec& spec,
                                        const SandboxNeeds& needs) {
  std::vector<std::string> in_force;
  LandlockRules rules;
  rules.read.assign(std::begin(kSystemPaths), std::end(kSystemPaths));
  rules.read.insert(rules.read.end(), spec.read_paths().begin(), spec.read_paths().end());
  rules.devices = Devices();
  rules.execute = Executables(needs);
  if (ApplyLandlock(rules)) in_force.emplace_back("landlock");
#ifndef INTELLIGENCED_SANITIZER
  // Private writable memory: what is allocated, threads' stacks and what was there at the start,
  // but not mapped weights. A sanitizer's shadow memory would count by the terabyte.
  if (spec.memory_limit_bytes() > 0 && Limit(RLIMIT_DATA, spec.memory_limit_bytes())) {
    in_force.emplace_back("memory-limit");
  }
#endif
  return in_force;
}
#else
std::vector<std::string> ConfineProcess(const SandboxNeeds&) { return {}; }

std::vector<std::string> ConfineToModel(const intelligence::engine::v1::SandboxSpec&,
                                        const SandboxNeeds&) {
  return {};
}
#endif

}  // namespace intelligenced

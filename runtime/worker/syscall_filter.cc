#include "runtime/worker/syscall_filter.h"

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>

#include "absl/cleanup/cleanup.h"

namespace intelligenced {
namespace {

// Names and not numbers: architectures differ in which they have, and the library knows.
constexpr const char* kRefused[] = {
    // The network, and other processes' sockets.
    "socket", "connect", "bind", "listen", "accept", "accept4", "socketcall",
    // Calls made past this filter.
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    // Other processes.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp", "tkill", "rt_sigqueueinfo",
    "move_pages", "migrate_pages",
    // The file system's names, owners and modes. Landlock refuses most of it; here for kernels
    // without.
    "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat",
    "fchmodat2", "chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32",
    "truncate", "truncate64", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr",
    "lremovexattr", "fremovexattr", "removexattrat", "utime", "utimes", "futimesat", "utimensat",
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark", "quotactl",
    "quotactl_fd",
    // Mounts and namespaces.
    "mount", "umount", "umount2", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "setns", "unshare", "swapon",
    "swapoff", "statmount", "listmount",
    // The kernel and the machine.
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "reboot",
    "acct", "syslog", "settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime",
    "clock_adjtime64", "adjtimex", "iopl", "ioperm", "modify_ldt", "sethostname", "setdomainname",
    "vhangup", "nfsservctl", "lookup_dcookie", "personality", "uselib", "ustat", "sysfs", "_sysctl",
    "memfd_secret", "lsm_set_self_attr",
    // Identity.
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid",
    "setfsgid", "capset", "setpgid", "setsid",
    // System V and message queues reach other processes.
    "msgget", "semget", "shmget", "msgctl", "semctl", "shmctl", "shmat", "mq_open", "mq_unlink",
    "ipc"};

// New programs and processes. Threads go through clone(), judged below.
constexpr const char* kStarting[] = {"execve", "execveat", "fork", "vfork"};

// Their arguments lie in memory, where a filter cannot look; the C library knows older forms.
constexpr const char* kUnknown[] = {"clone3", "openat2"};

constexpr uint64_t kPushBackInput = 0x5412;  // TIOCSTI: types into the terminal
constexpr uint64_t kLinuxConsole = 0x541c;   // TIOCLINUX

bool Refuse(scmp_filter_ctx filter, const char* name, int error,
            std::initializer_list<scmp_arg_cmp> when = {}) {
  const int number = seccomp_syscall_resolve_name(name);
  // Not every architecture and library version has every name.
  if (number == __NR_SCMP_ERROR || number < 0) return true;
  return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(error), number,
                                static_cast<unsigned>(when.size()), when.begin()) == 0;
}

scmp_arg_cmp IsNot(unsigned index, uint64_t value) { return {index, SCMP_CMP_NE, value, 0}; }
// True when the argument's bits under `mask` are `bits`. The kernel ignores the upper half of a
// 32-bit argument, so comparing all of it would let a call pass that has something there.
scmp_arg_cmp Has(unsigned index, uint64_t mask, uint64_t bits) {
  return {index, SCMP_CMP_MASKED_EQ, mask, bits};
}

bool RefuseByArguments(scmp_filter_ctx filter, bool programs) {
  constexpr uint64_t kAll = 0xffffffff;
#ifdef __s390x__
  constexpr unsigned kCloneFlags = 1;
#else
  constexpr unsigned kCloneFlags = 0;
#endif
  const auto self = static_cast<uint64_t>(getpid());
  // A process of a new namespace would be root there.
  constexpr uint64_t kNamespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
  bool ok = true;
  if (programs) {
    for (const uint64_t flag : kNamespaces) {
      ok = ok && Refuse(filter, "clone", EPERM, {Has(kCloneFlags, flag, flag)});
    }
    ok = ok && Refuse(filter, "kill", EPERM, {IsNot(0, self), IsNot(1, SIGKILL)});
  } else {
    ok = Refuse(filter, "clone", EPERM, {Has(kCloneFlags, CLONE_THREAD, 0)}) &&
         Refuse(filter, "kill", EPERM, {IsNot(0, self)});
  }
  return ok && Refuse(filter, "tgkill", EPERM, {IsNot(0, self)}) &&
         Refuse(filter, "rt_tgsigqueueinfo", EPERM, {IsNot(0, self)}) &&
         Refuse(filter, "prlimit64", EPERM, {IsNot(0, 0)}) &&
         Refuse(filter, "open", EACCES, {Has(1, O_CREAT, O_CREAT)}) &&
         Refuse(filter, "openat", EACCES, {Has(2, O_CREAT, O_CREAT)}) &&
         Refuse(filter, "ioctl", EPERM, {Has(1, kAll, kPushBackInput)}) &&
         Refuse(filter, "ioctl", EPERM, {Has(1, kAll, kLinuxConsole)});
}

}  // namespace

bool InstallSyscallFilter(bool programs) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  const absl::Cleanup release = [filter] { seccomp_release(filter); };
  // Calls by the numbers of another architecture (32-bit ones on a 64-bit system).
  bool ok = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 &&
            seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) == 0;
  for (const char* name : kRefused) ok = ok && Refuse(filter, name, EPERM);
  for (const char* name : kStarting) ok = ok && (programs || Refuse(filter, name, EPERM));
  for (const char* name : kUnknown) ok = ok && Refuse(filter, name, ENOSYS);
  ok = ok && RefuseByArguments(filter, programs);
  if (!ok) return false;
  // A search tree instead of a list, where the library can.
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  // Threads that a library started before main() are confined too, where the kernel can.
  if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && seccomp_load(filter) == 0) {
    return true;
  }
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 0);
  return seccomp_load(filter) == 0;
}

}  // namespace intelligenced
#endif  // __linux__

// The system call filter of a worker (Linux).
#ifndef INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_
#define INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_

namespace intelligenced {

// Puts the filter in force for every thread of the process, and no_new_privs with it. Refused calls
// answer EPERM, or ENOSYS where the C library then takes an older call that the filter can judge.
// False when the kernel has no seccomp.
bool InstallSyscallFilter();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_

// The system call filter of a worker (Linux).
#ifndef INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_
#define INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_

namespace intelligenced {

// Puts the filter in force for every thread of the process, and no_new_privs with it. Refused calls
// answer EPERM, or ENOSYS where the C library then takes an older call that the filter can judge.
// False when the kernel has no seccomp. `programs`: new processes and programs are not refused, nor
// the signal that kills; which programs is not for a filter to see (landlock.h). They inherit it.
bool InstallSyscallFilter(bool programs = false);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_SYSCALL_FILTER_H_

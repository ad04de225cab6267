// Tries what a sandbox should refuse, for the tests of the sandbox.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_FAKE_PROBE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_FAKE_PROBE_H_

#include <string>

namespace intelligenced {

// Does what the word says and answers "ok", or what the system answered ("EPERM", "EACCES", …):
//   read:PATH, write:PATH, list:PATH   open it so
//   create:PATH                        make the file
//   socket, socket-unix                make one
//   exec, fork, thread                 run /usr/bin/true, make a child process, start a thread
//   kill-parent                        signal 0 to the parent process
//   ptrace, mount, bpf, io-uring, keyctl, userfaultfd, unshare
//   memory-file                        make and fill a memory file
//   descriptors                        the numbers of the open descriptors, joined by commas
//   environment                        the environment's names, joined by commas
std::string ProbeSandbox(const std::string& what);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_FAKE_PROBE_H_

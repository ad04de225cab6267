// How a worker confines itself. Two phases, because what a model may read is known only with the
// load request, and an engine library opens its own files and devices before that.
//
// A deny list and not an allow list of system calls: graphics drivers (Mesa, NVIDIA's), OpenMP and
// C libraries make calls that differ by vendor and version, and an allow list fails on a machine
// that nobody has tested, as a model that does not load. What counts is kept shut by it: no
// network, no other process, no new program, no change of the file system's names, no privileged
// interface, and no io_uring, which would do all of that past the filter. Landlock, which decides
// by path, says what can be opened at all, and is an allow list.
//
// An engine whose work is done by programs (Apertium's) declares them in its worker's main(); only
// that worker may start processes, those programs only where Landlock is there to tell, and they
// inherit everything else that it is refused.
//
// Everything here works for an ordinary user, degrades where the kernel lacks it, and reports what
// came into force. Elsewhere than on Linux nothing does yet, and nothing is claimed.
#ifndef INTELLIGENCED_RUNTIME_WORKER_SANDBOX_H_
#define INTELLIGENCED_RUNTIME_WORKER_SANDBOX_H_

#include <string>
#include <vector>

#include "protos/intelligence/engine/v1/worker.pb.h"

namespace intelligenced {

// What an engine needs beside reading its model. Most need nothing.
struct SandboxNeeds {
  // Absolute paths of programs that it runs as children, and may kill.
  std::vector<std::string> programs;
};

// Before the engine is made, while the process has one thread: resource limits, no new privileges,
// the system call filter; from here on files can be read, and only devices, /proc/self and memory
// files written.
std::vector<std::string> ConfineProcess(const SandboxNeeds& needs = {});

// Before the model is loaded: the memory limit, and reading only what the system's libraries need,
// `spec.read_paths`, and devices of graphics processors. Holds for this thread and those it starts;
// threads that making the engine started keep the first phase's rules.
std::vector<std::string> ConfineToModel(const intelligence::engine::v1::SandboxSpec& spec,
                                        const SandboxNeeds& needs = {});

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_SANDBOX_H_

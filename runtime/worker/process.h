// Starting a worker's executable with its channels.
#ifndef INTELLIGENCED_RUNTIME_WORKER_PROCESS_H_
#define INTELLIGENCED_RUNTIME_WORKER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/base/fd.h"

namespace intelligenced {

struct SpawnOptions {
  std::string executable;
  // After argv[0], which is the executable's path.
  std::vector<std::string> arguments;
  // The whole environment, "NAME=value". Nothing of the daemon's own comes through.
  std::vector<std::string> environment;
};

// The daemon's ends.
struct SpawnedProcess {
  pid_t pid = -1;
  UniqueFd work;
  UniqueFd control;
  // What the process writes to its standard output and error. Does not block.
  UniqueFd output;
};

// Starts the process with /dev/null as standard input, the channels at the descriptors that
// channel.h names, no other descriptor of the daemon's, default signal handling and a process group
// of its own (Ctrl-C in the daemon's terminal is the daemon's business). On Linux the process may
// ask to die with the *thread* that calls this (host.cc does): call it on one that lives as long as
// the daemon's interest in the process. Errors: MODEL_LOAD_FAILED, with the system's words.
absl::StatusOr<SpawnedProcess> Spawn(const SpawnOptions& options);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_PROCESS_H_

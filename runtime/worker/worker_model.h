// The daemon's side of a worker process: starts it, loads one model in it, and drives it as a
// Model.
#ifndef INTELLIGENCED_RUNTIME_WORKER_WORKER_MODEL_H_
#define INTELLIGENCED_RUNTIME_WORKER_WORKER_MODEL_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/executor.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

struct WorkerOptions {
  // Folder of the worker-<engine> executables.
  std::string worker_directory;
  // Private memory that a worker may have. 0: no limit.
  uint64_t memory_limit_bytes = 0;
  // Workers confine themselves (seccomp, Landlock, no new privileges) before they open the model.
  bool sandbox = true;
  // Linux: the workers' oom_score_adj, so that a worker goes before the daemon and the desktop.
  int oom_score_adj = 500;
  // A worker that has not said hello in this time is killed.
  absl::Duration start_timeout = absl::Seconds(10);
  // A worker whose model is not loaded after this time is killed.
  absl::Duration load_timeout = absl::Minutes(10);
  // A worker that is this much later with a step than its budget, or with any other answer, hangs
  // and is killed. Generous: a machine that swaps is slow, not broken.
  absl::Duration step_timeout = absl::Seconds(60);
  // How long a worker may take to abandon a load, or to leave, before it is killed.
  absl::Duration grace = absl::Seconds(2);
  // Files and folders beside the model's own that workers may read (the sandbox allows the system's
  // libraries anyhow).
  std::vector<std::string> read_paths;
  // The workers' whole environment, "NAME=value". Nothing of the daemon's own comes through: it may
  // hold secrets. A thread of GNU OpenMP that waits for the others of a step sleeps soon instead of
  // turning for milliseconds: as fast on an idle machine, and many times as fast where other
  // programs want the processors too (./dev bench llm).
  std::vector<std::string> environment = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin",
                                          "GOMP_SPINCOUNT=500"};
  // Where the worker's standard error goes, a line at a time (never to a person): engine name,
  // pid, line. May be null: discarded. Called on a thread of the launcher's.
  std::function<void(const std::string& engine, pid_t pid, const std::string& line)> log;
};

// A Model whose work is done by a process of its own. Destroying it ends the process and waits for
// its end (killing it if it does not leave by itself).
//
// A Step that fails as a whole ends the process as well, since such a model cannot be used again:
// on_lost follows, and later calls answer WORKER_LOST. Start() is local; what only the engine can
// find wrong with a task comes out of the job's first Step. Park() answers WORKER_LOST as Step
// does.
class WorkerModel : public Model {
 public:
  virtual pid_t pid() const = 0;
  // What the worker could put in force: "no-new-privs", "seccomp", "landlock", "memory-limit".
  virtual const std::vector<std::string>& protections() const = 0;
  // True once the process is gone or does not answer.
  virtual bool lost() const = 0;
};

// Thread-safe. Must outlive the models it launched.
class WorkerLauncher {
 public:
  explicit WorkerLauncher(WorkerOptions options);
  ~WorkerLauncher();

  // Starts worker-<spec.engine>, loads the model and returns it. Blocks; run it off the service
  // threads. `on_lost` is called at most once, on a thread of the launcher's, when the process dies
  // or breaks the protocol while the model lives (perhaps just before this returns); never during
  // or after the model's destruction, never when this fails. It must be quick. Errors: those of
  // Engine::Load; MODEL_LOAD_FAILED when the executable cannot be started or does not say hello;
  // WORKER_LOST when the process dies while loading (metadata: "signal" or "exit_code").
  absl::StatusOr<std::unique_ptr<WorkerModel>> Launch(const engine_proto::ModelSpec& spec,
                                                      CancelToken cancel,
                                                      absl::AnyInvocable<void()> on_lost);

  // Engines for which there is an executable in worker_directory.
  std::vector<std::string> AvailableEngines() const;

 private:
  class Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_WORKER_MODEL_H_

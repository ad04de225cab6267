// The worker's side: the small loop that every worker-<engine> executable runs around its engine.
#ifndef INTELLIGENCED_RUNTIME_WORKER_HOST_H_
#define INTELLIGENCED_RUNTIME_WORKER_HOST_H_

#include <functional>
#include <memory>

#include "runtime/engine/engine.h"
#include "runtime/worker/sandbox.h"

namespace intelligenced {

// Serves one model for the daemon that started this process, over the descriptors it passed
// (channel.h names them), until it is told to leave or the daemon is gone. Returns the exit code;
// the whole of a worker's main() is `return RunWorker(argc, argv, [] { return MakeXEngine(); });`.
// The engine is made after the process has confined itself as far as it can without knowing the
// model, and before it confines itself to the model's files. `needs`: what this engine must be
// allowed beside what every worker is.
int RunWorker(int argc, char** argv, std::function<std::unique_ptr<Engine>()> make_engine,
              SandboxNeeds needs = {});

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_HOST_H_

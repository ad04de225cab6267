// One piece of work of an engine that serves nobody (measuring or converting a model): a worker of
// its own for the time it takes, driven by the scheduler like any other job, so that it waits for
// what is more urgent and nothing computes beside its measurements.
#ifndef INTELLIGENCED_RUNTIME_CORE_WORKBENCH_H_
#define INTELLIGENCED_RUNTIME_CORE_WORKBENCH_H_

#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "runtime/core/runtime.h"
#include "runtime/engine/engine.h"
#include "runtime/scheduler/job.h"

namespace intelligenced {

// Blocks until the task has ended; run it off the service threads. `request` needs client, class,
// deadline and cancel token; its model is only a name. `on_event` is called on this thread, in
// order; an error from it ends the work and is returned. What it is slow to take in waits, and the
// work with it. The worker is gone when this returns. Errors: those of ModelLoader::Load,
// Scheduler::Submit and Engine; MEMORY_INSUFFICIENT when the machine has not `memory_bytes` left.
absl::Status RunOnWorkbench(const Runtime& runtime, const engine_proto::ModelSpec& spec,
                            uint64_t memory_bytes, JobRequest request,
                            absl::FunctionRef<absl::Status(const engine_proto::Event&)> on_event);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_CORE_WORKBENCH_H_

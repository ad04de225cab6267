// The engine contract: what every model library is wrapped as, and what the scheduler drives.
//
// The same three interfaces stand in three places: inside a worker process around a library
// (runtime/engines/<x>), in the daemon as a proxy for a worker (runtime/worker/worker_model.h), and
// in the fake engine. tests/conformance runs one suite against all of them.
//
// Threads: a Model is driven by one thread at a time (the scheduler sees to it); which thread may
// change between calls. A Job belongs to its Model and is used under the same rule. Only
// CancelToken crosses threads: it may be cancelled at any moment, also in the middle of a Step.
//
// Lifetimes: Engine outlives its Models, a Model outlives its Jobs.
//
// No exception passes this border; engines catch what their libraries throw and answer
// ENGINE_FAILURE or MODEL_LOAD_FAILED.
#ifndef INTELLIGENCED_RUNTIME_ENGINE_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINE_ENGINE_H_

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/base/cancel.h"
#include "runtime/base/reasons.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// What one Step did for one job.
struct JobOutput {
  // In order. The last event of a job that ends well is Completed.
  std::vector<engine_proto::Event> events;
  // The job needs no more steps: it has completed or failed.
  bool done = false;
  // Why the job failed; OK while it runs and when it completed. A cancelled job ends CANCELLED.
  absl::Status status;
  // The job's share of this step in units of the engine's own (tokens, sentences). Only the ratio
  // between jobs of one step counts: the step's measured time is charged to clients by it.
  // 0 with done == false means that the job could not advance now (no room); it will be tried
  // again.
  double work = 0;
};

// The state of one task inside a model. Destroying it frees what it holds there.
class Job {
 public:
  virtual ~Job() = default;

  // Moves the job's state out of the device's memory until it is next stepped; the continuation is
  // identical. Optional: an engine without state worth moving answers OK and does nothing.
  virtual absl::Status Park() { return absl::OkStatus(); }
};

struct StepOptions {
  // The step should end about this long after it began. Engines do as many units of work
  // (decode batches, sentences) as fit, and always at least one. One that cannot be cut watches the
  // jobs' cancel tokens through the library's own abort hook.
  absl::Duration budget = absl::Milliseconds(20);
  // What a unit itself should take at most. It is longer where nobody waits, for engines that are
  // faster in larger units; using that is an engine's choice, and means to watch `yield`.
  absl::Duration unit = kUnit;
  // Cancelled when somebody has come who should not have to wait for the rest of the budget or for
  // a longer unit: the step ends with the unit at hand, or after about kUnit more. What was not
  // finished by then may be given up and done again.
  CancelToken yield = {};

  static constexpr absl::Duration kUnit = absl::Milliseconds(50);
};

class Model {
 public:
  virtual ~Model() = default;

  // Constant after loading.
  virtual const engine_proto::ModelInfo& info() const = 0;

  // Checks the task and prepares it. Cheap: no computing (that is Step's). Errors:
  //   FIELD_INVALID            the task or one of its values is not for this model
  //   CONTEXT_WINDOW_EXCEEDED  with input_tokens and context_tokens in the metadata, when that is
  //                            known already; else the first Step reports it for the job
  //   WORKER_LOST              (proxy) the worker is gone
  virtual absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                                     CancelToken cancel) = 0;

  // Start() for a task whose pictures came as descriptors: an image's `attachment` is the place in
  // `attachments`, in decimal, of what holds its bytes. The job keeps what it needs of them. Models
  // that look at pictures override it; to others only an empty list may be given (FIELD_INVALID).
  virtual absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                         const Attachments& attachments,
                                                         CancelToken cancel) {
    if (attachments.empty()) return Start(task, std::move(cancel));
    return FieldError("task", "This model takes no pictures.");
  }

  // Advances every given job, at most info().max_batch of them, each at most once in the list and
  // none already done. Returns one output for each, in order. An error status means that the model
  // as a whole can no longer be used (ENGINE_FAILURE, WORKER_LOST); single jobs fail through
  // their JobOutput.
  virtual absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                                      const StepOptions& options) = 0;

  // Memory as measured now.
  virtual absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // "llama", "text", "fake", …
  virtual std::string_view name() const = 0;

  // Blocks until the model can be stepped. Errors: MODEL_CORRUPT (a file is not what its format
  // says), MODEL_LOAD_FAILED (the library refused it, with its words), MEMORY_INSUFFICIENT,
  // CANCELLED.
  virtual absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                                      CancelToken cancel) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINE_ENGINE_H_

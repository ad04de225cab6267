// Residency: which models are in memory, decided by a measured ledger.
//
// Concurrent requests for one absent model load it once; a load blocks nobody else's model. A busy
// model is never evicted: the victims are idle ones, chosen by cost (residency_policy.h). Idle
// models leave after their keep_alive; pinned ones stay. A model whose worker died is loaded again
// on the next request, after a back-off that grows with repeated deaths.
//
// Thread-safe. Callbacks run without a lock held, on the loading or the calling thread.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MODEL_MANAGER_H_
#define INTELLIGENCED_RUNTIME_MODELS_MODEL_MANAGER_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/engine/engine.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

class ModelStore;

// Values are those of intelligence.v1.ModelState.
enum class ModelState {
  kNotInstalled = 1,
  kDownloading = 2,
  kInstalled = 3,
  kLoading = 4,
  kReady = 5,
  kDraining = 6,
  kUnloading = 7,
  kFailed = 8,
};

// A model made ready by a loader.
struct LoadedModel {
  std::shared_ptr<Model> model;
  pid_t worker_pid = 0;
  std::vector<std::string> protections;
};

// How a model comes to memory (runtime/core: a worker process; in tests: a fake).
class ModelLoader {
 public:
  virtual ~ModelLoader() = default;
  // Blocks, on a loader thread. `on_lost` as in WorkerLauncher::Launch.
  virtual absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                           absl::AnyInvocable<void()> on_lost) = 0;
};

struct ResidencyOptions {
  // The most that all models may take together. 0: what the machine has less the margin.
  uint64_t ceiling_bytes = 0;
  // Left for the rest of the machine when the ceiling is worked out.
  uint64_t margin_bytes = uint64_t{2} << 30;
  absl::Duration default_keep_alive = absl::Minutes(5);
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(30);
  // Cores that a model's step may use.
  uint32_t threads = 0;
  // Engine parameters from the configuration, by engine; they go over the manifest's.
  std::map<std::string, std::map<std::string, std::string>> engine_parameters;
};

// How much memory the machine has and has left.
struct MachineMemory {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
};
using MemoryProbe = std::function<MachineMemory()>;
MachineMemory ProbeMachineMemory();

// What a process takes now, and the most it has taken.
struct ProcessUsage {
  uint64_t resident_bytes = 0;
  uint64_t peak_bytes = 0;
};
// How a worker is measured while the scheduler drives its model. Nothing: cannot be told.
using UsageProbe = std::function<std::optional<ProcessUsage>(pid_t)>;

struct ModelStatus {
  Manifest manifest;
  ModelState state = ModelState::kInstalled;
  absl::Status failure;
  uint64_t resident_bytes = 0;
  uint64_t peak_bytes = 0;
  bool pinned = false;
  absl::Duration keep_alive;
  int leases = 0;
  pid_t worker_pid = 0;
  std::vector<std::string> protections;
  engine_proto::ModelInfo info;  // empty unless ready
  absl::Time last_used = absl::InfinitePast();
  absl::Duration last_load_time;
  std::vector<std::string> default_for;
};

// Keeps a model resident. Movable; dropping it releases. May outlive neither manager nor process.
struct ModelLease {
  // "name#generation": one load of one model.
  std::string key;
  std::string name;
  std::shared_ptr<Model> model;
  std::shared_ptr<void> hold;
};

struct AcquireOptions {
  // Extends the model's keep_alive for this use. Zero: the model's own.
  absl::Duration keep_alive;
  // Gives up waiting (the load itself goes on if others wait for it).
  CancelToken cancel;
  // A person waits for it: makes the model dearer to evict afterwards.
  bool interactive = true;
  // Called at most once, before the callback, when the model is not resident yet.
  absl::AnyInvocable<void()> on_loading;
};

class ModelManager {
 public:
  // Pointers must outlive the manager. `loaders` runs loads and unloads (blocking work). `usage`
  // empty: ReadProcessUsage (process_memory.h).
  ModelManager(ResidencyOptions options, ModelStore* store, ModelLoader* loader, const Clock* clock,
               Executor* loaders, Timer* timer, MemoryProbe probe, UsageProbe usage = {});
  // Unloads everything; every lease must have been dropped.
  ~ModelManager();

  // Answers exactly once; waits two minutes for room in use. Errors: MODEL_NOT_FOUND,
  // MODEL_NOT_INSTALLED, MEMORY_INSUFFICIENT (even with idle models evicted; needed_bytes and
  // available_bytes), SHUTTING_DOWN, CANCELLED and those of ModelLoader::Load; while backing off
  // after a failure the failure itself, with a retry delay.
  void Acquire(std::string_view name, AcquireOptions options,
               absl::AnyInvocable<void(absl::StatusOr<ModelLease>)> callback);

  // Blocking forms for ModelService, on its own threads. Unload waits until the model is free.
  absl::Status Unload(std::string_view name, CancelToken cancel);
  // Unload, then remove from the store. MODEL_BUSY while leases are out.
  absl::StatusOr<uint64_t> Remove(std::string_view name);

  absl::Status SetPinned(std::string_view name, bool pinned);
  absl::Status SetKeepAlive(std::string_view name, absl::Duration keep_alive);

  // All installed and built-in models, sorted by name. Does not block: memory is as measured last,
  // at most two seconds ago; asking measures anew, off this thread, at most once a second.
  std::vector<ModelStatus> Snapshot();
  absl::StatusOr<ModelStatus> Get(std::string_view name);

  struct Memory {
    uint64_t resident_bytes = 0;
    uint64_t reserved_bytes = 0;
    uint64_t ceiling_bytes = 0;
    MachineMemory machine;
  };
  Memory MemorySnapshot();

  // `observer` is called after every change of a model's state, without a lock held. Dropping the
  // handle ends it.
  std::shared_ptr<void> Watch(std::function<void(const ModelStatus&)> observer);

  // What a model's engine is told to load it, with the configuration's threads and parameters.
  // MODEL_CORRUPT when one of its files is gone.
  absl::StatusOr<engine_proto::ModelSpec> SpecFor(const Manifest& manifest) const;

  // Refuses new leases; unloads models as they become idle.
  void BeginShutdown();

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MODEL_MANAGER_H_

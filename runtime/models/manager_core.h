// The inside of ModelManager. Split over manager_core.cc (leases, unloading), manager_load.cc
// (loading, losses, memory) and model_manager.cc (queries).
//
// One mutex guards all state. Nothing foreign runs under it: callbacks, observers, model
// destructors, cancellations and probes are collected in a Deferred and run after it is released.
// The store is asked under it only for what it has in memory (order: manager before store).
//
// A model's memory is given back by destroying it, which blocks until its process is gone. Leases
// and the core share a handle whose last release hands the model to the loaders for that, so that
// no request's thread ever waits for it.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MANAGER_CORE_H_
#define INTELLIGENCED_RUNTIME_MODELS_MANAGER_CORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "runtime/models/model_manager.h"
#include "runtime/models/model_store.h"
#include "runtime/models/observer_list.h"
#include "runtime/models/residency_policy.h"

namespace intelligenced {

class ModelManager::Core : public std::enable_shared_from_this<Core> {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<ModelLease>)>;

  Core(ResidencyOptions options, ModelStore* store, ModelLoader* loader, const Clock* clock,
       Executor* loaders, Timer* timer, MemoryProbe probe, UsageProbe usage);

  void Acquire(const std::string& name, AcquireOptions options, Callback callback);
  absl::Status Unload(const std::string& name, const CancelToken& cancel);
  absl::StatusOr<uint64_t> Remove(const std::string& name);
  absl::Status SetPinned(const std::string& name, bool pinned);
  absl::Status SetKeepAlive(const std::string& name, absl::Duration keep_alive);
  std::vector<ModelStatus> Snapshot();
  absl::StatusOr<ModelStatus> Get(const std::string& name);
  Memory MemorySnapshot();
  absl::StatusOr<engine_proto::ModelSpec> SpecOf(const Manifest& manifest) const;
  std::shared_ptr<void> Watch(ObserverList::Observer observer) {
    return observers_.Add(std::move(observer));
  }
  void BeginShutdown();
  // After BeginShutdown: returns when no model is left and no thread is at work here.
  void Close();

 private:
  // What must happen once the mutex is released.
  class Deferred {
   public:
    void Add(absl::AnyInvocable<void()> action) { actions_.push_back(std::move(action)); }
    template <typename T>
    void Drop(T value) {
      Add([value = std::move(value)]() mutable { T gone = std::move(value); });
    }
    void Run() {
      for (auto& action : actions_) action();
      actions_.clear();
    }

   private:
    std::vector<absl::AnyInvocable<void()>> actions_;
  };

  // One load of one model. Shared by the entry and its leases; fields but `leases` and the
  // measurements are constant.
  struct Resident {
    std::string name;
    uint64_t generation = 0;
    std::shared_ptr<Model> model;
    pid_t pid = 0;
    std::vector<std::string> protections;
    engine_proto::ModelInfo info;
    absl::Time ready_at;
    uint64_t resident_bytes = 0;
    uint64_t peak_bytes = 0;
    int leases = 0;
  };

  struct Waiter {
    uint64_t id = 0;
    absl::Duration keep_alive;
    bool interactive = true;
    Callback callback;
    CancelRegistration registration;
  };

  struct Entry {
    Manifest manifest;
    ModelState state = ModelState::kInstalled;
    std::shared_ptr<Resident> resident;
    std::vector<Waiter> waiters;

    // Of the load that is running or was last.
    uint64_t generation = 0;
    bool loading = false;
    bool lost_while_loading = false;
    CancelSource load_cancel;
    uint64_t reserved_bytes = 0;
    // Waits for room before loading; for room that models in use would have to give, until then.
    bool wants_memory = false;
    absl::Time room_wait_ends = absl::InfiniteFuture();

    // The model is being destroyed; the memory is still taken.
    bool unloading = false;
    uint64_t leaving_bytes = 0;
    // Nobody gets a lease any more; unloads when the last one is back.
    bool draining = false;
    int unload_callers = 0;

    absl::Status failure;
    int load_failures = 0;
    int losses = 0;
    absl::Time retry_at = absl::InfinitePast();

    bool pinned = false;
    std::optional<absl::Duration> keep_alive;
    bool interactive = true;
    absl::Time last_used = absl::InfinitePast();
    absl::Time idle_since = absl::InfinitePast();
    // What requests asked for beyond keep_alive.
    absl::Time requested_until = absl::InfinitePast();
    Timer::Id timer = 0;
    absl::Time timer_at = absl::InfiniteFuture();

    // Of the last load, also from the store.
    uint64_t measured_bytes = 0;
    uint64_t measured_peak = 0;
    absl::Duration load_time;
  };

  struct Disposal {
    std::string name;
    uint64_t generation = 0;
    std::shared_ptr<Model> model;
  };

  using Entries = std::map<std::string, Entry, std::less<>>;

  // manager_core.cc
  absl::StatusOr<Entry*> FindEntry(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK with a lease, an error, or nothing: it must wait.
  std::optional<absl::StatusOr<ModelLease>> TryAcquire(const std::string& name,
                                                       const AcquireOptions& options)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelLease MakeLease(Entry& entry, absl::Duration keep_alive, bool interactive)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(std::shared_ptr<Resident> resident, absl::Duration keep_alive);
  void CancelWaiter(const std::string& name, uint64_t id);
  void OnIdle(Entry& entry, Deferred& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginUnload(Entry& entry, Deferred& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time ExpiryOf(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmTimer(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer(const std::string& name);
  void FailWaiters(Entry& entry, const absl::Status& status, Deferred& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ServeWaiters(Entry& entry, Deferred& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetState(Entry& entry, ModelState state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelStatus StatusOf(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Deferred& after) {
    after.Run();
    observers_.Deliver();
  }

  // manager_load.cc
  void MaybeLoad(Entry& entry, Deferred& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether waiting for models in use may go on; it ends by itself.
  bool MayWaitForRoom(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MaybeLoadAt(absl::Time when, const std::string& name);
  void RetryWaiting(Deferred& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginLoad(Entry& entry, uint64_t bytes, Deferred& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunLoad(const std::string& name, uint64_t generation);
  void OnLoaded(const std::string& name, uint64_t generation, absl::StatusOr<LoadedModel> loaded,
                ProcessUsage usage, absl::Duration load_time);
  void OnLoadFailed(Entry& entry, absl::Status status, Deferred& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnLost(const std::string& name, uint64_t generation);
  void Dispose(Disposal disposal);
  // Destroys models that wait for it, on this thread, until none is left or one was done.
  void RunDisposals(bool all);
  void OnDisposed(const std::string& name, uint64_t generation);
  absl::Duration Backoff(int failures) const;
  Ledger MakeLedger() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Ceiling() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshMachine();
  void Measure();
  void ScheduleTick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tick();
  // Runs `work` on the loaders unless the manager is gone by then.
  void Post(std::function<void(Core&)> work);

  const ResidencyOptions options_;
  ModelStore* const store_;
  ModelLoader* const loader_;
  const Clock* const clock_;
  Executor* const loaders_;
  Timer* const timer_;
  const MemoryProbe probe_;
  const UsageProbe usage_probe_;
  ObserverList observers_;

  mutable absl::Mutex mutex_;
  // Nodes stay where they are: references live as long as the mutex is held.
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> removing_ ABSL_GUARDED_BY(mutex_);
  std::deque<Disposal> disposals_ ABSL_GUARDED_BY(mutex_);
  MachineMemory machine_ ABSL_GUARDED_BY(mutex_);
  absl::Time machine_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time measured_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t last_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_waiter_ ABSL_GUARDED_BY(mutex_) = 0;
  Timer::Id tick_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  // Work posted to the loaders does nothing any more.
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int working_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MANAGER_CORE_H_

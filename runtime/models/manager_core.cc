#include "runtime/models/manager_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/models/process_memory.h"

namespace intelligenced {
namespace {

// A model whose worker died is waited for this long instead of failing the request.
constexpr absl::Duration kPatience = absl::Seconds(1);

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown, "The daemon is shutting down.");
}

absl::Status Cancelled() {
  return MakeError(Reason::kCancelled, "The request was cancelled while it waited for its model.");
}

// `failure` again, with the time after which it may not happen any more.
absl::Status WithRetryDelay(const absl::Status& failure, absl::Duration delay) {
  ErrorFacts facts = FactsOf(failure);
  facts.retry_delay = delay;
  return MakeError(ReasonOf(failure).value_or(Reason::kModelLoadFailed), failure.message(),
                   std::move(facts));
}

}  // namespace

ModelManager::Core::Core(ResidencyOptions options, ModelStore* store, ModelLoader* loader,
                         const Clock* clock, Executor* loaders, Timer* timer, MemoryProbe probe,
                         UsageProbe usage)
    : options_(std::move(options)),
      store_(store),
      loader_(loader),
      clock_(clock),
      loaders_(loaders),
      timer_(timer),
      probe_(std::move(probe)),
      usage_probe_(usage ? std::move(usage) : UsageProbe(ReadProcessUsage)) {
  RefreshMachine();
}

absl::StatusOr<ModelManager::Core::Entry*> ModelManager::Core::FindEntry(const std::string& name) {
  const auto found = entries_.find(name);
  if (found != entries_.end() &&
      (found->second.resident != nullptr || found->second.loading || found->second.unloading)) {
    return &found->second;
  }
  // Not in memory: what the store says now counts.
  absl::StatusOr<Manifest> manifest = store_->Get(name);
  if (!manifest.ok() || removing_.contains(name)) {
    if (manifest.ok()) {
      return MakeError(Reason::kModelNotFound,
                       absl::StrCat("The model ", name, " is being removed."));
    }
    if (found != entries_.end() && found->second.waiters.empty()) entries_.erase(found);
    return manifest.status();
  }
  if (found != entries_.end()) {
    found->second.manifest = *std::move(manifest);
    return &found->second;
  }
  const ModelRecord record = store_->Record(name);
  Entry& entry = entries_[name];
  entry.manifest = *std::move(manifest);
  entry.pinned = record.pinned;
  entry.keep_alive = record.keep_alive;
  entry.measured_bytes = record.resident_bytes;
  entry.measured_peak = record.peak_bytes;
  entry.load_time = record.load_time;
  return &entry;
}

std::optional<absl::StatusOr<ModelLease>> ModelManager::Core::TryAcquire(
    const std::string& name, const AcquireOptions& options) {
  if (shutting_down_) return ShuttingDown();
  if (options.cancel.cancelled()) return Cancelled();
  absl::StatusOr<Entry*> found = FindEntry(name);
  if (!found.ok()) return found.status();
  Entry& entry = **found;
  if (removing_.contains(name)) {
    return MakeError(Reason::kModelNotFound,
                     absl::StrCat("The model ", name, " is being removed."));
  }
  if (entry.resident != nullptr && !entry.draining) {
    return MakeLease(entry, options.keep_alive, options.interactive);
  }
  const absl::Duration back_off = entry.retry_at - clock_->Now();
  if (entry.state == ModelState::kFailed && back_off > absl::ZeroDuration() &&
      !(entry.load_failures == 0 && back_off <= kPatience)) {
    return WithRetryDelay(entry.failure, back_off);
  }
  return std::nullopt;
}

void ModelManager::Core::Acquire(const std::string& name, AcquireOptions options,
                                 Callback callback) {
  {
    std::optional<absl::StatusOr<ModelLease>> answer;
    {
      absl::MutexLock lock(mutex_);
      answer = TryAcquire(name, options);
    }
    if (answer.has_value()) return callback(*std::move(answer));
  }
  if (options.on_loading) options.on_loading();
  RefreshMachine();

  Deferred after;
  uint64_t id = 0;
  {
    absl::MutexLock lock(mutex_);
    // It may have become ready in the meantime.
    if (auto answer = TryAcquire(name, options); answer.has_value()) {
      after.Add(
          [&callback, answer = *std::move(answer)]() mutable { callback(std::move(answer)); });
    } else {
      Entry& entry = **FindEntry(name);
      Waiter& waiter = entry.waiters.emplace_back();
      waiter.id = id = ++last_waiter_;
      waiter.keep_alive = options.keep_alive;
      waiter.interactive = options.interactive;
      waiter.callback = std::move(callback);
      MaybeLoad(entry, after);
    }
  }
  Finish(after);
  if (id == 0) return;

  // Registered outside the mutex: a token that is cancelled already calls back at once.
  CancelRegistration registration = options.cancel.OnCancel([weak = weak_from_this(), name, id] {
    if (const auto core = weak.lock()) core->CancelWaiter(name, id);
  });
  absl::MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  for (Waiter& waiter : found->second.waiters) {
    if (waiter.id == id) std::swap(waiter.registration, registration);
  }
}

void ModelManager::Core::CancelWaiter(const std::string& name, uint64_t id) {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    const auto waiter = std::find_if(entry.waiters.begin(), entry.waiters.end(),
                                     [id](const Waiter& w) { return w.id == id; });
    if (waiter == entry.waiters.end()) return;
    after.Add([waiter = std::move(*waiter)]() mutable { waiter.callback(Cancelled()); });
    entry.waiters.erase(waiter);
    if (entry.waiters.empty()) {
      if (entry.loading) after.Add([cancel = entry.load_cancel] { cancel.Cancel(); });
      entry.room_wait_ends = absl::InfiniteFuture();
      if (entry.wants_memory) {
        entry.wants_memory = false;
        if (!entry.loading && !entry.unloading) SetState(entry, ModelState::kInstalled);
      }
    }
  }
  Finish(after);
}

ModelLease ModelManager::Core::MakeLease(Entry& entry, absl::Duration keep_alive,
                                         bool interactive) {
  std::shared_ptr<Resident> resident = entry.resident;
  ++resident->leases;
  entry.last_used = clock_->Now();
  entry.interactive = interactive;
  ModelLease lease;
  lease.key = absl::StrCat(resident->name, "#", resident->generation);
  lease.name = resident->name;
  lease.model = resident->model;
  void* const address = resident.get();
  lease.hold = std::shared_ptr<void>(
      address,
      [weak = weak_from_this(), resident = std::move(resident), keep_alive](void*) mutable {
        std::shared_ptr<Resident> released = std::move(resident);
        if (const auto core = weak.lock()) core->Release(std::move(released), keep_alive);
      });
  return lease;
}

void ModelManager::Core::Release(std::shared_ptr<Resident> resident, absl::Duration keep_alive) {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    --resident->leases;
    const auto found = entries_.find(resident->name);
    // A lost model's leases come back after the entry has parted with it.
    if (found != entries_.end() && found->second.resident == resident) {
      Entry& entry = found->second;
      const absl::Time now = clock_->Now();
      entry.last_used = now;
      entry.requested_until = std::max(entry.requested_until, now + keep_alive);
      if (resident->leases == 0) OnIdle(entry, after);
    }
  }
  resident.reset();
  Finish(after);
}

absl::Time ModelManager::Core::ExpiryOf(const Entry& entry) const {
  if (entry.pinned) return absl::InfiniteFuture();
  return std::max(entry.idle_since + entry.keep_alive.value_or(options_.default_keep_alive),
                  entry.requested_until);
}

void ModelManager::Core::OnIdle(Entry& entry, Deferred& after) {
  entry.idle_since = clock_->Now();
  if (entry.draining || shutting_down_ || ExpiryOf(entry) <= entry.idle_since) {
    BeginUnload(entry, after);
  } else {
    ArmTimer(entry);
  }
  RetryWaiting(after);
}

void ModelManager::Core::ArmTimer(Entry& entry) {
  const absl::Time when = ExpiryOf(entry);
  if (when == absl::InfiniteFuture()) return;
  // A timer that is early finds out and is set again: cheaper than one for every request.
  if (entry.timer != 0 && entry.timer_at <= when) return;
  if (entry.timer != 0) timer_->Cancel(entry.timer);
  entry.timer_at = when;
  entry.timer = timer_->Schedule(when, [weak = weak_from_this(), name = entry.manifest.name] {
    if (const auto core = weak.lock()) core->OnTimer(name);
  });
}

void ModelManager::Core::OnTimer(const std::string& name) {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    entry.timer = 0;
    entry.timer_at = absl::InfiniteFuture();
    if (entry.resident == nullptr || entry.resident->leases > 0) return;
    if (ExpiryOf(entry) <= clock_->Now()) {
      BeginUnload(entry, after);
    } else {
      ArmTimer(entry);
    }
  }
  Finish(after);
}

void ModelManager::Core::BeginUnload(Entry& entry, Deferred& after) {
  std::shared_ptr<Resident> resident = std::move(entry.resident);
  entry.resident = nullptr;
  entry.unloading = true;
  entry.draining = false;
  entry.leaving_bytes = resident->resident_bytes;
  entry.measured_bytes = resident->resident_bytes;
  entry.measured_peak = std::max(entry.measured_peak, resident->peak_bytes);
  entry.requested_until = absl::InfinitePast();
  if (entry.timer != 0) timer_->Cancel(std::exchange(entry.timer, 0));
  entry.timer_at = absl::InfiniteFuture();
  SetState(entry, ModelState::kUnloading);
  after.Drop(std::move(resident));
}

void ModelManager::Core::FailWaiters(Entry& entry, const absl::Status& status, Deferred& after) {
  for (Waiter& waiter : entry.waiters) {
    after.Add([waiter = std::move(waiter), status]() mutable { waiter.callback(status); });
  }
  entry.waiters.clear();
  entry.wants_memory = false;
  entry.room_wait_ends = absl::InfiniteFuture();
}

void ModelManager::Core::ServeWaiters(Entry& entry, Deferred& after) {
  for (Waiter& waiter : entry.waiters) {
    ModelLease lease = MakeLease(entry, waiter.keep_alive, waiter.interactive);
    after.Add([waiter = std::move(waiter), lease = std::move(lease)]() mutable {
      waiter.callback(std::move(lease));
    });
  }
  entry.waiters.clear();
}

absl::Status ModelManager::Core::Unload(const std::string& name, const CancelToken& cancel) {
  Deferred after;
  uint64_t generation = 0;
  {
    absl::MutexLock lock(mutex_);
    absl::StatusOr<Entry*> found = FindEntry(name);
    if (!found.ok()) return found.status();
    Entry& entry = **found;
    if (entry.resident == nullptr && !entry.loading && !entry.unloading) return absl::OkStatus();
    generation = entry.generation;
    ++entry.unload_callers;
    if (entry.resident != nullptr && entry.resident->leases == 0) {
      BeginUnload(entry, after);
    } else if (!entry.unloading) {
      entry.draining = true;
      if (entry.resident != nullptr) SetState(entry, ModelState::kDraining);
    }
  }
  Finish(after);
  RunDisposals(/*all=*/true);

  // Makes the wait below look again.
  CancelRegistration registration = cancel.OnCancel([weak = weak_from_this()] {
    if (const auto core = weak.lock()) absl::MutexLock lock(core->mutex_);
  });
  absl::Status status;
  {
    absl::MutexLock lock(mutex_);
    auto gone = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const auto it = entries_.find(name);
      return it == entries_.end() || it->second.generation != generation ||
             (it->second.resident == nullptr && !it->second.loading && !it->second.unloading);
    };
    auto done = [&]()
                    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return gone() || cancel.cancelled(); };
    mutex_.Await(absl::Condition(&done));
    const auto it = entries_.find(name);
    if (it != entries_.end()) --it->second.unload_callers;
    if (!gone()) {
      status = MakeError(Reason::kCancelled, "The unloading was cancelled.");
      Entry& entry = it->second;
      // Nobody wants it gone any more: it serves again.
      if (entry.draining && entry.unload_callers == 0 && !shutting_down_) {
        entry.draining = false;
        if (entry.resident != nullptr) {
          SetState(entry, ModelState::kReady);
          ServeWaiters(entry, after);
        }
      }
    }
  }
  Finish(after);
  return status;
}

absl::StatusOr<uint64_t> ModelManager::Core::Remove(const std::string& name) {
  {
    absl::MutexLock lock(mutex_);
    absl::StatusOr<Entry*> found = FindEntry(name);
    if (!found.ok()) return found.status();
    Entry& entry = **found;
    const bool busy = entry.loading || !entry.waiters.empty() ||
                      (entry.resident != nullptr && entry.resident->leases > 0);
    if (busy && !entry.manifest.built_in) {
      return MakeError(Reason::kModelBusy,
                       absl::StrCat("Requests use ", name, " now. Try again when they are done."),
                       {.metadata = {{"model", name}}, .retry_delay = {}, .field = {}});
    }
    // The store says why a built-in model stays.
    if (!entry.manifest.built_in) removing_.insert(name);
  }
  absl::Status status = Unload(name, CancelToken());
  absl::StatusOr<uint64_t> freed = 0;
  if (status.ok() || HasReason(status, Reason::kModelNotFound)) freed = store_->Remove(name);
  {
    absl::MutexLock lock(mutex_);
    removing_.erase(name);
    if (const auto found = entries_.find(name); freed.ok() && found != entries_.end()) {
      SetState(found->second, ModelState::kNotInstalled);
      entries_.erase(found);
    }
  }
  observers_.Deliver();
  return freed;
}

absl::Status ModelManager::Core::SetPinned(const std::string& name, bool pinned) {
  absl::Status status =
      store_->UpdateRecord(name, [pinned](ModelRecord& record) { record.pinned = pinned; });
  if (!status.ok()) return status;
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Entry*> found = FindEntry(name);
  if (!found.ok()) return found.status();
  (*found)->pinned = pinned;
  if ((*found)->resident != nullptr && (*found)->resident->leases == 0) ArmTimer(**found);
  return absl::OkStatus();
}

absl::Status ModelManager::Core::SetKeepAlive(const std::string& name, absl::Duration keep_alive) {
  if (keep_alive < absl::ZeroDuration()) {
    return FieldError("keep_alive", "A time to keep a model cannot be negative.");
  }
  absl::Status status =
      store_->UpdateRecord(name, [=](ModelRecord& record) { record.keep_alive = keep_alive; });
  if (!status.ok()) return status;
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Entry*> found = FindEntry(name);
  if (!found.ok()) return found.status();
  (*found)->keep_alive = keep_alive;
  if ((*found)->resident != nullptr && (*found)->resident->leases == 0) ArmTimer(**found);
  return absl::OkStatus();
}

void ModelManager::Core::SetState(Entry& entry, ModelState state) {
  entry.state = state;
  observers_.Enqueue(StatusOf(entry));
}

void ModelManager::Core::BeginShutdown() {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    if (shutting_down_) return;
    shutting_down_ = true;
    for (auto& [name, entry] : entries_) {
      FailWaiters(entry, ShuttingDown(), after);
      if (entry.loading) after.Add([cancel = entry.load_cancel] { cancel.Cancel(); });
      if (entry.resident == nullptr) continue;
      if (entry.resident->leases == 0) {
        BeginUnload(entry, after);
      } else {
        entry.draining = true;
        SetState(entry, ModelState::kDraining);
      }
    }
  }
  Finish(after);
}

void ModelManager::Core::Close() {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    closed_ = true;
    if (tick_ != 0) timer_->Cancel(std::exchange(tick_, 0));
    for (auto& [name, entry] : entries_) {
      if (entry.resident != nullptr) BeginUnload(entry, after);
      if (entry.timer != 0) timer_->Cancel(std::exchange(entry.timer, 0));
    }
  }
  Finish(after);
  while (true) {
    RunDisposals(/*all=*/true);
    absl::MutexLock lock(mutex_);
    auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return working_ == 0 || !disposals_.empty();
    };
    mutex_.Await(absl::Condition(&something));
    if (disposals_.empty()) return;
  }
}

}  // namespace intelligenced

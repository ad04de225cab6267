// Loading, losing and measuring models: the second half of manager_core.h.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/models/manager_core.h"

namespace intelligenced {
namespace {

// How often measurements and memory pressure are looked at while a model is resident.
constexpr absl::Duration kTickInterval = absl::Seconds(2);
constexpr absl::Duration kMachineInterval = absl::Seconds(1);
// How long a request waits for room that only models in use can give: longer than most answers
// take, and not for ever, since callers that each keep a model in use could wait for one another.
constexpr absl::Duration kRoomWait = absl::Minutes(2);
// On a small machine a fixed margin would leave nothing for models.
constexpr uint64_t kMarginShare = 8;

// Small changes from load to load are not worth a write to the disk.
bool DiffersMuch(double before, double now) { return now > before * 1.2 || now < before * 0.8; }

void Remember(ModelRecord& record, const ProcessUsage& usage) {
  if (DiffersMuch(static_cast<double>(record.resident_bytes),
                  static_cast<double>(usage.resident_bytes))) {
    record.resident_bytes = usage.resident_bytes;
  }
  record.peak_bytes = std::max(record.peak_bytes, usage.peak_bytes);
}

}  // namespace

void ModelManager::Core::Post(std::function<void(Core&)> work) {
  loaders_->Run([weak = weak_from_this(), work = std::move(work)] {
    const auto core = weak.lock();
    if (core == nullptr) return;
    {
      absl::MutexLock lock(core->mutex_);
      if (core->closed_) return;
      ++core->working_;
    }
    work(*core);
    absl::MutexLock lock(core->mutex_);
    --core->working_;
  });
}

uint64_t ModelManager::Core::Ceiling() const {
  return options_.ceiling_bytes != 0 ? options_.ceiling_bytes
                                     : DefaultCeiling(machine_.total_bytes, options_.margin_bytes);
}

Ledger ModelManager::Core::MakeLedger() const {
  Ledger ledger;
  ledger.ceiling_bytes = Ceiling();
  ledger.available_bytes = machine_.available_bytes;
  ledger.margin_bytes = std::min(options_.margin_bytes, machine_.total_bytes / kMarginShare);
  const absl::Time now = clock_->Now();
  for (const auto& [name, entry] : entries_) {
    if (entry.loading) ledger.loading_bytes += entry.reserved_bytes;
    if (entry.unloading) ledger.leaving_bytes += entry.leaving_bytes;
    if (entry.resident == nullptr) continue;
    LedgerModel model;
    model.name = name;
    model.bytes = entry.resident->resident_bytes;
    model.busy = entry.resident->leases > 0;
    model.pinned = entry.pinned;
    model.interactive = entry.interactive;
    model.idle = model.busy ? absl::ZeroDuration() : now - entry.idle_since;
    model.keep_alive = entry.keep_alive.value_or(options_.default_keep_alive);
    model.load_time = entry.load_time;
    ledger.models.push_back(std::move(model));
  }
  return ledger;
}

void ModelManager::Core::MaybeLoadAt(absl::Time when, const std::string& name) {
  timer_->Schedule(when, [weak = weak_from_this(), name] {
    const auto core = weak.lock();
    if (core == nullptr) return;
    Deferred after;
    {
      absl::MutexLock lock(core->mutex_);
      const auto found = core->entries_.find(name);
      if (found != core->entries_.end()) core->MaybeLoad(found->second, after);
    }
    core->Finish(after);
  });
}

bool ModelManager::Core::MayWaitForRoom(Entry& entry) {
  const absl::Time now = clock_->Now();
  if (entry.room_wait_ends == absl::InfiniteFuture()) {
    entry.room_wait_ends = now + kRoomWait;
    MaybeLoadAt(entry.room_wait_ends, entry.manifest.name);
  }
  return now < entry.room_wait_ends;
}

void ModelManager::Core::MaybeLoad(Entry& entry, Deferred& after) {
  entry.wants_memory = false;
  if (entry.waiters.empty() || entry.resident != nullptr || entry.loading || entry.unloading) {
    return;
  }
  if (entry.retry_at > clock_->Now()) return MaybeLoadAt(entry.retry_at, entry.manifest.name);
  const uint64_t bytes =
      EstimateFootprint(entry.manifest, entry.measured_bytes, entry.measured_peak);
  const LoadDecision decision = DecideLoad(MakeLedger(), bytes);
  switch (decision.kind) {
    case LoadDecision::Kind::kAdmit:
      BeginLoad(entry, bytes, after);
      return;
    case LoadDecision::Kind::kEvict:
      for (const std::string& victim : decision.victims) {
        BeginUnload(entries_.find(victim)->second, after);
      }
      [[fallthrough]];
    case LoadDecision::Kind::kWait:
      entry.wants_memory = true;
      if (entry.state != ModelState::kLoading) SetState(entry, ModelState::kLoading);
      return;
    case LoadDecision::Kind::kRefuse: {
      ErrorFacts facts;
      facts.metadata = {{"model", entry.manifest.name},
                        {"needed_bytes", absl::StrCat(bytes)},
                        {"available_bytes", absl::StrCat(decision.available_bytes)}};
      if (decision.busy_models_would_do) facts.retry_delay = absl::Seconds(1);
      const absl::Status refusal = MakeError(
          Reason::kMemoryInsufficient,
          absl::StrCat(entry.manifest.name, " needs about ", bytes >> 20, " MiB of memory; ",
                       decision.available_bytes >> 20, " MiB can be had",
                       decision.busy_models_would_do
                           ? " until the models in use are free. Try again then."
                           : ". Use a smaller model, unpin others or raise the ceiling."),
          std::move(facts));
      if (decision.busy_models_would_do && MayWaitForRoom(entry)) {
        entry.wants_memory = true;
        if (entry.state != ModelState::kLoading) SetState(entry, ModelState::kLoading);
        return;
      }
      FailWaiters(entry, refusal, after);
      if (entry.state == ModelState::kLoading) SetState(entry, ModelState::kInstalled);
      return;
    }
  }
}

void ModelManager::Core::RetryWaiting(Deferred& after) {
  for (auto& [name, entry] : entries_) {
    if (entry.wants_memory) MaybeLoad(entry, after);
  }
}

void ModelManager::Core::BeginLoad(Entry& entry, uint64_t bytes, Deferred& after) {
  entry.loading = true;
  entry.room_wait_ends = absl::InfiniteFuture();
  entry.lost_while_loading = false;
  entry.generation = ++last_generation_;
  entry.load_cancel = CancelSource();
  // It may have got or lost a function since it was last in memory.
  if (absl::StatusOr<Manifest> now = store_->Get(entry.manifest.name); now.ok()) {
    entry.manifest = *std::move(now);
  }
  entry.reserved_bytes = bytes;
  SetState(entry, ModelState::kLoading);
  after.Add([this, name = entry.manifest.name, generation = entry.generation] {
    Post([name, generation](Core& core) { core.RunLoad(name, generation); });
  });
}

absl::StatusOr<engine_proto::ModelSpec> ModelManager::Core::SpecOf(const Manifest& manifest) const {
  engine_proto::ModelSpec spec;
  spec.set_name(manifest.name);
  spec.set_engine(manifest.engine);
  spec.set_family(manifest.family);
  spec.set_threads(options_.threads);
  for (const ManifestFile& file : manifest.files) {
    absl::StatusOr<std::string> path = store_->PathOf(file);
    if (!path.ok()) return path.status();
    engine_proto::ModelFile& to = *spec.add_files();
    to.set_role(file.role);
    to.set_path(*path);
    to.set_size_bytes(file.size_bytes);
  }
  for (const ManifestFunction& function : manifest.functions) {
    engine_proto::ModelFunction& to = *spec.add_functions();
    to.set_name(function.name);
    to.set_scale(static_cast<float>(function.scale));
    for (size_t i = 0; i < manifest.files.size(); ++i) {
      const ManifestFile& file = manifest.files[i];
      if (file.role == kAdapterRole && file.name == function.file) {
        to.set_path(spec.files(static_cast<int>(i)).path());
      }
    }
  }
  for (const auto& [key, value] : manifest.parameters) (*spec.mutable_parameters())[key] = value;
  if (const auto found = options_.engine_parameters.find(manifest.engine);
      found != options_.engine_parameters.end()) {
    for (const auto& [key, value] : found->second) (*spec.mutable_parameters())[key] = value;
  }
  return spec;
}

void ModelManager::Core::RunLoad(const std::string& name, uint64_t generation) {
  Manifest manifest;
  CancelToken cancel;
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.generation != generation) return;
    manifest = found->second.manifest;
    cancel = found->second.load_cancel.token();
  }
  const absl::Time start = clock_->Now();
  absl::StatusOr<engine_proto::ModelSpec> spec = SpecOf(manifest);
  absl::StatusOr<LoadedModel> loaded = absl::UnknownError("not loaded");
  if (!spec.ok()) {
    loaded = spec.status();
  } else if (cancel.cancelled()) {
    loaded = MakeError(Reason::kCancelled, "The load was cancelled.");
  } else {
    loaded = loader_->Load(*spec, cancel, [weak = weak_from_this(), name, generation] {
      if (const auto core = weak.lock()) core->OnLost(name, generation);
    });
  }
  ProcessUsage usage;
  const absl::Duration load_time = clock_->Now() - start;
  if (loaded.ok()) {
    // The one moment at which the model is nobody else's and may be asked itself.
    if (auto measured = loaded->model->MeasureUsage(); measured.ok()) {
      usage.resident_bytes = measured->resident_bytes();
      usage.peak_bytes = std::max(measured->peak_bytes(), measured->resident_bytes());
    }
  }
  const bool ok = loaded.ok();
  OnLoaded(name, generation, std::move(loaded), usage, load_time);
  if (!ok) return;
  store_
      ->UpdateRecord(name,
                     [&](ModelRecord& record) {
                       Remember(record, usage);
                       if (DiffersMuch(absl::ToDoubleSeconds(record.load_time),
                                       absl::ToDoubleSeconds(load_time))) {
                         record.load_time = load_time;
                       }
                     })
      // What is remembered only makes estimates better.
      .IgnoreError();
}

void ModelManager::Core::OnLoaded(const std::string& name, uint64_t generation,
                                  absl::StatusOr<LoadedModel> loaded, ProcessUsage usage,
                                  absl::Duration load_time) {
  RefreshMachine();
  std::shared_ptr<Resident> resident;
  if (loaded.ok()) {
    resident = std::make_shared<Resident>();
    resident->name = name;
    resident->generation = generation;
    resident->pid = loaded->worker_pid;
    resident->protections = std::move(loaded->protections);
    resident->info = loaded->model->info();
    resident->resident_bytes = usage.resident_bytes;
    resident->peak_bytes = usage.peak_bytes;
    resident->ready_at = clock_->Now();
    Model* const address = loaded->model.get();
    resident->model =
        std::shared_ptr<Model>(address, [weak = weak_from_this(), name, generation,
                                         model = std::move(loaded->model)](Model*) mutable {
          // Whoever drops the last handle must not wait for a process to end.
          std::shared_ptr<Model> last = std::move(model);
          if (const auto core = weak.lock()) core->Dispose({name, generation, std::move(last)});
        });
  }
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    Entry& entry = entries_.find(name)->second;
    entry.loading = false;
    entry.reserved_bytes = 0;
    if (resident != nullptr && !entry.lost_while_loading && !shutting_down_) {
      entry.resident = std::move(resident);
      entry.load_failures = 0;
      entry.failure = absl::OkStatus();
      entry.load_time = load_time;
      entry.measured_bytes = usage.resident_bytes;
      entry.measured_peak = std::max(entry.measured_peak, usage.peak_bytes);
      ServeWaiters(entry, after);
      SetState(entry, entry.draining ? ModelState::kDraining : ModelState::kReady);
      ScheduleTick();
      if (entry.resident->leases == 0) OnIdle(entry, after);
    } else {
      absl::Status status = loaded.status();
      if (resident != nullptr) {
        status = entry.lost_while_loading
                     ? MakeError(Reason::kWorkerLost,
                                 absl::StrCat("The worker of ", name, " died as it was loaded."))
                     : MakeError(Reason::kShuttingDown, "The daemon is shutting down.");
        // Its memory is taken until it is destroyed, unless the process is gone already.
        entry.unloading = !entry.lost_while_loading;
        entry.leaving_bytes = usage.resident_bytes;
        after.Drop(std::move(resident));
      }
      OnLoadFailed(entry, std::move(status), after);
    }
    RetryWaiting(after);
  }
  Finish(after);
}

void ModelManager::Core::OnLoadFailed(Entry& entry, absl::Status status, Deferred& after) {
  entry.draining = false;
  if (entry.load_cancel.token().cancelled()) {
    SetState(entry, entry.unloading ? ModelState::kUnloading : ModelState::kInstalled);
    // Somebody may have come after the others had gone.
    MaybeLoad(entry, after);
    return;
  }
  ++entry.load_failures;
  entry.failure = status;
  const absl::Duration delay = Backoff(entry.load_failures);
  entry.retry_at = clock_->Now() + delay;
  SetState(entry, ModelState::kFailed);
  FailWaiters(entry, status, after);
}

absl::Duration ModelManager::Core::Backoff(int failures) const {
  if (failures <= 0) return absl::ZeroDuration();
  return std::min(options_.max_backoff,
                  options_.min_backoff * std::ldexp(1.0, std::min(failures - 1, 30)));
}

void ModelManager::Core::OnLost(const std::string& name, uint64_t generation) {
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.generation != generation) return;
    Entry& entry = found->second;
    if (entry.loading) {
      entry.lost_while_loading = true;
      return;
    }
    if (entry.resident == nullptr) return;
    const absl::Time now = clock_->Now();
    // A model that served for a while is not one that dies at every start.
    if (now - entry.resident->ready_at >= options_.max_backoff) entry.losses = 0;
    ++entry.losses;
    // The first death costs nobody a wait.
    const absl::Duration delay = Backoff(entry.losses - 1);
    entry.retry_at = now + delay;
    entry.failure =
        MakeError(Reason::kWorkerLost, absl::StrCat("The process of the model ", name, " died."),
                  {.metadata = {{"model", name}},
                   .retry_delay = std::max(delay, options_.min_backoff),
                   .field = {}});
    entry.draining = false;
    after.Drop(std::move(entry.resident));
    entry.resident = nullptr;
    if (entry.timer != 0) timer_->Cancel(std::exchange(entry.timer, 0));
    entry.timer_at = absl::InfiniteFuture();
    SetState(entry, ModelState::kFailed);
    MaybeLoad(entry, after);
    RetryWaiting(after);
  }
  Finish(after);
}

void ModelManager::Core::Dispose(Disposal disposal) {
  {
    absl::MutexLock lock(mutex_);
    disposals_.push_back(std::move(disposal));
  }
  Post([](Core& core) { core.RunDisposals(/*all=*/false); });
}

void ModelManager::Core::RunDisposals(bool all) {
  do {
    Disposal disposal;
    {
      absl::MutexLock lock(mutex_);
      if (disposals_.empty()) return;
      disposal = std::move(disposals_.front());
      disposals_.pop_front();
    }
    disposal.model.reset();
    OnDisposed(disposal.name, disposal.generation);
  } while (all);
}

void ModelManager::Core::OnDisposed(const std::string& name, uint64_t generation) {
  RefreshMachine();
  Deferred after;
  ProcessUsage usage;
  {
    absl::MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    // A lost model's entry has moved on.
    if (found == entries_.end() || !found->second.unloading ||
        found->second.generation != generation) {
      return;
    }
    Entry& entry = found->second;
    entry.unloading = false;
    entry.leaving_bytes = 0;
    usage = {entry.measured_bytes, entry.measured_peak};
    if (entry.state == ModelState::kUnloading) SetState(entry, ModelState::kInstalled);
    MaybeLoad(entry, after);
    RetryWaiting(after);
  }
  Finish(after);
  store_->UpdateRecord(name, [&](ModelRecord& record) { Remember(record, usage); }).IgnoreError();
}

void ModelManager::Core::RefreshMachine() {
  const MachineMemory machine = probe_();
  absl::MutexLock lock(mutex_);
  machine_ = machine;
  machine_at_ = clock_->Now();
}

ModelManager::Memory ModelManager::Core::MemorySnapshot() {
  bool old = false;
  {
    absl::MutexLock lock(mutex_);
    old = clock_->Now() - machine_at_ >= kMachineInterval;
  }
  if (old) RefreshMachine();
  absl::MutexLock lock(mutex_);
  const Ledger ledger = MakeLedger();
  Memory memory;
  memory.resident_bytes = ledger.leaving_bytes;
  for (const LedgerModel& model : ledger.models) memory.resident_bytes += model.bytes;
  memory.reserved_bytes = ledger.loading_bytes;
  memory.ceiling_bytes = ledger.ceiling_bytes;
  memory.machine = machine_;
  return memory;
}

void ModelManager::Core::Measure() {
  std::vector<std::shared_ptr<Resident>> residents;
  {
    absl::MutexLock lock(mutex_);
    measured_at_ = clock_->Now();
    for (const auto& [name, entry] : entries_) {
      if (entry.resident != nullptr && entry.resident->pid > 0) residents.push_back(entry.resident);
    }
  }
  for (const auto& resident : residents) {
    const std::optional<ProcessUsage> usage = usage_probe_(resident->pid);
    if (!usage.has_value()) continue;
    absl::MutexLock lock(mutex_);
    resident->resident_bytes = usage->resident_bytes;
    resident->peak_bytes = std::max(resident->peak_bytes, usage->peak_bytes);
  }
}

void ModelManager::Core::ScheduleTick() {
  if (tick_ != 0 || closed_) return;
  tick_ = timer_->Schedule(clock_->Now() + kTickInterval, [weak = weak_from_this()] {
    if (const auto core = weak.lock()) core->Post([](Core& self) { self.Tick(); });
  });
}

void ModelManager::Core::Tick() {
  Measure();
  RefreshMachine();
  Deferred after;
  {
    absl::MutexLock lock(mutex_);
    tick_ = 0;
    for (const std::string& victim : DecidePressure(MakeLedger())) {
      BeginUnload(entries_.find(victim)->second, after);
    }
    RetryWaiting(after);
    // An idle daemon without models does not wake up.
    const bool any = std::any_of(entries_.begin(), entries_.end(),
                                 [](const auto& item) { return item.second.resident != nullptr; });
    if (any) ScheduleTick();
  }
  Finish(after);
}

}  // namespace intelligenced

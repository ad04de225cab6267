#include "runtime/models/model_manager.h"

#include <utility>

#include "runtime/models/manager_core.h"

namespace intelligenced {
namespace {

constexpr absl::Duration kMeasureInterval = absl::Seconds(1);

}  // namespace

ModelStatus ModelManager::Core::StatusOf(const Entry& entry) const {
  ModelStatus status;
  status.manifest = entry.manifest;
  status.state = entry.state;
  status.failure = entry.state == ModelState::kFailed ? entry.failure : absl::OkStatus();
  status.pinned = entry.pinned;
  status.keep_alive = entry.keep_alive.value_or(options_.default_keep_alive);
  status.last_used = entry.last_used;
  status.last_load_time = entry.load_time;
  if (const auto& resident = entry.resident) {
    status.resident_bytes = resident->resident_bytes;
    status.peak_bytes = resident->peak_bytes;
    status.leases = resident->leases;
    status.worker_pid = resident->pid;
    status.protections = resident->protections;
    status.info = resident->info;
  }
  for (const auto& [capability, model] : store_->Defaults()) {
    if (model == entry.manifest.name) status.default_for.push_back(capability);
  }
  return status;
}

std::vector<ModelStatus> ModelManager::Core::Snapshot() {
  std::vector<ModelStatus> result;
  bool measure = false;
  const std::vector<Manifest> manifests = store_->List();
  {
    absl::MutexLock lock(mutex_);
    bool any = false;
    for (const Manifest& manifest : manifests) {
      absl::StatusOr<Entry*> entry = FindEntry(manifest.name);
      if (!entry.ok()) continue;
      any = any || (*entry)->resident != nullptr;
      result.push_back(StatusOf(**entry));
    }
    const absl::Time now = clock_->Now();
    if (any && now - measured_at_ >= kMeasureInterval) {
      measured_at_ = now;
      measure = true;
    }
  }
  if (measure) Post([](Core& core) { core.Measure(); });
  return result;
}

absl::StatusOr<ModelStatus> ModelManager::Core::Get(const std::string& name) {
  absl::MutexLock lock(mutex_);
  absl::StatusOr<Entry*> entry = FindEntry(name);
  if (!entry.ok()) return entry.status();
  return StatusOf(**entry);
}

ModelManager::ModelManager(ResidencyOptions options, ModelStore* store, ModelLoader* loader,
                           const Clock* clock, Executor* loaders, Timer* timer, MemoryProbe probe,
                           UsageProbe usage)
    : core_(std::make_shared<Core>(std::move(options), store, loader, clock, loaders, timer,
                                   std::move(probe), std::move(usage))) {}

ModelManager::~ModelManager() {
  core_->BeginShutdown();
  core_->Close();
}

void ModelManager::Acquire(std::string_view name, AcquireOptions options,
                           absl::AnyInvocable<void(absl::StatusOr<ModelLease>)> callback) {
  core_->Acquire(std::string(name), std::move(options), std::move(callback));
}

absl::Status ModelManager::Unload(std::string_view name, CancelToken cancel) {
  return core_->Unload(std::string(name), cancel);
}

absl::StatusOr<uint64_t> ModelManager::Remove(std::string_view name) {
  return core_->Remove(std::string(name));
}

absl::Status ModelManager::SetPinned(std::string_view name, bool pinned) {
  return core_->SetPinned(std::string(name), pinned);
}

absl::Status ModelManager::SetKeepAlive(std::string_view name, absl::Duration keep_alive) {
  return core_->SetKeepAlive(std::string(name), keep_alive);
}

std::vector<ModelStatus> ModelManager::Snapshot() { return core_->Snapshot(); }

absl::StatusOr<ModelStatus> ModelManager::Get(std::string_view name) {
  return core_->Get(std::string(name));
}

ModelManager::Memory ModelManager::MemorySnapshot() { return core_->MemorySnapshot(); }

std::shared_ptr<void> ModelManager::Watch(std::function<void(const ModelStatus&)> observer) {
  return core_->Watch(std::move(observer));
}

absl::StatusOr<engine_proto::ModelSpec> ModelManager::SpecFor(const Manifest& manifest) const {
  return core_->SpecOf(manifest);
}

void ModelManager::BeginShutdown() { core_->BeginShutdown(); }

}  // namespace intelligenced

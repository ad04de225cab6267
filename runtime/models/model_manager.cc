#include "runtime/models/model_manager.h"

#include <utility>

#include "runtime/models/manager_core.h"

namespace intelligenced {

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

void ModelManager::BeginShutdown() { core_->BeginShutdown(); }

}  // namespace intelligenced

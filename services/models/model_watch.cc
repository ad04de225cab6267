#include "services/models/model_watch.h"

#include <utility>

#include "runtime/base/reasons.h"
#include "services/rpc/model_message.h"

namespace intelligenced {

namespace v1 = ::intelligence::v1;

void ModelWatch::Start() {
  self_ = shared_from_this();
  call_->SetPauseHook([this](bool paused) {
    paused_ = paused;
    Flush();
  });
  cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->call_->Run([self] { self->Stop(); });
  });
  const Clock& clock = call_->runtime().clock();
  // Watching first: what changes while the present states are written is written after them.
  states_ =
      call_->runtime().models().Watch([weak = weak_from_this(), &clock](const ModelStatus& status) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        v1::WatchModelsResponse change;
        *change.mutable_model() = ToModelMessage(status, clock);
        change.set_removed(status.state == ModelState::kNotInstalled);
        self->Tell(change);
      });
  for (const ModelStatus& status : call_->runtime().models().Snapshot()) {
    v1::WatchModelsResponse present;
    *present.mutable_model() = ToModelMessage(status, clock);
    call_->Write(present);
  }
}

void ModelWatch::Tell(const v1::WatchModelsResponse& change) {
  call_->Run([self = shared_from_this(), change] {
    if (self->self_ == nullptr) return;
    self->pending_[change.model().name()] = change;
    self->Flush();
  });
}

void ModelWatch::Flush() {
  if (paused_) return;
  for (const auto& [name, change] : std::exchange(pending_, {})) call_->Write(change);
}

void ModelWatch::Stop() {
  if (self_ == nullptr) return;
  states_.reset();
  const std::shared_ptr<ModelWatch> self = std::move(self_);
  call_->End(MakeError(Reason::kCancelled, "The client ended the watch."));
}

void ModelWatchers::Add(const std::shared_ptr<ModelWatch>& watch) {
  absl::MutexLock lock(mutex_);
  std::erase_if(watches_, [](const std::weak_ptr<ModelWatch>& weak) { return weak.expired(); });
  watches_.push_back(watch);
}

void ModelWatchers::Tell(const v1::Model& model) {
  std::vector<std::weak_ptr<ModelWatch>> watches;
  {
    absl::MutexLock lock(mutex_);
    watches = watches_;
  }
  v1::WatchModelsResponse change;
  *change.mutable_model() = model;
  for (const std::weak_ptr<ModelWatch>& weak : watches) {
    if (const auto watch = weak.lock()) watch->Tell(change);
  }
}

}  // namespace intelligenced

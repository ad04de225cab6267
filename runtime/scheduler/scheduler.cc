#include "runtime/scheduler/scheduler.h"

#include <utility>

#include "runtime/scheduler/core.h"

namespace intelligenced {

Scheduler::Scheduler(SchedulerOptions options, const Clock* clock, Executor* executor, Timer* timer)
    : core_(std::make_shared<Core>(std::move(options), clock, executor, timer)) {}

Scheduler::~Scheduler() { core_->Stop(); }

absl::StatusOr<std::shared_ptr<ScheduledJob>> Scheduler::Submit(JobRequest request) {
  return core_->Submit(std::move(request));
}

SchedulerSnapshot Scheduler::Snapshot() const { return core_->Snapshot(); }
void Scheduler::BeginDrain() { core_->BeginDrain(); }
void Scheduler::CancelAll() { core_->CancelAll(); }
bool Scheduler::WaitUntilIdle(absl::Time deadline) { return core_->WaitUntilIdle(deadline); }

void JobState::ModelLoading() {
  if (auto owner = core.lock()) owner->ModelLoading(shared_from_this());
}

void JobState::Bind(BoundModel model) {
  if (auto owner = core.lock()) {
    owner->Bind(shared_from_this(), std::move(model));
  } else {
    Release(model);
  }
}

void JobState::Fail(const absl::Status& status) {
  if (auto owner = core.lock()) owner->Fail(shared_from_this(), status);
}

void JobState::SetPaused(bool paused) {
  if (auto owner = core.lock()) owner->SetPaused(shared_from_this(), paused);
}

QueuePlace JobState::Place() const {
  auto owner = core.lock();
  return owner != nullptr ? owner->Place(*this) : QueuePlace{};
}

}  // namespace intelligenced

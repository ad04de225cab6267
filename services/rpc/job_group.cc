#include "services/rpc/job_group.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"

namespace intelligenced {

// Carries what the scheduler says into the call's strand.
class JobGroup::Sink final : public JobSink {
 public:
  Sink(std::shared_ptr<JobGroup> group, uint64_t id, std::shared_ptr<JobHandler> handler)
      : group_(std::move(group)), id_(id), handler_(std::move(handler)) {}

  void OnQueued(const QueuePlace& place) override {
    group_->call_->Run([handler = handler_, place] { handler->OnQueued(place); });
  }
  void OnModelLoading(const std::string&) override {
    group_->call_->Run([handler = handler_] { handler->OnModelLoading(); });
  }
  void OnEvents(std::vector<engine_proto::Event> events) override {
    group_->call_->Run([handler = handler_, events = std::move(events)] {
      for (const engine_proto::Event& event : events) handler->OnEvent(event);
    });
  }
  void OnEnd(const absl::Status& status, const JobUsage& usage) override {
    group_->call_->Run([group = group_, id = id_, handler = handler_, status, usage] {
      group->OnJobEnd(id, status, usage, *handler);
    });
  }

 private:
  const std::shared_ptr<JobGroup> group_;
  const uint64_t id_;
  const std::shared_ptr<JobHandler> handler_;
};

JobGroup::JobGroup(std::shared_ptr<Call> call, JobRequest prototype, int window)
    : call_(std::move(call)), prototype_(std::move(prototype)), window_(std::max(1, window)) {}

void JobGroup::Add(engine_proto::Task task, uint64_t input_bytes,
                   std::shared_ptr<JobHandler> handler, std::string model,
                   Attachments attachments) {
  if (!std::exchange(watching_, true)) {
    // Running jobs are ended by the scheduler; those that still wait here are ended by Submit().
    cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this()] {
      const std::shared_ptr<JobGroup> group = weak.lock();
      if (group != nullptr) group->call_->Run([group] { group->Submit(); });
    });
  }
  waiting_.push_back(
      {std::move(task), input_bytes, std::move(handler), std::move(model), std::move(attachments)});
  Submit();
}

void JobGroup::SetPaused(bool paused) {
  paused_ = paused;
  for (const auto& [id, job] : running_) {
    if (job != nullptr) job->SetPaused(paused);
  }
  Submit();
}

void JobGroup::Submit() {
  if (std::exchange(submitting_, true)) return;
  while (!waiting_.empty()) {
    const bool cancelled = call_->cancel_token().cancelled();
    if (!cancelled && (paused_ || static_cast<int>(running_.size()) >= window_)) break;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const uint64_t id = next_id_++;
    absl::StatusOr<std::shared_ptr<ScheduledJob>> job =
        MakeError(Reason::kCancelled, "The call was cancelled.");
    if (!cancelled) {
      JobRequest request = prototype_;
      request.task = next.task;
      request.attachments = next.attachments;
      if (!next.model.empty()) request.model = next.model;
      request.input_bytes = next.input_bytes;
      request.sink = std::make_shared<Sink>(shared_from_this(), id, next.handler);
      running_.emplace(id, nullptr);
      job = call_->runtime().Submit(std::move(request));
    }
    if (job.ok()) {
      running_[id] = *std::move(job);
      continue;
    }
    running_.erase(id);
    if (absl::IsResourceExhausted(job.status()) && !running_.empty()) {
      waiting_.push_front(std::move(next));
      break;
    }
    // The end is told as a job's end would be, so that handlers know one way only.
    running_.emplace(id, nullptr);
    call_->Run([group = shared_from_this(), id, handler = std::move(next.handler),
                status = job.status()] { group->OnJobEnd(id, status, JobUsage(), *handler); });
  }
  submitting_ = false;
}

void JobGroup::OnJobEnd(uint64_t id, const absl::Status& status, const JobUsage& usage,
                        JobHandler& handler) {
  running_.erase(id);
  call_->NoteUsage(usage);
  handler.OnEnd(status, usage);
  Submit();
  if (idle() && on_idle_) {
    // Once: the hook may own what owns this group.
    absl::AnyInvocable<void()> on_idle = std::exchange(on_idle_, nullptr);
    on_idle();
  }
}

}  // namespace intelligenced

#include "services/rpc/stream_writer.h"

#include <utility>

#include "runtime/base/reasons.h"
#include "services/rpc/parse_request.h"

namespace intelligenced {
namespace {

absl::Status SlowConsumerError() {
  return MakeError(Reason::kSlowConsumer,
                   "Nothing of the answer was read for 30 s; read the stream as it comes.");
}

}  // namespace

StreamWriter::StreamWriter(WriteTransport* transport, const Clock* clock, Timer* timer)
    : transport_(transport), clock_(clock), timer_(timer), last_progress_(clock->Now()) {}

void StreamWriter::SetHooks(StreamHooks hooks) {
  {
    absl::MutexLock lock(mutex_);
    hooks_ = std::move(hooks);
    has_hooks_ = true;
  }
  Pump();
}

void StreamWriter::Write(const google::protobuf::MessageLite& message) {
  grpc::ByteBuffer bytes = SerializeResponse(message);
  {
    absl::MutexLock lock(mutex_);
    if (gone_ || end_.has_value()) return;
    queued_bytes_ += bytes.Length();
    queue_.push_back(std::move(bytes));
    if (queued_bytes_ >= kPauseBytes) over_limit_ = true;
  }
  Pump();
}

void StreamWriter::End(absl::Status status) {
  {
    absl::MutexLock lock(mutex_);
    if (end_.has_value()) return;
    end_ = std::move(status);
  }
  Pump();
}

size_t StreamWriter::queued_bytes() const {
  absl::MutexLock lock(mutex_);
  return queued_bytes_;
}

void StreamWriter::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(mutex_);
    in_flight_ = false;
    last_progress_ = clock_->Now();
    queued_bytes_ -= current_.Length();
    current_.Clear();
    if (queued_bytes_ <= kResumeBytes) over_limit_ = false;
    if (!ok) gone_ = true;
  }
  Pump();
}

void StreamWriter::OnCancelled() {
  {
    absl::MutexLock lock(mutex_);
    gone_ = true;
  }
  Pump();
}

void StreamWriter::OnStallTimer() {
  {
    absl::MutexLock lock(mutex_);
    timer_armed_ = false;
    stall_timer_.reset();
    if (in_flight_ && !finish_sent_ && clock_->Now() - last_progress_ >= kMaxStall) {
      stalled_ = true;
      gone_ = true;
    }
  }
  Pump();
}

StreamWriter::Action StreamWriter::Next(bool nested) {
  if (finish_sent_) return Action::kNone;
  if (gone_ && !queue_.empty()) {
    for (const grpc::ByteBuffer& message : queue_) queued_bytes_ -= message.Length();
    queue_.clear();
    over_limit_ = false;
  }
  if (gone_ && has_hooks_ && !end_.has_value() && !std::exchange(cancel_sent_, true)) {
    return Action::kCancel;
  }
  if (stalled_ && in_flight_ && !std::exchange(abort_sent_, true)) return Action::kAbort;
  if (has_hooks_ && !end_.has_value() && over_limit_ != paused_) {
    paused_ = over_limit_;
    return paused_ ? Action::kPause : Action::kResume;
  }
  if (!in_flight_ && !queue_.empty()) {
    in_flight_ = true;
    // A reader that was idle is not slow: the time counts from here.
    last_progress_ = clock_->Now();
    current_.Swap(&queue_.front());
    queue_.pop_front();
    return Action::kWrite;
  }
  if (end_.has_value() && !in_flight_ && !nested) {
    finish_sent_ = true;
    return Action::kFinish;
  }
  if (in_flight_ && !gone_ && !timer_armed_ && (over_limit_ || end_.has_value())) {
    timer_armed_ = true;
    return Action::kArm;
  }
  return Action::kNone;
}

void StreamWriter::Pump() {
  const std::shared_ptr<StreamWriter> self = shared_from_this();
  bool nested = false;
  {
    absl::MutexLock lock(mutex_);
    // Others leave it to the pumping thread. That thread itself must go on here: its hook may not
    // return before the job is paused.
    nested = pumping_ && in_hook_ == std::this_thread::get_id();
    if (pumping_ && !nested) return;
    pumping_ = true;
    in_hook_ = {};
  }
  while (true) {
    Action action;
    StreamHooks hooks;  // the final ones are destroyed outside the lock
    StreamHooks* live = nullptr;
    const grpc::ByteBuffer* message = nullptr;
    absl::Status end;
    absl::Time deadline;
    std::optional<Timer::Id> timer;
    {
      absl::MutexLock lock(mutex_);
      action = Next(nested);
      if (action == Action::kNone) {
        if (nested) {
          in_hook_ = std::this_thread::get_id();
        } else {
          pumping_ = false;
        }
        return;
      }
      if (action == Action::kCancel || action == Action::kPause || action == Action::kResume) {
        in_hook_ = std::this_thread::get_id();
      }
      // Only this thread, which pumps, uses or replaces the hooks from here on.
      live = &hooks_;
      message = &current_;
      deadline = last_progress_ + kMaxStall;
      if (action == Action::kFinish) {
        end = stalled_ ? SlowConsumerError() : *end_;
        hooks = std::move(hooks_);
        timer = std::exchange(stall_timer_, std::nullopt);
      }
    }
    switch (action) {
      case Action::kCancel:
        live->cancel();
        break;
      case Action::kAbort:
        transport_->Abort(SlowConsumerError());
        break;
      case Action::kPause:
      case Action::kResume:
        live->set_paused(action == Action::kPause);
        break;
      case Action::kWrite:
        transport_->StartWrite(message);
        break;
      case Action::kFinish:
        if (timer.has_value()) timer_->Cancel(*timer);
        transport_->Finish(end);
        break;
      case Action::kArm: {
        const Timer::Id id = timer_->Schedule(deadline, [weak = weak_from_this()] {
          if (const auto writer = weak.lock()) writer->OnStallTimer();
        });
        absl::MutexLock lock(mutex_);
        if (timer_armed_) stall_timer_ = id;
        break;
      }
      case Action::kNone:
        break;
    }
    absl::MutexLock lock(mutex_);
    in_hook_ = {};
  }
}

}  // namespace intelligenced

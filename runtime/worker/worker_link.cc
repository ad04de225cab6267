#include "runtime/worker/worker_link.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/status_proto.h"

namespace intelligenced {

namespace proto = ::intelligence::engine::v1;

namespace {
// A process that dies closes its sockets a moment before it can be reaped.
constexpr absl::Duration kEndDelay = absl::Seconds(2);
// Answers that may be outstanding before Post() waits for them.
constexpr size_t kMaxPosted = 16;

bool IsChannelFailure(const absl::Status& status) { return HasReason(status, Reason::kWorkerLost); }
}  // namespace

WorkerLink::WorkerLink(std::shared_ptr<WorkerProcess> process, const Clock* clock,
                       std::string engine)
    : process_(std::move(process)), clock_(clock), engine_(std::move(engine)) {}

absl::Status WorkerLink::Hello(absl::Duration timeout) {
  process_->SetDeadline(clock_->Now() + timeout);
  const absl::Cleanup disarm = [this] { process_->SetDeadline(absl::InfiniteFuture()); };
  return Receive(0).status();
}

absl::StatusOr<proto::WorkReply> WorkerLink::Call(proto::WorkRequest request,
                                                  absl::Duration timeout,
                                                  absl::Span<const int> attachments) {
  if (lost()) return LostError();
  process_->SetDeadline(clock_->Now() + timeout);
  const absl::Cleanup disarm = [this] { process_->SetDeadline(absl::InfiniteFuture()); };
  if (absl::Status status = DrainPosted(); !status.ok()) return status;
  if (absl::Status status = Send(request, attachments); !status.ok()) return status;
  absl::StatusOr<proto::WorkReply> reply = Receive(request.sequence());
  if (!reply.ok()) return reply.status();
  if (reply->has_status() && reply->status().code() != 0) return StatusFromProto(reply->status());
  return reply;
}

absl::Status WorkerLink::Post(proto::WorkRequest request, absl::Duration timeout) {
  if (lost()) return LostError();
  process_->SetDeadline(clock_->Now() + timeout);
  const absl::Cleanup disarm = [this] { process_->SetDeadline(absl::InfiniteFuture()); };
  if (posted_.size() >= kMaxPosted) {
    if (absl::Status status = DrainPosted(); !status.ok()) return status;
  }
  if (absl::Status status = Send(request); !status.ok()) return status;
  posted_.push_back(request.sequence());
  return absl::OkStatus();
}

absl::Status WorkerLink::Send(proto::WorkRequest& request, absl::Span<const int> attachments) {
  {
    absl::MutexLock lock(control_mutex_);
    FlushControl();
  }
  request.set_sequence(next_sequence_++);
  return Fail(process_->work().Send(request, attachments));
}

absl::StatusOr<proto::WorkReply> WorkerLink::Receive(uint64_t sequence) {
  proto::WorkReply reply;
  if (absl::Status status = process_->work().Receive(&reply); !status.ok()) {
    // Whatever it was, the stream is out of step now.
    Break(status.message());
    return Fail(status);
  }
  if (reply.sequence() != sequence) {
    Break("It answered out of turn.");
    return LostError();
  }
  return reply;
}

absl::Status WorkerLink::DrainPosted() {
  while (!posted_.empty()) {
    const uint64_t sequence = posted_.front();
    posted_.pop_front();
    if (absl::Status status = Receive(sequence).status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WorkerLink::Fail(const absl::Status& status) {
  if (!IsChannelFailure(status)) return status;
  Break(status.message());
  return LostError();
}

void WorkerLink::Break(std::string_view why) {
  if (broken_.exchange(true)) return;
  // An end by itself comes with its exit code or signal, which say more than our kill would.
  if (!process_->AwaitEnd(absl::Milliseconds(100))) process_->Kill(std::string(why));
}

absl::Status WorkerLink::LostError() {
  process_->AwaitEnd(kEndDelay);
  const ProcessEnd end = process_->end();
  std::string message = absl::StrCat("The process of the ", engine_, " engine ");
  if (end.signal != 0) {
    absl::StrAppend(&message, "was ended by signal ", end.signal, ".");
  } else if (end.exit_code >= 0) {
    absl::StrAppend(&message, "ended with exit code ", end.exit_code, ".");
  } else {
    absl::StrAppend(&message, "is gone.");
  }
  if (!end.killed_because.empty()) absl::StrAppend(&message, " ", end.killed_because);
  ErrorFacts facts;
  facts.metadata = end.Metadata();
  return MakeError(Reason::kWorkerLost, message, std::move(facts));
}

void WorkerLink::CancelJob(uint64_t job_id) {
  proto::ControlRequest request;
  request.set_cancel_job(job_id);
  SendControl(request);
}

void WorkerLink::YieldStep(uint64_t sequence) {
  proto::ControlRequest request;
  request.set_yield_step(sequence);
  SendControl(request);
}

void WorkerLink::CancelLoad() {
  proto::ControlRequest request;
  request.set_cancel_load(true);
  SendControl(request);
}

void WorkerLink::Exit() {
  proto::ControlRequest request;
  request.set_exit(true);
  SendControl(request);
}

void WorkerLink::SendControl(const proto::ControlRequest& request) {
  absl::MutexLock lock(control_mutex_);
  control_queue_.push_back(request);
  FlushControl();
}

void WorkerLink::FlushControl() {
  while (!control_queue_.empty()) {
    const absl::StatusOr<bool> sent = process_->control().TrySend(control_queue_.front());
    // An error means that the process is gone, which the work side notices for itself.
    if (sent.ok() && !*sent) return;
    control_queue_.pop_front();
  }
}

}  // namespace intelligenced

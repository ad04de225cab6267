#include "runtime/worker/host_jobs.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/status_proto.h"
#include "runtime/worker/engine_border.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {

engine_proto::Status ToMessage(const absl::Status& status) {
  engine_proto::Status message = StatusToProto(status);
  // Libraries' words are not always UTF-8.
  message.set_message(ToUtf8(message.message()));
  return message;
}

void Fill(JobOutput& from, engine_proto::JobOutput* to) {
  for (engine_proto::Event& event : from.events) *to->add_events() = std::move(event);
  to->set_done(from.done || !from.status.ok());
  to->set_work(from.work);
  if (!from.status.ok()) *to->mutable_status() = ToMessage(from.status);
  // The daemon could not even parse such a frame; it shall cost the job, not the worker.
  if (!HasOnlyUtf8(*to)) {
    to->clear_events();
    to->set_done(true);
    *to->mutable_status() =
        ToMessage(MakeError(Reason::kEngineFailure, "The engine produced text that is not UTF-8."));
  }
}

absl::Status NoSuchJob(uint64_t job_id) {
  return MakeError(Reason::kFieldInvalid, absl::StrCat("There is no job ", job_id, " to step."));
}

}  // namespace

absl::StatusOr<engine_proto::StepReply> HostJobs::Step(const engine_proto::StepRequest& request,
                                                       uint64_t sequence,
                                                       std::vector<UniqueFd> attachments) {
  engine_proto::StepReply reply;
  uint64_t counted = 0;
  for (const engine_proto::StartJob& start : request.start_jobs()) counted += start.attachments();
  if (counted != attachments.size()) {
    return MakeError(Reason::kFieldInvalid, "Descriptors came that belong to no job.");
  }
  for (const uint64_t job_id : request.drop_jobs()) Drop(job_id);
  std::set<uint64_t> refused;
  absl::Span<UniqueFd> rest = absl::MakeSpan(attachments);
  for (const engine_proto::StartJob& start : request.start_jobs()) {
    const int before = reply.outputs_size();
    Start(start, rest.first(start.attachments()), &reply);
    rest.remove_prefix(start.attachments());
    if (reply.outputs_size() > before) refused.insert(start.job_id());
  }
  std::vector<Job*> jobs;
  std::vector<uint64_t> ids;
  std::set<uint64_t> seen;
  for (const uint64_t job_id : request.step_jobs()) {
    if (refused.contains(job_id)) continue;
    const auto found = jobs_.find(job_id);
    if (found == jobs_.end() || !seen.insert(job_id).second) return NoSuchJob(job_id);
    jobs.push_back(found->second.get());
    ids.push_back(job_id);
  }
  if (jobs.empty()) return reply;

  StepOptions options = {.budget = absl::Microseconds(request.budget_microseconds()),
                         .yield = YieldTokenFor(sequence)};
  if (request.unit_microseconds() > 0) {
    options.unit = absl::Microseconds(request.unit_microseconds());
  }
  const absl::Time begin = clock_->Now();
  absl::StatusOr<std::vector<JobOutput>> outputs =
      AtEngineBorder(Reason::kEngineFailure, [&] { return model_->Step(jobs, options); });
  reply.set_compute_microseconds(absl::ToInt64Microseconds(clock_->Now() - begin));
  if (!outputs.ok()) return outputs.status();
  if (outputs->size() != jobs.size()) {
    return MakeError(Reason::kEngineFailure, "The engine lost count of its jobs.");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    engine_proto::JobOutput* const output = reply.add_outputs();
    output->set_job_id(ids[i]);
    Fill((*outputs)[i], output);
    if (output->done()) Drop(ids[i]);
  }
  return reply;
}

void HostJobs::Start(const engine_proto::StartJob& start, absl::Span<UniqueFd> attachments,
                     engine_proto::StepReply* reply) {
  const CancelToken token = TokenFor(start.job_id());
  absl::StatusOr<std::unique_ptr<Job>> job =
      AtEngineBorder(Reason::kEngineFailure, [&]() -> absl::StatusOr<std::unique_ptr<Job>> {
        Attachments taken;
        for (UniqueFd& fd : attachments) {
          absl::StatusOr<std::shared_ptr<const Attachment>> one = Attachment::Take(std::move(fd));
          if (!one.ok()) return one.status();
          taken.push_back(*std::move(one));
        }
        return model_->StartWith(start.task(), taken, token);
      });
  if (job.ok()) {
    jobs_[start.job_id()] = *std::move(job);
    return;
  }
  Drop(start.job_id());
  JobOutput failed;
  failed.status = job.status();
  engine_proto::JobOutput* const output = reply->add_outputs();
  output->set_job_id(start.job_id());
  Fill(failed, output);
}

absl::Status HostJobs::Park(uint64_t job_id) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end()) return NoSuchJob(job_id);
  return AtEngineBorder(Reason::kEngineFailure, [&] { return found->second->Park(); });
}

CancelToken HostJobs::TokenFor(uint64_t job_id) {
  CancelSource source;
  {
    absl::MutexLock lock(mutex_);
    sources_[job_id] = source;
    highest_started_ = std::max(highest_started_, job_id);
    if (cancelled_early_.erase(job_id) == 0) return source.token();
  }
  source.Cancel();
  return source.token();
}

void HostJobs::Drop(uint64_t job_id) {
  jobs_.erase(job_id);
  absl::MutexLock lock(mutex_);
  sources_.erase(job_id);
}

CancelToken HostJobs::YieldTokenFor(uint64_t sequence) {
  const CancelSource source;
  bool at_once = false;
  {
    absl::MutexLock lock(mutex_);
    step_ = sequence;
    yield_ = source;
    at_once = yielding_step_ == sequence;
  }
  if (at_once) source.Cancel();
  return source.token();
}

void HostJobs::Yield(uint64_t sequence) {
  CancelSource source;
  {
    absl::MutexLock lock(mutex_);
    yielding_step_ = sequence;
    if (step_ != sequence) return;
    source = yield_;
  }
  source.Cancel();
}

void HostJobs::Cancel(uint64_t job_id) {
  CancelSource source;
  {
    absl::MutexLock lock(mutex_);
    const auto found = sources_.find(job_id);
    if (found == sources_.end()) {
      if (job_id > highest_started_) cancelled_early_.insert(job_id);
      return;
    }
    source = found->second;
  }
  source.Cancel();
}

}  // namespace intelligenced

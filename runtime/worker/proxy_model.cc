#include "runtime/worker/proxy_model.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/status_proto.h"
#include "runtime/worker/channel.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {

// What all tasks that start in one step may take of its frame.
constexpr size_t kMaxStartBytes = kMaxFrameBytes - (size_t{1} << 20);
// A killed process that is not gone after this hangs in a driver; nobody shall wait for it longer.
constexpr absl::Duration kKillDelay = absl::Seconds(10);

engine_proto::TaskKind KindOf(const engine_proto::Task& task) {
  switch (task.kind_case()) {
    case engine_proto::Task::kGenerate:
      return engine_proto::TASK_KIND_GENERATE;
    case engine_proto::Task::kCountTokens:
      return engine_proto::TASK_KIND_COUNT_TOKENS;
    case engine_proto::Task::kProofread:
      return engine_proto::TASK_KIND_PROOFREAD;
    case engine_proto::Task::kRewrite:
      return engine_proto::TASK_KIND_REWRITE;
    case engine_proto::Task::kSummarize:
      return engine_proto::TASK_KIND_SUMMARIZE;
    case engine_proto::Task::kVision:
      return engine_proto::TASK_KIND_VISION;
    case engine_proto::Task::kRunModel:
      return engine_proto::TASK_KIND_RUN_MODEL;
    case engine_proto::Task::kTranslate:
      return engine_proto::TASK_KIND_TRANSLATE;
    case engine_proto::Task::kDetectLanguage:
      return engine_proto::TASK_KIND_DETECT_LANGUAGE;
    case engine_proto::Task::kSegmentText:
      return engine_proto::TASK_KIND_SEGMENT_TEXT;
    case engine_proto::Task::kEmbedText:
      return engine_proto::TASK_KIND_EMBED_TEXT;
    case engine_proto::Task::kClassifyText:
      return engine_proto::TASK_KIND_CLASSIFY_TEXT;
    case engine_proto::Task::kFindEntities:
      return engine_proto::TASK_KIND_FIND_ENTITIES;
    case engine_proto::Task::kGenerateImage:
      return engine_proto::TASK_KIND_GENERATE_IMAGE;
    case engine_proto::Task::kRestyleImage:
      return engine_proto::TASK_KIND_RESTYLE_IMAGE;
    case engine_proto::Task::kUpscaleImage:
      return engine_proto::TASK_KIND_UPSCALE_IMAGE;
    case engine_proto::Task::kMeasure:
      return engine_proto::TASK_KIND_MEASURE;
    case engine_proto::Task::kQuantize:
      return engine_proto::TASK_KIND_QUANTIZE;
    case engine_proto::Task::kFake:
      return engine_proto::TASK_KIND_FAKE;
    case engine_proto::Task::KIND_NOT_SET:
      break;
  }
  return engine_proto::TASK_KIND_UNSPECIFIED;
}

JobOutput Ended(absl::Status status) {
  JobOutput output;
  output.done = true;
  output.status = std::move(status);
  return output;
}

}  // namespace

void EndWorker(WorkerLink& link, const Clock& clock, absl::Duration grace) {
  link.Exit();
  link.process().KillBy(clock.Now() + grace);
  link.process().AwaitEnd(grace + kKillDelay);
}

class ProxyModel::ProxyJob final : public Job {
 public:
  ProxyJob(ProxyModel* model, uint64_t id, engine_proto::Task task, Attachments attachments,
           CancelToken cancel)
      : model_(model),
        id_(id),
        task_(std::move(task)),
        attachments_(std::move(attachments)),
        cancel_(std::move(cancel)) {
    task_bytes_ = task_.ByteSizeLong();
  }
  ~ProxyJob() override {
    registration_.Reset();
    if (started_ && !done_) model_->DropJob(id_);
  }

  absl::Status Park() override {
    if (!started_ || done_) return absl::OkStatus();
    return model_->ParkJob(id_);
  }

  // The worker hears of the job now. From here on a cancel goes there too, also one that has
  // happened already; the worker knows what to do with one that overtakes the job itself.
  engine_proto::StartJob MakeStart(const std::shared_ptr<WorkerLink>& link) {
    engine_proto::StartJob start;
    start.set_job_id(id_);
    start.mutable_task()->Swap(&task_);
    start.set_attachments(static_cast<uint32_t>(attachments_.size()));
    started_ = true;
    registration_ = cancel_.OnCancel([link, id = id_] { link->CancelJob(id); });
    return start;
  }
  void MarkDone() {
    done_ = true;
    registration_.Reset();
  }

  uint64_t id() const { return id_; }
  size_t task_bytes() const { return task_bytes_; }
  const Attachments& attachments() const { return attachments_; }
  bool started() const { return started_; }
  bool cancelled() const { return cancel_.cancelled(); }

 private:
  ProxyModel* const model_;
  const uint64_t id_;
  engine_proto::Task task_;
  size_t task_bytes_ = 0;
  const Attachments attachments_;
  const CancelToken cancel_;
  CancelRegistration registration_;
  bool started_ = false;
  bool done_ = false;
};

// One step on its way: the request, and where each job's output belongs.
struct ProxyModel::Batch {
  engine_proto::WorkRequest request;
  // Of the jobs that start with it.
  std::vector<int> attachments;
  std::vector<JobOutput> outputs;
  std::map<uint64_t, std::pair<size_t, ProxyJob*>> waiting;
};

ProxyModel::ProxyModel(std::shared_ptr<WorkerLink> link, const Clock* clock, Options options,
                       engine_proto::LoadReply loaded)
    : link_(std::move(link)),
      clock_(clock),
      options_(options),
      info_(loaded.info()),
      protections_(loaded.protections().begin(), loaded.protections().end()),
      usage_(loaded.usage()) {}

ProxyModel::~ProxyModel() {
  // First: from here on nobody is told of the end.
  on_lost_.Reset();
  EndWorker(*link_, *clock_, options_.grace);
}

absl::StatusOr<std::unique_ptr<Job>> ProxyModel::StartWith(const engine_proto::Task& task,
                                                           const Attachments& attachments,
                                                           CancelToken cancel) {
  if (lost()) return link_->LostError();
  const engine_proto::TaskKind kind = KindOf(task);
  if (std::find(info_.task_kinds().begin(), info_.task_kinds().end(), kind) ==
      info_.task_kinds().end()) {
    return FieldError("task", "This model does not do this kind of task.");
  }
  if (const size_t bytes = task.ByteSizeLong(); bytes > kMaxStartBytes) {
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("The task has ", bytes, " bytes; a model takes at most ",
                                  kMaxStartBytes, "."));
  }
  if (attachments.size() > kMaxFrameAttachments) {
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("The task has ", attachments.size(),
                                  " pictures; a model takes at most ", kMaxFrameAttachments, "."));
  }
  if (!HasOnlyUtf8(task)) return FieldError("task", "The text is not UTF-8.");
  return std::make_unique<ProxyJob>(this, next_job_id_++, task, attachments, std::move(cancel));
}

ProxyModel::Batch ProxyModel::MakeBatch(absl::Span<Job* const> jobs, const StepOptions& options) {
  Batch batch;
  batch.outputs.resize(jobs.size());
  engine_proto::StepRequest& step = *batch.request.mutable_step();
  step.set_budget_microseconds(std::max<int64_t>(0, absl::ToInt64Microseconds(options.budget)));
  step.set_unit_microseconds(std::max<int64_t>(0, absl::ToInt64Microseconds(options.unit)));
  size_t start_bytes = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    auto& job = *static_cast<ProxyJob*>(jobs[i]);
    // Known here already: no need to wait until the worker notices.
    if (job.cancelled()) {
      batch.outputs[i] = Ended(MakeError(Reason::kCancelled, "The job was cancelled."));
      if (job.started()) step.add_drop_jobs(job.id());
      job.MarkDone();
      continue;
    }
    if (!job.started()) {
      // What does not fit this frame starts with a later step: its output says "no work done".
      if (start_bytes + job.task_bytes() > kMaxStartBytes ||
          batch.attachments.size() + job.attachments().size() > kMaxFrameAttachments) {
        continue;
      }
      start_bytes += job.task_bytes();
      for (const auto& attachment : job.attachments()) {
        batch.attachments.push_back(attachment->descriptor());
      }
      *step.add_start_jobs() = job.MakeStart(link_);
    }
    step.add_step_jobs(job.id());
    batch.waiting[job.id()] = {i, &job};
  }
  return batch;
}

absl::StatusOr<std::vector<JobOutput>> ProxyModel::Step(absl::Span<Job* const> jobs,
                                                        const StepOptions& options) {
  if (lost()) return link_->LostError();
  Batch batch = MakeBatch(jobs, options);
  absl::StatusOr<engine_proto::WorkReply> reply;
  {
    absl::MutexLock lock(turn_);
    if (batch.waiting.empty()) {
      if (batch.request.step().drop_jobs_size() > 0) {
        link_->Post(std::move(batch.request), options_.step_timeout).IgnoreError();
      }
      return std::move(batch.outputs);
    }
    // A yield may reach the worker before the step does, which knows it by its number then.
    const CancelRegistration yields = options.yield.OnCancel(
        [link = link_, sequence = link_->next_sequence()] { link->YieldStep(sequence); });
    reply = link_->Call(std::move(batch.request),
                        options.budget + options.unit + options_.step_timeout, batch.attachments);
  }
  absl::Status status = reply.status();
  if (status.ok() && !Distribute(reply->mutable_step(), &batch).ok()) {
    link_->Break("It answered a step with something else.");
    return link_->LostError();
  }
  // The engine gave the model up; end the process, so that its owner learns it and loads anew.
  if (!status.ok()) {
    link_->Break(absl::StrCat("A step failed as a whole: ", status.message()));
    return status;
  }
  return std::move(batch.outputs);
}

absl::Status ProxyModel::Distribute(engine_proto::StepReply* reply, Batch* batch) {
  for (engine_proto::JobOutput& from : *reply->mutable_outputs()) {
    const auto found = batch->waiting.find(from.job_id());
    if (found == batch->waiting.end()) return absl::InternalError("an output for no job");
    const auto [index, job] = found->second;
    batch->waiting.erase(found);
    JobOutput& to = batch->outputs[index];
    to.events.reserve(from.events_size());
    for (engine_proto::Event& event : *from.mutable_events()) to.events.push_back(std::move(event));
    to.status = StatusFromProto(from.status());
    to.done = from.done() || !to.status.ok();
    to.work = from.work();
    if (to.done) job->MarkDone();
  }
  return batch->waiting.empty() ? absl::OkStatus() : absl::InternalError("a job without output");
}

absl::Status ProxyModel::ParkJob(uint64_t job_id) {
  engine_proto::WorkRequest request;
  request.mutable_park()->set_job_id(job_id);
  absl::MutexLock lock(turn_);
  return link_->Call(std::move(request), options_.step_timeout).status();
}

void ProxyModel::DropJob(uint64_t job_id) {
  // At once and not with the next step, of which there may be none: the job holds memory. Not
  // waited for: the worker does it while the daemon goes on.
  engine_proto::WorkRequest request;
  request.mutable_step()->add_drop_jobs(job_id);
  absl::MutexLock lock(turn_);
  // A failure means that the worker is gone, and the job with it.
  link_->Post(std::move(request), options_.step_timeout).IgnoreError();
}

absl::StatusOr<engine_proto::ResourceUsage> ProxyModel::MeasureUsage() {
  if (lost()) return link_->LostError();
  if (!turn_.try_lock()) {
    absl::MutexLock lock(usage_mutex_);
    return usage_;
  }
  engine_proto::WorkRequest request;
  request.mutable_stats();
  absl::StatusOr<engine_proto::WorkReply> reply =
      link_->Call(std::move(request), options_.step_timeout);
  turn_.unlock();
  if (!reply.ok()) return reply.status();
  absl::MutexLock lock(usage_mutex_);
  usage_ = reply->stats().usage();
  return usage_;
}

}  // namespace intelligenced

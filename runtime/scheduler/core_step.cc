#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/scheduler/core.h"

namespace intelligenced {
namespace {

constexpr size_t kRememberedLosses = 64;
// How often a job that only waited for models that died under others gets another one.
constexpr int kMaxRebinds = 8;
// Between tries of a step in which nothing could advance: doubled from the first to the last.
constexpr absl::Duration kFirstStallDelay = absl::Milliseconds(5);
constexpr absl::Duration kLastStallDelay = absl::Milliseconds(100);

// Whether the job did anything that makes trying it again at once worthwhile.
bool Advanced(const JobOutput& output) {
  return output.done || output.work > 0 || !output.events.empty();
}

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

}  // namespace

absl::Status Scheduler::Core::LostError(std::string_view model) {
  ErrorFacts facts;
  facts.metadata["model"] = model;
  facts.retry_delay = absl::Milliseconds(500);
  return MakeError(Reason::kWorkerLost,
                   absl::StrCat("The process of the model ", model,
                                " was lost while it worked on the request. Try again."),
                   std::move(facts));
}

void Scheduler::Core::RunDrives(std::deque<Drive> drives) {
  const Visit visit(this);
  {
    absl::MutexLock lock(mutex_);
    ++drivers_;
  }
  while (!drives.empty()) {
    Drive drive = std::move(drives.front());
    drives.pop_front();
    DriveResult result = Execute(drive);
    Outbox out;
    std::vector<CancelRegistration> dropped;  // destroyed without the lock
    {
      absl::MutexLock lock(mutex_);
      dropped.swap(registrations_);
      Apply(drive, result, out);
      Plan(out, true);
    }
    Flush(std::move(out), &drives);
  }
  std::vector<CancelRegistration> dropped;  // destroyed after the lock
  absl::MutexLock lock(mutex_);
  dropped.swap(registrations_);
  --drivers_;
}

Scheduler::Core::DriveResult Scheduler::Core::Execute(Drive& drive) {
  DriveResult result;
  for (DoomedJob& doomed : drive.doomed) {
    doomed.job.reset();
    Release(doomed.bound);
  }
  result.begin = result.end = clock_->Now();
  if (drive.jobs.empty()) return result;
  result.outputs.resize(drive.jobs.size());
  if (drive.park != nullptr) {
    // A job that cannot be moved stays where it is; only the loss of the model matters.
    absl::Status status = drive.park->Park();
    if (HasReason(status, Reason::kWorkerLost)) {
      result.model_status = std::move(status);
      return result;
    }
  }
  std::vector<Job*> batch;
  for (size_t i = 0; i < drive.jobs.size(); ++i) {
    JobState& job = *drive.jobs[i];
    JobOutput& output = result.outputs[i];
    if (job.engine_job == nullptr) {
      const CancelToken token = job.engine_cancel->token();
      if (token.cancelled()) {
        output.done = true;
        output.status = absl::CancelledError();
        continue;
      }
      absl::StatusOr<std::unique_ptr<Job>> started =
          drive.model->StartWith(job.job.task, job.job.attachments, token);
      if (HasReason(started.status(), Reason::kWorkerLost)) {
        result.model_status = started.status();
        return result;
      }
      if (!started.ok() || *started == nullptr) {
        output.done = true;
        output.status = started.ok() ? MakeError(Reason::kEngineFailure,
                                                 "The engine started nothing for the request.")
                                     : started.status();
        continue;
      }
      job.engine_job = *std::move(started);
    }
    batch.push_back(job.engine_job.get());
    result.stepped.push_back(i);
  }
  if (batch.empty()) return result;
  result.begin = clock_->Now();
  absl::StatusOr<std::vector<JobOutput>> outputs = drive.model->Step(batch, drive.options);
  result.end = clock_->Now();
  if (!outputs.ok()) {
    result.model_status = outputs.status();
    return result;
  }
  if (outputs->size() != batch.size()) {
    result.model_status =
        MakeError(Reason::kEngineFailure, absl::StrCat("The engine answered for ", outputs->size(),
                                                       " of ", batch.size(), " requests."));
    return result;
  }
  for (size_t k = 0; k < batch.size(); ++k) {
    JobOutput& output = result.outputs[result.stepped[k]];
    output = std::move((*outputs)[k]);
    if (!output.status.ok()) output.done = true;
    if (output.done) drive.jobs[result.stepped[k]]->engine_job.reset();
  }
  return result;
}

void Scheduler::Core::Apply(Drive& drive, DriveResult& result, Outbox& out) {
  ModelEntry* const entry = drive.entry;
  if (!drive.jobs.empty()) {
    LaneRecord& lane = *lanes_[entry->lane];
    lane.in_use -= drive.width;
    lane.busy_seconds.AddSpread(lane.counted, result.end, Seconds(result.end - lane.counted));
    lane.counted = result.end;
    Charge(drive, result);
    if (!result.model_status.ok()) {
      LoseModel(entry, result.model_status, drive.jobs, out);
    } else {
      ResetWaits(drive, result.end);
      for (size_t i = 0; i < drive.jobs.size(); ++i) {
        ApplyOutput(drive.jobs[i], result.outputs[i], out);
      }
      HandleStalls(drive, result.end);
    }
  }
  entry->busy = false;
  entry->step_yield.reset();
  EraseIfUnused(entry);
  --drives_;
  changed_.SignalAll();
}

void Scheduler::Core::AddVirtualTime(ClientRecord& client, int lane, int class_index,
                                     absl::Duration device_time) {
  if (client.virtual_time.size() <= static_cast<size_t>(lane)) {
    client.virtual_time.resize(lane + 1);
  }
  double& own = client.virtual_time[lane][class_index];
  own = std::max(own, lanes_[lane]->virtual_time[class_index]) +
        Seconds(device_time) / PolicyWeight(client.info);
}

void Scheduler::Core::Charge(const Drive& drive, const DriveResult& result) {
  ModelEntry& entry = *drive.entry;
  const absl::Duration device_time = (result.end - result.begin) * drive.width;
  // What was charged in advance is taken back first, without the floor that charging applies.
  for (const JobPtr& job : drive.jobs) {
    job->client->virtual_time[entry.lane][drive.step_class] -=
        Seconds(drive.advance_each) / PolicyWeight(job->client->info);
  }
  if (result.stepped.empty()) return;
  std::vector<double> work;
  for (const size_t i : result.stepped) work.push_back(result.outputs[i].work);
  const std::vector<absl::Duration> shares = SplitDeviceTime(device_time, work);
  for (size_t k = 0; k < shares.size(); ++k) {
    JobState& job = *drive.jobs[result.stepped[k]];
    ClientRecord& client = *job.client;
    client.virtual_time[entry.lane][drive.step_class] +=
        Seconds(shares[k]) / PolicyWeight(client.info);
    client.total_device_time += shares[k];
    client.device_seconds.AddSpread(result.begin, result.end, Seconds(shares[k]));
    client.last_active = result.end;
    job.usage.device_time += shares[k];
  }
  entry.expected_step = entry.expected_step * 0.8 + device_time * 0.2;
}

void Scheduler::Core::ResetWaits(const Drive& drive, absl::Time now) {
  const auto mark = [&drive](bool value) {
    for (const JobPtr& job : drive.jobs) {
      job->client->stepped[ClassIndex(job->job.request_class)] = value;
    }
  };
  mark(true);
  for (const JobPtr& job : jobs_) {
    if (job->entry == drive.entry && job->client->stepped[ClassIndex(job->job.request_class)]) {
      job->waiting_since = now;
    }
  }
  mark(false);
}

void Scheduler::Core::ApplyOutput(const JobPtr& job, JobOutput& output, Outbox& out) {
  const absl::Time now = clock_->Now();
  job->phase = JobPhase::kReady;
  job->parked = false;
  job->stalled = !Advanced(output);
  if (!job->stalled) job->stalls = 0;
  int deltas = 0;
  for (const engine_proto::Event& event : output.events) {
    if (event.has_delta()) ++deltas;
    if (event.has_completed()) job->usage.completed = event.completed();
    if (!event.has_progress() && !event.has_image_step()) job->had_output = true;
  }
  if (deltas > 0) {
    job->deltas += deltas;
    job->client->tokens.AddDeltas(now, deltas);
  }
  if (job->had_output) job->alone = false;
  if (!output.events.empty()) Queue(job, std::move(output.events), out);
  if (output.done && (output.status.ok() || !job->end_status.has_value())) {
    Finish(job, std::move(output.status), out);
  } else if (job->end_status.has_value()) {
    Finish(job, *std::move(job->end_status), out);
  }
}

void Scheduler::Core::HandleStalls(const Drive& drive, absl::Time now) {
  for (const JobPtr& job : drive.jobs) {
    if (job->phase != JobPhase::kReady || !job->stalled) return;
  }
  // The next driver destroys these first, which makes room.
  if (!drive.entry->doomed.empty()) return;
  std::vector<int> stalled;
  std::vector<bool> parked;
  for (const JobPtr& job : jobs_) parked.push_back(job->parked);
  for (const JobPtr& job : drive.jobs) {
    stalled.push_back(static_cast<int>(std::find(jobs_.begin(), jobs_.end(), job) - jobs_.begin()));
    // Doubles with every vain try.
    job->not_before = now + std::min(kLastStallDelay,
                                     kFirstStallDelay * (int64_t{1} << std::min(job->stalls, 8)));
    ++job->stalls;
  }
  const int victim = ChooseParkVictim(TakeSnapshot(now), stalled, parked);
  if (victim < 0) return;
  // Moving the victim out makes room: the others are tried again at once, the victim is not.
  for (const JobPtr& job : drive.jobs) job->not_before = now;
  jobs_[victim]->not_before = now + kLastStallDelay;
  drive.entry->park = jobs_[victim];
}

void Scheduler::Core::LoseModel(ModelEntry* entry, const absl::Status& status,
                                const std::vector<JobPtr>& driven, Outbox& out) {
  // A process that is gone does not come back. Of a model that failed otherwise nobody else may
  // know; should its source offer it again, it is tried again.
  if (HasReason(status, Reason::kWorkerLost)) {
    lost_.push_back(entry->key);
    if (lost_.size() > kRememberedLosses) lost_.pop_front();
  }
  std::vector<JobPtr> bound;
  for (const JobPtr& job : jobs_) {
    if (job->entry == entry) bound.push_back(job);
  }
  for (const JobPtr& job : bound) {
    const bool was_driven = std::find(driven.begin(), driven.end(), job) != driven.end();
    const bool was_in_model = job->engine_job != nullptr;
    if (was_driven) job->phase = JobPhase::kReady;
    if (job->end_status.has_value()) {
      Finish(job, *std::move(job->end_status), out);
      continue;
    }
    const bool again =
        !job->had_output && (was_in_model ? !job->retried : job->rebinds < kMaxRebinds);
    if (!again) {
      Finish(job, LostError(entry->name), out);
      continue;
    }
    // Whoever was in the model may be what killed it: alone, it can only do that to itself.
    if (was_in_model) {
      job->retried = job->alone = true;
    } else {
      ++job->rebinds;
    }
    BoundModel free_bound;
    Unbind(*job, &free_bound);
    out.drops.push_back(std::move(free_bound));
    job->phase = JobPhase::kAcquiring;
    job->stalled = job->parked = false;
    job->stalls = 0;
    out.acquire.push_back(job);
  }
}

}  // namespace intelligenced

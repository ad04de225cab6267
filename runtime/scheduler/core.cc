#include "runtime/scheduler/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// Clients without a job are remembered for their totals, up to about this many.
constexpr size_t kRememberedClients = 1024;
// A source that answers with a model known to be lost is asked again after this, this many times.
constexpr absl::Duration kAcquireAgainDelay = absl::Milliseconds(50);
constexpr int kMaxRebinds = 8;

absl::Status ShuttingDown() {
  ErrorFacts facts;
  facts.retry_delay = absl::Seconds(1);
  return MakeError(Reason::kShuttingDown,
                   "The daemon is shutting down. Try again when it runs again.", std::move(facts));
}

absl::Status DeadlinePassed(bool started) {
  return MakeError(Reason::kDeadlineExceeded,
                   started ? "The deadline passed before the request was finished."
                           : "The deadline passed before the request could be started.");
}

}  // namespace

Scheduler::Core::Visit::Visit(Core* core) : core_(core) {
  absl::MutexLock lock(core_->mutex_);
  ++core_->visits_;
}

Scheduler::Core::Visit::~Visit() {
  absl::MutexLock lock(core_->mutex_);
  --core_->visits_;
  core_->changed_.SignalAll();
}

Scheduler::Core::Core(SchedulerOptions options, const Clock* clock, Executor* executor,
                      Timer* timer)
    : options_(std::move(options)), clock_(clock), executor_(executor), timer_(timer) {
  absl::MutexLock lock(mutex_);
  for (const auto& [device, capacity] : options_.lanes) {
    int index;
    LaneFor(device, &index).capacity = std::max(1, capacity);
  }
}

absl::StatusOr<std::shared_ptr<ScheduledJob>> Scheduler::Core::Submit(JobRequest request) {
  if (request.sink == nullptr || request.models == nullptr) {
    return MakeError(Reason::kEngineFailure, "A job was submitted without a sink or model source.");
  }
  const Visit visit(this);
  if (request.request_class < RequestClass::kInteractive ||
      request.request_class > RequestClass::kBackground) {
    request.request_class = RequestClass::kInteractive;
  }
  const JobPtr job = std::make_shared<JobState>(std::move(request));
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    const absl::Time now = clock_->Now();
    ForgetIdleClients(now);
    ClientRecord& client = ClientFor(job->job.client);
    client.last_active = now;
    absl::Status status;
    if (draining_) {
      status = ShuttingDown();
    } else if (job->job.deadline <= now) {
      status = DeadlinePassed(false);
    } else {
      status = CheckAdmission(options_.limits, held_, client.held, job->job.input_bytes);
    }
    if (!status.ok()) {
      ++refused_[ClassIndex(job->job.request_class)];
      return status;
    }
    held_.Enter(job->job.input_bytes, now);
    client.held.Enter(job->job.input_bytes, now);
    ++client.requests;
    job->core = weak_from_this();
    job->id = next_id_++;
    job->sink = std::move(job->job.sink);
    job->client = &client;
    job->submitted = job->waiting_since = now;
    job->usage.model = job->job.model;
    jobs_.push_back(job);
    ++unfinished_;
    WakeAt(job->job.deadline);
  }
  CancelRegistration registration =
      job->job.cancel.OnCancel([core = weak_from_this(), weak = std::weak_ptr<JobState>(job)] {
        auto owner = core.lock();
        auto cancelled = weak.lock();
        if (owner != nullptr && cancelled != nullptr) owner->CancelJob(cancelled);
      });
  {
    absl::MutexLock lock(mutex_);
    // An ended job's registration is dropped here, at the end of the function and without the lock.
    if (job->phase != JobPhase::kEnded) {
      job->registration = std::move(registration);
      out.acquire.push_back(job);
    }
  }
  Flush(std::move(out), nullptr);
  return job;
}

LaneRecord& Scheduler::Core::LaneFor(std::string_view device, int* index) {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    *index = static_cast<int>(i);
    if (lanes_[i]->device == device) return *lanes_[i];
  }
  *index = static_cast<int>(lanes_.size());
  lanes_.push_back(std::make_unique<LaneRecord>());
  lanes_.back()->device = device;
  return *lanes_.back();
}

ClientRecord& Scheduler::Core::ClientFor(const SchedulerClient& client) {
  std::unique_ptr<ClientRecord>& record = clients_[client.id];
  if (record == nullptr) record = std::make_unique<ClientRecord>();
  record->info = client;
  return *record;
}

void Scheduler::Core::ForgetIdleClients(absl::Time now) {
  if (clients_.size() < kRememberedClients) return;
  std::erase_if(clients_, [now](const auto& item) {
    return item.second->held.jobs == 0 && now - item.second->last_active > absl::Minutes(1);
  });
}

void Scheduler::Core::ModelLoading(const JobPtr& job) {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (job->phase != JobPhase::kAcquiring) return;
    job->loading_since = std::min(job->loading_since, clock_->Now());
    Queue(job, LoadingNotice{}, out);
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::Bind(const JobPtr& job, BoundModel bound) {
  const Visit visit(this);
  engine_proto::ModelInfo info;
  if (bound.model != nullptr) info = bound.model->info();
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (job->phase != JobPhase::kAcquiring) {
      out.drops.push_back(std::move(bound));
    } else if (bound.model == nullptr) {
      out.drops.push_back(std::move(bound));
      Finish(job, MakeError(Reason::kEngineFailure, "The daemon bound a request to no model."),
             out);
    } else if (std::find(lost_.begin(), lost_.end(), bound.key) != lost_.end()) {
      out.drops.push_back(std::move(bound));
      if (++job->rebinds > kMaxRebinds) {
        Finish(job, LostError(job->usage.model), out);
      } else {
        timer_->Schedule(clock_->Now() + kAcquireAgainDelay, [core = weak_from_this(), job] {
          if (auto owner = core.lock()) owner->AcquireAgain(job);
        });
      }
    } else {
      const absl::Time now = clock_->Now();
      if (job->loading_since < now) {
        job->usage.load_time += now - job->loading_since;
        job->loading_since = absl::InfiniteFuture();
      }
      std::unique_ptr<ModelEntry>& entry = models_[bound.key];
      if (entry == nullptr) {
        entry = std::make_unique<ModelEntry>();
        entry->key = bound.key;
        entry->name = bound.name;
        entry->width = std::max<int>(1, static_cast<int>(info.width()));
        entry->max_batch = std::max<int>(1, static_cast<int>(info.max_batch()));
        const LaneRecord& lane = LaneFor(info.device(), &entry->lane);
        entry->expected_step = options_.contended_quantum * std::min(entry->width, lane.capacity);
      }
      ++entry->jobs;
      job->entry = entry.get();
      job->usage.model = bound.name;
      job->usage.device = info.device();
      job->bound = std::move(bound);
      job->phase = JobPhase::kReady;
      job->waiting_since = now;
      Plan(out, false);
      MakeRoomFor(*job, out);
      if (job->phase == JobPhase::kReady) TellPlace(job, out);
    }
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::Fail(const JobPtr& job, const absl::Status& status) {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (job->phase != JobPhase::kAcquiring) return;
    Finish(job,
           status.ok() ? MakeError(Reason::kEngineFailure, "The model failed without a reason.")
                       : status,
           out);
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::SetPaused(const JobPtr& job, bool paused) {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (job->phase == JobPhase::kEnded || job->is_paused == paused) return;
    job->is_paused = paused;
    // It could not have been stepped meanwhile: that is no wait that ages it.
    job->waiting_since = clock_->Now();
    if (!paused) {
      Plan(out, false);
      MakeRoomFor(*job, out);
    }
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::CancelJob(const JobPtr& job) {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (job->phase == JobPhase::kEnded) return;
    End(job, MakeError(Reason::kCancelled, "The request was cancelled."), out);
    Plan(out, false);
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::BeginDrain() { EndAll(RequestClass::kBackground); }
void Scheduler::Core::CancelAll() { EndAll(RequestClass::kInteractive); }

void Scheduler::Core::EndAll(RequestClass most_urgent) {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    draining_ = true;
    const std::vector<JobPtr> jobs = jobs_;
    for (const JobPtr& job : jobs) {
      if (job->job.request_class >= most_urgent) End(job, ShuttingDown(), out);
    }
    Plan(out, false);
  }
  Flush(std::move(out), nullptr);
}

bool Scheduler::Core::WaitUntilIdle(absl::Time deadline) {
  absl::MutexLock lock(mutex_);
  Timer::Id alarm = 0;
  if (!IdleLocked() && deadline < absl::InfiniteFuture()) {
    alarm = timer_->Schedule(deadline, [core = weak_from_this()] {
      if (auto owner = core.lock()) {
        absl::MutexLock alarm_lock(owner->mutex_);
        owner->changed_.SignalAll();
      }
    });
  }
  while (!IdleLocked() && clock_->Now() < deadline) changed_.Wait(&mutex_);
  if (alarm != 0) timer_->Cancel(alarm);
  return IdleLocked();
}

void Scheduler::Core::Stop() {
  CancelAll();
  absl::MutexLock lock(mutex_);
  while (!IdleLocked() || visits_ > 0) changed_.Wait(&mutex_);
  stopped_ = true;
  if (wake_id_ != 0) timer_->Cancel(wake_id_);
}

bool Scheduler::Core::IdleLocked() const {
  return unfinished_ == 0 && drives_ == 0 && doomed_ == 0;
}

void Scheduler::Core::End(const JobPtr& job, absl::Status status, Outbox& out) {
  if (job->phase != JobPhase::kStepping) {
    if (job->phase != JobPhase::kEnded) Finish(job, std::move(status), out);
  } else if (!job->end_status.has_value()) {
    job->end_status = std::move(status);
    out.cancels.push_back(*job->engine_cancel);
  }
}

void Scheduler::Core::Finish(const JobPtr& job, absl::Status status, Outbox& out) {
  const absl::Time now = clock_->Now();
  ClientRecord& client = *job->client;
  JobUsage& usage = job->usage;
  if (job->loading_since < now) usage.load_time += now - job->loading_since;
  if (!job->first_step.has_value()) {
    usage.queue_time = now - job->submitted - usage.load_time;
  } else {
    client.tokens.Complete(*job->first_step, now, job->deltas, usage.completed.output_tokens());
  }
  if (status.ok()) {
    ++completed_[ClassIndex(job->job.request_class)];
    job_time_[usage.model].Add(usage.device_time);
  }
  EndNotice notice;
  notice.status = std::move(status);
  notice.usage = usage;
  notice.registration = std::move(job->registration);
  if (job->entry != nullptr) Unbind(*job, &notice.bound);
  job->phase = JobPhase::kEnded;
  held_.Leave(job->job.input_bytes, now);
  client.held.Leave(job->job.input_bytes, now);
  client.last_active = now;
  const auto place = std::lower_bound(jobs_.begin(), jobs_.end(), job->id,
                                      [](const JobPtr& a, uint64_t id) { return a->id < id; });
  // `job` may be the element that goes.
  const JobPtr kept = job;  // NOLINT(performance-unnecessary-copy-initialization)
  jobs_.erase(place);
  Queue(kept, std::move(notice), out);
}

void Scheduler::Core::Unbind(JobState& job, BoundModel* free_bound) {
  ModelEntry* const entry = std::exchange(job.entry, nullptr);
  if (job.engine_job != nullptr) {
    entry->doomed.push_back({std::move(job.engine_job), std::move(job.bound)});
    ++doomed_;
  } else {
    *free_bound = std::move(job.bound);
  }
  job.engine_cancel.reset();
  if (entry->park.get() == &job) entry->park.reset();
  --entry->jobs;
  // There may be room now for those that could not advance.
  for (const JobPtr& other : jobs_) {
    if (other->entry == entry) other->not_before = absl::InfinitePast();
  }
  EraseIfUnused(entry);
}

void Scheduler::Core::EraseIfUnused(ModelEntry* entry) {
  if (entry->jobs == 0 && !entry->busy && entry->doomed.empty()) models_.erase(entry->key);
}

void Scheduler::Core::Plan(Outbox& out, bool driving) {
  const absl::Time now = clock_->Now();
  const bool room = HasRoom();
  const bool due = now >= wake_at_;
  if (due) {
    timer_->Cancel(wake_id_);
    wake_at_ = absl::InfiniteFuture();
    wake_id_ = 0;
  }
  // With every lane full of the most urgent steps only the clock can bring a change.
  if ((room || due) && !jobs_.empty()) {
    const PolicyDecision decision = Decide(policy_options(), TakeSnapshot(now));
    for (size_t lane = 0; lane < lanes_.size(); ++lane) {
      lanes_[lane]->virtual_time = decision.lane_virtual_time[lane];
    }
    std::vector<JobPtr> expired;
    for (const int j : decision.expired) expired.push_back(jobs_[j]);
    for (const PolicyStep& step : decision.steps) TakeStep(step, now, out);
    for (const JobPtr& job : expired) End(job, DeadlinePassed(job->first_step.has_value()), out);
    WakeAt(decision.wake);
    TellPlaces(now, out);
  }
  TakeDoomed(out, driving);
}

bool Scheduler::Core::HasRoom() const {
  std::vector<int> urgent(lanes_.size());
  for (const auto& [key, entry] : models_) {
    if (entry->busy && entry->step_class == 0) urgent[entry->lane] += entry->step_width;
  }
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (urgent[lane] < lanes_[lane]->capacity) return true;
  }
  return false;
}

void Scheduler::Core::TakeStep(const PolicyStep& step, absl::Time now, Outbox& out) {
  ModelEntry& entry = *jobs_[step.jobs.front()]->entry;
  LaneRecord& lane = *lanes_[entry.lane];
  Drive drive;
  drive.entry = &entry;
  drive.model = jobs_[step.jobs.front()]->bound.model.get();
  drive.step_class = step.step_class;
  drive.width = step.width;
  entry.step_unit = step.unit;
  entry.step_yield.emplace();
  drive.options = {.budget = step.budget, .unit = step.unit, .yield = entry.step_yield->token()};
  drive.advance_each = entry.expected_step / static_cast<int64_t>(step.jobs.size());
  if (lane.in_use == 0) lane.counted = now;
  lane.in_use += step.width;
  entry.busy = true;
  entry.step_class = step.step_class;
  entry.step_width = step.width;
  for (const int j : step.jobs) {
    const JobPtr& job = jobs_[j];
    job->phase = JobPhase::kStepping;
    if (!job->engine_cancel.has_value()) job->engine_cancel.emplace();
    if (!job->first_step.has_value()) {
      job->first_step = now;
      job->usage.queue_time = now - job->submitted - job->usage.load_time;
    }
    AddVirtualTime(*job->client, entry.lane, step.step_class, drive.advance_each);
    drive.jobs.push_back(job);
  }
  drive.doomed = std::exchange(entry.doomed, {});
  doomed_ -= static_cast<int>(drive.doomed.size());
  if (JobPtr park = std::exchange(entry.park, nullptr);
      park != nullptr && park->phase == JobPhase::kReady && park->engine_job != nullptr) {
    park->parked = true;
    drive.park = park->engine_job.get();
  }
  ++drives_;
  out.drives.push_back(std::move(drive));
}

void Scheduler::Core::MakeRoomFor(const JobState& job, Outbox& out) {
  const bool started = job.phase == JobPhase::kStepping;
  if ((job.phase != JobPhase::kReady && !started) || job.is_paused) return;
  for (const auto& [key, entry] : models_) {
    if (entry->lane != job.entry->lane || !entry->step_yield.has_value()) continue;
    // It runs beside them already: those that found room together may stay, the others slow it.
    if (started && entry->step_class <= job.entry->step_class) continue;
    if (!ShouldYield(policy_options(), entry->step_class, entry->step_unit,
                     job.job.request_class)) {
      continue;
    }
    out.cancels.push_back(*std::exchange(entry->step_yield, std::nullopt));
    if (entry->step_unit > policy_options().unit) {
      lanes_[entry->lane]->last_yield = clock_->Now();
    }
  }
}

void Scheduler::Core::TakeDoomed(Outbox& out, bool driving) {
  // A thread that drives comes by here after its step; an idle one is called only if there is none.
  if (doomed_ == 0 || (!driving && drives_ > 0)) return;
  for (const auto& [key, entry] : models_) {
    if (entry->busy || entry->doomed.empty()) continue;
    entry->busy = true;
    entry->step_width = 0;
    Drive drive;
    drive.entry = entry.get();
    drive.doomed = std::exchange(entry->doomed, {});
    doomed_ -= static_cast<int>(drive.doomed.size());
    ++drives_;
    out.drives.push_back(std::move(drive));
  }
}

void Scheduler::Core::WakeAt(absl::Time when) {
  if (when >= wake_at_) return;
  if (wake_id_ != 0) timer_->Cancel(wake_id_);
  wake_at_ = when;
  wake_id_ = timer_->Schedule(when, [core = weak_from_this()] {
    if (auto owner = core.lock()) owner->Wake();
  });
}

void Scheduler::Core::Wake() {
  const Visit visit(this);
  Outbox out;
  {
    absl::MutexLock lock(mutex_);
    if (stopped_) return;
    Plan(out, false);
  }
  Flush(std::move(out), nullptr);
}

void Scheduler::Core::AcquireAgain(const JobPtr& job) {
  const Visit visit(this);
  {
    absl::MutexLock lock(mutex_);
    if (job->phase != JobPhase::kAcquiring) return;
  }
  job->job.models->Acquire(job);
}

void Scheduler::Core::Flush(Outbox out, std::deque<Drive>* keep) {
  for (const CancelSource& source : out.cancels) source.Cancel();
  bool kept_step = false;
  for (Drive& drive : out.drives) {
    const bool is_step = !drive.jobs.empty();
    if (keep != nullptr && !(is_step && kept_step)) {
      // Doomed jobs first: they are quick and may make room.
      is_step ? keep->push_back(std::move(drive)) : keep->push_front(std::move(drive));
      kept_step = kept_step || is_step;
      continue;
    }
    std::deque<Drive> one;
    one.push_back(std::move(drive));
    executor_->Run([core = shared_from_this(), one = std::move(one)]() mutable {
      core->RunDrives(std::move(one));
    });
  }
  for (BoundModel& bound : out.drops) Release(bound);
  for (const JobPtr& job : out.deliver) Deliver(job);
  for (const JobPtr& job : out.acquire) job->job.models->Acquire(job);
}

}  // namespace intelligenced

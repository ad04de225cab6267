#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "runtime/scheduler/core.h"

namespace intelligenced {
namespace {

// Places are told anew at most this often, and only when they changed by a tenth or are near.
constexpr absl::Duration kPlaceInterval = absl::Milliseconds(250);
constexpr int kNearPlace = 16;

bool WorthTelling(std::optional<int> told, int position) {
  if (!told.has_value()) return true;
  if (*told == position) return false;
  return position < kNearPlace || std::abs(*told - position) * 10 >= *told;
}

}  // namespace

PolicyOptions Scheduler::Core::policy_options() const {
  return {.contended_quantum = options_.contended_quantum,
          .idle_quantum = options_.idle_quantum,
          .ageing = options_.ageing};
}

PolicySnapshot Scheduler::Core::TakeSnapshot(absl::Time now) const {
  PolicySnapshot snapshot;
  snapshot.now = now;
  for (const auto& lane : lanes_) {
    snapshot.lanes.push_back({.capacity = lane->capacity,
                              .in_use = lane->in_use,
                              .virtual_time = lane->virtual_time,
                              .last_yield = lane->last_yield});
  }
  std::vector<std::optional<absl::Duration>> job_time;
  for (const auto& [key, entry] : models_) {
    entry->index = static_cast<int>(snapshot.models.size());
    snapshot.models.push_back({.lane = entry->lane,
                               .width = entry->width,
                               .max_batch = entry->max_batch,
                               .busy = entry->busy,
                               .step_class = entry->step_class,
                               .step_width = entry->busy ? entry->step_width : 0,
                               .expected_step = entry->expected_step});
    const auto known = job_time_.find(entry->name);
    job_time.push_back(known != job_time_.end() ? known->second.value() : std::nullopt);
  }
  for (const JobPtr& job : jobs_) job->client->index = -1;
  snapshot.jobs.reserve(jobs_.size());
  for (const JobPtr& job : jobs_) {
    ClientRecord& client = *job->client;
    if (client.index < 0) {
      client.index = static_cast<int>(snapshot.clients.size());
      snapshot.clients.push_back(
          {.weight = PolicyWeight(client.info), .virtual_time = client.virtual_time});
    }
    const bool stepping = job->phase == JobPhase::kStepping;
    PolicyJob& view = snapshot.jobs.emplace_back();
    view.client = client.index;
    view.model = job->entry != nullptr ? job->entry->index : -1;
    view.request_class = job->job.request_class;
    view.waiting_since = job->waiting_since;
    view.deadline = job->job.deadline;
    view.not_before = job->not_before;
    if (view.model >= 0 && job_time[view.model].has_value()) {
      view.remaining =
          std::max(options_.contended_quantum, *job_time[view.model] - job->usage.device_time);
    }
    // While stepping the engine job is the driver's to look at.
    view.started = stepping || job->engine_job != nullptr;
    view.paused = job->is_paused;
    view.stepping = stepping;
    view.ending = job->end_status.has_value();
    view.stalled = job->stalled;
    view.alone = job->alone;
  }
  return snapshot;
}

SchedulerSnapshot Scheduler::Core::Snapshot() const {
  absl::MutexLock lock(mutex_);
  const absl::Time now = clock_->Now();
  SchedulerSnapshot snapshot;
  for (int c = 0; c < kRequestClassCount; ++c) {
    snapshot.classes.push_back({.request_class = static_cast<RequestClass>(c + 1),
                                .completed = completed_[c],
                                .refused = refused_[c]});
  }
  std::map<const ClientRecord*, std::pair<int, int>> counts;  // waiting, running
  for (const JobPtr& job : jobs_) {
    const bool running = job->phase == JobPhase::kStepping || job->engine_job != nullptr;
    SchedulerSnapshot::Class& of_class = snapshot.classes[ClassIndex(job->job.request_class)];
    ++(running ? of_class.running : of_class.waiting);
    auto& [waiting, started] = counts[job->client];
    ++(running ? started : waiting);
  }
  for (const auto& lane : lanes_) {
    double busy = lane->busy_seconds.Sum(now);
    if (lane->in_use > 0) busy += absl::ToDoubleSeconds(now - lane->counted);
    snapshot.lanes.push_back({.device = lane->device,
                              .capacity = lane->capacity,
                              .in_use = std::min(lane->in_use, lane->capacity),
                              .utilization = std::clamp(busy / 60, 0.0, 1.0)});
  }
  for (const auto& [id, client] : clients_) {
    const auto count = counts.find(client.get());
    if (count == counts.end() && now - client->last_active > absl::Minutes(1)) continue;
    SchedulerSnapshot::Client& view = snapshot.clients.emplace_back();
    view.client = client->info;
    if (count != counts.end()) std::tie(view.waiting, view.running) = count->second;
    view.recent_device_time = absl::Seconds(client->device_seconds.Sum(now));
    view.total_device_time = client->total_device_time;
    view.output_tokens_per_second = client->tokens.PerSecond(now);
    view.requests = client->requests;
    view.last_active = client->last_active;
  }
  return snapshot;
}

QueuePlace Scheduler::Core::Place(const JobState& job) const {
  absl::MutexLock lock(mutex_);
  QueuePlace place;
  if (job.phase == JobPhase::kAcquiring) {
    // Its lane is not known yet: those that want the same model and came earlier.
    for (const JobPtr& other : jobs_) {
      if (other->id >= job.id) break;
      if (other->job.model == job.job.model && !other->first_step.has_value()) ++place.position;
    }
  } else if (job.phase == JobPhase::kReady) {
    const auto places = QueuePlaces(policy_options(), TakeSnapshot(clock_->Now()));
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].get() == &job && places[i].has_value()) place = *places[i];
    }
  }
  return place;
}

void Scheduler::Core::TellPlaces(absl::Time now, Outbox& out) {
  if (now - places_told_ < kPlaceInterval) return;
  places_told_ = now;
  const auto places = QueuePlaces(policy_options(), TakeSnapshot(now));
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const JobPtr& job = jobs_[i];
    // The first word comes from TellPlace(), when the job is bound and finds no room.
    if (!places[i].has_value() || !job->told_position.has_value()) continue;
    if (!WorthTelling(job->told_position, places[i]->position)) continue;
    job->told_position = places[i]->position;
    Queue(job, *places[i], out);
  }
}

void Scheduler::Core::TellPlace(const JobPtr& job, Outbox& out) {
  const auto places = QueuePlaces(policy_options(), TakeSnapshot(clock_->Now()));
  const size_t index = std::find(jobs_.begin(), jobs_.end(), job) - jobs_.begin();
  if (!places[index].has_value()) return;
  job->told_position = places[index]->position;
  Queue(job, *places[index], out);
}

void Scheduler::Core::Queue(const JobPtr& job, Delivery delivery, Outbox& out) {
  job->deliveries.push_back(std::move(delivery));
  out.deliver.push_back(job);
}

void Scheduler::Core::Deliver(const JobPtr& job) {
  std::vector<Delivery> batch;
  std::shared_ptr<JobSink> sink;
  {
    absl::MutexLock lock(mutex_);
    if (job->delivering) return;
    job->delivering = true;
    sink = job->sink;
    batch.swap(job->deliveries);
  }
  while (true) {
    for (Delivery& delivery : batch) {
      if (auto* place = std::get_if<QueuePlace>(&delivery)) {
        sink->OnQueued(*place);
      } else if (std::holds_alternative<LoadingNotice>(delivery)) {
        sink->OnModelLoading(job->job.model);
      } else if (auto* events = std::get_if<std::vector<engine_proto::Event>>(&delivery)) {
        sink->OnEvents(std::move(*events));
      } else if (auto* end = std::get_if<EndNotice>(&delivery)) {
        Release(end->bound);
        sink->OnEnd(end->status, end->usage);
        FinishDelivery(job, std::move(sink), std::move(end->registration));
        return;  // `delivering` stays set: no call comes after OnEnd
      }
    }
    batch.clear();
    absl::MutexLock lock(mutex_);
    if (job->deliveries.empty()) {
      job->delivering = false;
      return;
    }
    batch.swap(job->deliveries);
  }
}

void Scheduler::Core::FinishDelivery(const JobPtr& job, std::shared_ptr<JobSink> sink,
                                     CancelRegistration registration) {
  {
    absl::MutexLock lock(mutex_);
    job->sink.reset();
  }
  sink.reset();  // what it holds may not outlive the moment when the scheduler counts as idle
  bool post = false;
  {
    absl::MutexLock lock(mutex_);
    // This thread may be inside a cancel callback itself, and two such threads that drop each
    // other's registration would wait for each other: left to a thread that is in none.
    post = drives_ == 0 && drivers_ == 0 && registrations_.empty();
    registrations_.push_back(std::move(registration));
  }
  if (post) {
    executor_->Run([core = shared_from_this()] { core->RunDrives({}); });
  }
  absl::MutexLock lock(mutex_);
  --unfinished_;
  changed_.SignalAll();
}

}  // namespace intelligenced

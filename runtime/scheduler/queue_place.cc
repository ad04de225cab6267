#include <algorithm>
#include <tuple>

#include "runtime/scheduler/policy.h"

namespace intelligenced {
namespace {

// What one client has on one lane in one class, added up while walking its jobs oldest first.
struct Share {
  int jobs = 0;
  absl::Duration remaining;
  bool known = true;
};

struct Waiting {
  int job = 0;
  int lane = 0;
  int class_index = 0;
  double tag = 0;
  // The client's own earlier jobs.
  Share ahead;
};

class Planner {
 public:
  Planner(const PolicyOptions& options, const PolicySnapshot& snapshot)
      : options_(options),
        snapshot_(snapshot),
        shares_(snapshot.clients.size() * snapshot.lanes.size() * kRequestClassCount),
        classes_(snapshot.lanes.size() * kRequestClassCount) {}

  std::vector<std::optional<QueuePlace>> Run() {
    std::vector<Waiting> waiting = Walk();
    std::sort(waiting.begin(), waiting.end(), [](const Waiting& a, const Waiting& b) {
      return std::tuple(a.lane, a.class_index, a.tag, a.job) <
             std::tuple(b.lane, b.class_index, b.tag, b.job);
    });
    std::vector<std::optional<QueuePlace>> places(snapshot_.jobs.size());
    int position = 0;
    for (size_t i = 0; i < waiting.size(); ++i) {
      position = i > 0 && waiting[i - 1].lane == waiting[i].lane ? position + 1 : 0;
      places[waiting[i].job] = QueuePlace{position, ExpectedWait(waiting[i])};
    }
    return places;
  }

 private:
  Share& ShareOf(int client, int lane, int class_index) {
    return shares_[(client * snapshot_.lanes.size() + lane) * kRequestClassCount + class_index];
  }
  Share& ClassOf(int lane, int class_index) {
    return classes_[lane * kRequestClassCount + class_index];
  }

  std::vector<Waiting> Walk() {
    std::vector<Waiting> waiting;
    for (size_t j = 0; j < snapshot_.jobs.size(); ++j) {
      const PolicyJob& job = snapshot_.jobs[j];
      if (job.model < 0 || job.ending || job.deadline <= snapshot_.now) continue;
      const int lane = snapshot_.models[job.model].lane;
      const int class_index = ClassIndex(job.request_class);
      Share& own = ShareOf(job.client, lane, class_index);
      if (!job.started && !job.stepping) {
        const PolicyClient& client = snapshot_.clients[job.client];
        const double weight = client.weight > 0 ? client.weight : 1;
        Waiting& entry = waiting.emplace_back();
        entry.job = static_cast<int>(j);
        entry.lane = lane;
        entry.class_index = class_index;
        entry.ahead = own;
        entry.tag = FairKey(snapshot_.lanes[lane], client, lane, class_index) +
                    absl::ToDoubleSeconds(own.remaining) / weight;
      }
      // A paused job is passed by the others.
      if (job.paused) continue;
      for (Share* share : {&own, &ClassOf(lane, class_index)}) {
        ++share->jobs;
        share->known = share->known && job.remaining.has_value();
        share->remaining += job.remaining.value_or(options_.contended_quantum);
      }
    }
    return waiting;
  }

  std::optional<absl::Duration> ExpectedWait(const Waiting& entry) {
    const PolicyLane& lane = snapshot_.lanes[entry.lane];
    const PolicyJob& job = snapshot_.jobs[entry.job];
    absl::Duration higher;
    for (int c = 0; c < entry.class_index; ++c) {
      const Share& above = ClassOf(entry.lane, c);
      if (!above.known) return std::nullopt;
      higher += above.remaining;
    }
    double weights = 0;
    double own_weight = 1;
    for (size_t c = 0; c < snapshot_.clients.size(); ++c) {
      const bool self = static_cast<int>(c) == job.client;
      if (!self && ShareOf(static_cast<int>(c), entry.lane, entry.class_index).jobs == 0) continue;
      const double weight = snapshot_.clients[c].weight > 0 ? snapshot_.clients[c].weight : 1;
      weights += weight;
      if (self) own_weight = weight;
    }
    const double share = own_weight / weights;
    // Places that the client can count on in a batch: that many of its jobs run side by side.
    const int places = std::max(1, static_cast<int>(snapshot_.models[job.model].max_batch * share));
    absl::Duration own;
    if (entry.ahead.jobs >= places) {
      if (!entry.ahead.known) return std::nullopt;
      own = entry.ahead.remaining * (entry.ahead.jobs - places + 1) / entry.ahead.jobs;
    }
    const absl::Duration current =
        lane.in_use > 0 ? options_.contended_quantum : absl::ZeroDuration();
    return current + (higher + own / share) / std::max(1, lane.capacity);
  }

  const PolicyOptions& options_;
  const PolicySnapshot& snapshot_;
  std::vector<Share> shares_;
  std::vector<Share> classes_;
};

}  // namespace

std::vector<std::optional<QueuePlace>> QueuePlaces(const PolicyOptions& options,
                                                   const PolicySnapshot& snapshot) {
  return Planner(options, snapshot).Run();
}

}  // namespace intelligenced

#include "runtime/scheduler/policy.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace intelligenced {
namespace {

constexpr double kFirst = -std::numeric_limits<double>::infinity();

double Weight(const PolicyClient& client) { return client.weight > 0 ? client.weight : 1; }

// The jobs of one client in one class on one model that may be stepped now, oldest first.
struct Group {
  int client = 0;
  int model = 0;
  int own_class = 0;
  // Of the job at the head: raised by ageing.
  int effective_class = 0;
  bool overdue = false;
  int head = -1;
  int tail = -1;
};

class Decider {
 public:
  Decider(const PolicyOptions& options, const PolicySnapshot& snapshot)
      : options_(options), snapshot_(snapshot), model_taken_(snapshot.models.size()) {
    for (const PolicyLane& lane : snapshot.lanes) {
      decision_.lane_virtual_time.push_back(lane.virtual_time);
      taken_.push_back(0);
    }
    for (size_t m = 0; m < snapshot.models.size(); ++m) model_taken_[m] = snapshot.models[m].busy;
  }

  PolicyDecision Run() {
    Collect();
    const size_t slots = snapshot_.clients.size() * snapshot_.lanes.size();
    keys_.assign(slots * kRequestClassCount, std::numeric_limits<double>::quiet_NaN());
    for (size_t lane = 0; lane < snapshot_.lanes.size(); ++lane) FillLane(static_cast<int>(lane));
    for (PolicyStep& step : decision_.steps) {
      const int lane = snapshot_.models[step.model].lane;
      const bool contended = waiting_[lane] > 0;
      step.budget = contended ? options_.contended_quantum : options_.idle_quantum;
      const absl::Duration quiet = snapshot_.now - snapshot_.lanes[lane].last_yield;
      step.unit = contended || quiet < options_.yield_memory ? options_.unit : options_.idle_unit;
    }
    return std::move(decision_);
  }

 private:
  // Sorts the jobs into groups; finds what has expired and when to wake.
  void Collect() {
    const PolicySnapshot& s = snapshot_;
    waiting_.assign(s.lanes.size(), 0);
    next_.assign(s.jobs.size(), -1);
    group_of_.assign(s.clients.size() * s.models.size() * kRequestClassCount, -1);
    for (const bool stalled : {false, true}) {
      for (size_t j = 0; j < s.jobs.size(); ++j) {
        const PolicyJob& job = s.jobs[j];
        if (job.stalled != stalled || job.ending) continue;
        if (job.deadline <= s.now) {
          decision_.expired.push_back(static_cast<int>(j));
          continue;
        }
        decision_.wake = std::min(decision_.wake, job.deadline);
        if (job.model < 0 || job.paused || job.stepping) continue;
        if (job.not_before > s.now) {
          decision_.wake = std::min(decision_.wake, job.not_before);
          continue;
        }
        ++waiting_[s.models[job.model].lane];
        if (!s.models[job.model].busy) Append(static_cast<int>(j));
      }
    }
    std::sort(decision_.expired.begin(), decision_.expired.end());
    for (Group& group : groups_) Raise(group);
  }

  void Append(int j) {
    const PolicyJob& job = snapshot_.jobs[j];
    const size_t slot = (job.client * snapshot_.models.size() + job.model) * kRequestClassCount +
                        ClassIndex(job.request_class);
    int& index = group_of_[slot];
    if (index < 0) {
      index = static_cast<int>(groups_.size());
      Group& group = groups_.emplace_back();
      group.client = job.client;
      group.model = job.model;
      group.own_class = ClassIndex(job.request_class);
      group.head = group.tail = j;
      return;
    }
    Group& group = groups_[index];
    next_[group.tail] = j;
    group.tail = j;
  }

  void Raise(Group& group) const {
    const absl::Duration wait = snapshot_.now - snapshot_.jobs[group.head].waiting_since;
    const int levels =
        options_.ageing > absl::ZeroDuration()
            ? static_cast<int>(std::clamp<double>(absl::FDivDuration(wait, options_.ageing), 0,
                                                  kRequestClassCount + 1))
            : 0;
    group.effective_class = std::max(0, group.own_class - levels);
    group.overdue = levels > group.own_class;
  }

  double& Key(int client, int lane, int class_index) {
    double& key =
        keys_[(client * snapshot_.lanes.size() + lane) * kRequestClassCount + class_index];
    if (key != key) {  // not a number: not asked for yet
      key = FairKey(snapshot_.lanes[lane], snapshot_.clients[client], lane, class_index);
    }
    return key;
  }

  // Less is sooner.
  auto Order(const Group& group, int lane) {
    return std::tuple(group.effective_class,
                      group.overdue ? kFirst : Key(group.client, lane, group.effective_class),
                      group.own_class, snapshot_.jobs[group.head].waiting_since, group.head);
  }

  void Pop(Group& group) {
    group.head = next_[group.head];
    // Only the oldest of them is ever raised.
    group.effective_class = group.own_class;
    group.overdue = false;
  }

  void FillLane(int lane) {
    std::vector<Group*> groups;
    for (Group& group : groups_) {
      if (snapshot_.models[group.model].lane == lane) groups.push_back(&group);
    }
    bool started_here = false;
    while (true) {
      Group* best = nullptr;
      for (Group* group : groups) {
        if (group->head < 0 || model_taken_[group->model]) continue;
        if (best == nullptr || Order(*group, lane) < Order(*best, lane)) best = group;
      }
      if (best == nullptr) return;
      const int capacity = snapshot_.lanes[lane].capacity;
      const int width = std::clamp(snapshot_.models[best->model].width, 1, capacity);
      // What was taken just now is as urgent or more: the most urgent come first.
      const int free = capacity - taken_[lane] - WidthAbove(lane, best->effective_class + 1);
      // Whoever comes after it has no more room.
      if (free <= 0) return;
      if (width > free) {
        // Beside a step that starts just now another narrow one costs the wide one next to
        // nothing; beside older ones the room that becomes free is kept for it.
        if (!started_here && capacity - WidthAbove(lane, best->effective_class) >= width) {
          return;
        }
        model_taken_[best->model] = true;
        continue;
      }
      StartStep(lane, width, *best, groups);
      started_here = true;
    }
  }

  // What running steps of classes more urgent than this one take.
  int WidthAbove(int lane, int class_index) const {
    int width = 0;
    for (const PolicyModel& model : snapshot_.models) {
      if (model.lane == lane && model.busy && model.step_class < class_index) {
        width += model.step_width;
      }
    }
    return width;
  }

  void StartStep(int lane, int width, Group& first, const std::vector<Group*>& groups) {
    const PolicyModel& model = snapshot_.models[first.model];
    PolicyStep step;
    step.model = first.model;
    step.step_class = first.effective_class;
    step.width = width;
    model_taken_[step.model] = true;
    taken_[lane] += width;

    std::vector<Group*> mates;
    int ready = 0;
    double least = std::numeric_limits<double>::infinity();
    for (Group* group : groups) {
      if (group->head < 0 || group->effective_class != step.step_class) continue;
      least = std::min(least, Key(group->client, lane, step.step_class));
      if (group->model != step.model) continue;
      mates.push_back(group);
      for (int j = group->head; j >= 0 && ready < model.max_batch; j = next_[j]) ++ready;
    }
    double& lane_time = decision_.lane_virtual_time[lane][step.step_class];
    lane_time = std::max(lane_time, least);

    const bool alone = snapshot_.jobs[first.head].alone;
    const int limit = alone ? 1 : std::max(1, model.max_batch);
    const double place =
        absl::ToDoubleSeconds(std::max(model.expected_step, absl::Microseconds(1))) /
        std::max(1, std::min(limit, ready));
    Group* group = &first;
    while (group != nullptr) {
      step.jobs.push_back(group->head);
      --waiting_[lane];
      Key(group->client, lane, step.step_class) += place / Weight(snapshot_.clients[group->client]);
      Pop(*group);
      if (static_cast<int>(step.jobs.size()) >= limit) break;
      group = nullptr;
      for (Group* mate : mates) {
        while (mate->head >= 0 && snapshot_.jobs[mate->head].alone) Pop(*mate);
        if (mate->head < 0 || mate->effective_class != step.step_class) continue;
        if (group == nullptr || Order(*mate, lane) < Order(*group, lane)) group = mate;
      }
    }
    decision_.steps.push_back(std::move(step));
  }

  const PolicyOptions& options_;
  const PolicySnapshot& snapshot_;
  PolicyDecision decision_;
  std::vector<Group> groups_;
  std::vector<int> group_of_;
  std::vector<int> next_;
  // By lane: jobs that could be stepped and are not, and what new steps take.
  std::vector<int> waiting_;
  std::vector<int> taken_;
  std::vector<bool> model_taken_;
  // Fair keys as they are with the places taken so far.
  std::vector<double> keys_;
};

}  // namespace

double PolicyWeight(const SchedulerClient& client) {
  return client.weight > 0 ? std::clamp(client.weight, 0.001, 1000.0) : 1;
}

bool ShouldYield(const PolicyOptions& options, int step_class, absl::Duration step_unit,
                 RequestClass request_class) {
  const int newcomer = ClassIndex(request_class);
  return newcomer < step_class || (newcomer == step_class && step_unit > options.unit);
}

double FairKey(const PolicyLane& lane, const PolicyClient& client, int lane_index,
               int class_index) {
  const double own = lane_index < static_cast<int>(client.virtual_time.size())
                         ? client.virtual_time[lane_index][class_index]
                         : 0;
  return std::max(own, lane.virtual_time[class_index]);
}

PolicyDecision Decide(const PolicyOptions& options, const PolicySnapshot& snapshot) {
  return Decider(options, snapshot).Run();
}

int ChooseParkVictim(const PolicySnapshot& snapshot, const std::vector<int>& stalled,
                     const std::vector<bool>& parked) {
  if (stalled.empty()) return -1;
  const PolicyJob& first = snapshot.jobs[stalled.front()];
  int victim = -1;
  bool all_stuck = true;
  int youngest = -1;
  // How little it hurts to move a job out: paused, then the lowest class, then the youngest.
  const auto worth = [&](int j) {
    const PolicyJob& job = snapshot.jobs[j];
    return std::tuple(job.paused, ClassIndex(job.request_class), j);
  };
  for (int j = 0; j < static_cast<int>(snapshot.jobs.size()); ++j) {
    const PolicyJob& job = snapshot.jobs[j];
    if (job.model != first.model || !job.started || job.ending || parked[j]) continue;
    if (std::find(stalled.begin(), stalled.end(), j) != stalled.end() || job.stalled) {
      if (j != stalled.front()) youngest = std::max(youngest, j);
      continue;
    }
    if (job.paused || job.request_class > first.request_class) {
      if (victim < 0 || worth(j) > worth(victim)) victim = j;
    } else {
      all_stuck = false;
    }
  }
  if (victim >= 0) return victim;
  return all_stuck ? youngest : -1;
}

}  // namespace intelligenced

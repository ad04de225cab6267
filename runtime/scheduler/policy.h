// The scheduler's policy: a snapshot of the queue in, a decision out. Pure: no threads, no clock,
// no memory of its own. scheduler.cc carries the decisions out.
//
// Who goes first, on each lane by itself:
//
// 1. Class. INTERACTIVE before UTILITY before BACKGROUND.
// 2. Ageing. The oldest waiting job of a client in one class on one model is raised by one class
//    for every `ageing` in which none of these jobs was stepped; beyond INTERACTIVE it is overdue
//    and goes before everything. Ageing belongs to the client, not to the job: a thousand waiting
//    jobs of one client raise one of them, and one step resets it, so a flood cannot age itself
//    past a person who waits. Everything that can be stepped is stepped at least every
//    (classes x ageing) or so.
// 3. Fair shares. Inside a class the client with the least virtual time (device time / weight)
//    on this lane and class. A lane's own virtual time follows the client last chosen, and nobody
//    counts as being behind it: who was idle starts level with the others, without credit.
// 4. The same client: its models in turn, and on one model in order of submission, so that what
//    was started is finished before more is started.
//
// Batches. A step takes one model's jobs of one effective class, filled one by one in the order
// above (each place taken counts against the client at once, so free places are shared by weight
// too). Jobs of a lower class stay out of the batch of a higher one although there may be room: on
// a processor every row of a batch makes the whole step slower (eight rows cost about five times
// one), which the person who waits would pay. Raised jobs are let in.
//
// Lanes. A step takes min(width, capacity) of its lane; several models run side by side when they
// fit. Steps of lower classes take nothing from a higher one: a person's request starts at once
// beside them, and the system shares the device for the rest of their quantum, after which they are
// not started again. When the first in order does not fit because of steps of its own class,
// nothing else is started on the lane until they have ended: a wide model does not starve behind
// narrow ones. Against steps of a higher class it would wait in vain, and reserves nothing.
//
// Budget. contended_quantum when any other job could be stepped on the lane now, of whatever
// class; idle_quantum otherwise, also for a single INTERACTIVE job: it is the only one its longer
// step can delay, and a newcomer waits for at most that one step.
//
// Units. A step that no other job waits for may have units of work of idle_unit, which engines use
// where large units are faster. Whoever becomes ready meanwhile and is as urgent makes it yield,
// and whoever is more urgent any step, whose budget may have begun only now (ShouldYield). For
// yield_memory after long units were given up they are short again, so that a stream of short
// requests does not make a long one give up its work over and over.
#ifndef INTELLIGENCED_RUNTIME_SCHEDULER_POLICY_H_
#define INTELLIGENCED_RUNTIME_SCHEDULER_POLICY_H_

#include <array>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "runtime/engine/engine.h"
#include "runtime/scheduler/job.h"

namespace intelligenced {

struct PolicyOptions {
  absl::Duration contended_quantum = absl::Milliseconds(20);
  absl::Duration idle_quantum = absl::Milliseconds(40);
  absl::Duration ageing = absl::Seconds(10);
  absl::Duration unit = StepOptions::kUnit;
  absl::Duration idle_unit = absl::Seconds(2);
  absl::Duration yield_memory = absl::Seconds(1);
};

// By class, most urgent first. Virtual times are in seconds of device time at weight 1.
using ClassTimes = std::array<double, kRequestClassCount>;

constexpr int ClassIndex(RequestClass request_class) { return static_cast<int>(request_class) - 1; }

// A client's weight as the policy takes it: within 0.001 and 1,000; 1 for what is no weight.
double PolicyWeight(const SchedulerClient& client);

struct PolicyLane {
  int capacity = 1;
  int in_use = 0;
  ClassTimes virtual_time = {};
  // When a step on it was last asked to yield.
  absl::Time last_yield = absl::InfinitePast();
};

struct PolicyModel {
  int lane = 0;
  int width = 1;
  int max_batch = 1;
  // A step (or other work) is in progress: nothing may be started on it.
  bool busy = false;
  // While busy with a step: the class index of that step and what it takes of the lane.
  int step_class = 0;
  int step_width = 0;
  // Device time that a step may be expected to take.
  absl::Duration expected_step = absl::Milliseconds(20);
};

struct PolicyClient {
  double weight = 1;
  // One for each lane; lanes beyond the end count as zeros.
  std::vector<ClassTimes> virtual_time;
};

// Indices point into the snapshot's vectors.
struct PolicyJob {
  int client = 0;
  // -1: not bound to a model yet.
  int model = -1;
  RequestClass request_class = RequestClass::kInteractive;
  // Since when neither this job nor another one of its client, class and model was stepped: at
  // first its submission.
  absl::Time waiting_since;
  absl::Time deadline = absl::InfiniteFuture();
  // Not to be stepped before this (it could not advance when last tried).
  absl::Time not_before = absl::InfinitePast();
  // Device time left until it ends, as estimated. For expected waits only.
  std::optional<absl::Duration> remaining;
  bool started = false;
  bool paused = false;
  // Part of a step in progress.
  bool stepping = false;
  // Its end is decided already: ignored, deadline included.
  bool ending = false;
  // Did not advance in its last step: after its client's other jobs.
  bool stalled = false;
  // To be stepped without company (it may be what killed its last model).
  bool alone = false;
};

struct PolicySnapshot {
  absl::Time now;
  std::vector<PolicyLane> lanes;
  std::vector<PolicyModel> models;
  std::vector<PolicyClient> clients;
  // In order of submission.
  std::vector<PolicyJob> jobs;
};

struct PolicyStep {
  int model = 0;
  std::vector<int> jobs;
  // The effective class: what the jobs are charged in.
  int step_class = 0;
  int width = 1;
  absl::Duration budget;
  absl::Duration unit;
};

struct PolicyDecision {
  std::vector<PolicyStep> steps;
  // Past their deadline; may be stepping.
  std::vector<int> expired;
  // When to decide again although nothing else happened.
  absl::Time wake = absl::InfiniteFuture();
  // PolicyLane::virtual_time from now on.
  std::vector<ClassTimes> lane_virtual_time;
};

PolicyDecision Decide(const PolicyOptions& options, const PolicySnapshot& snapshot);

// Whether a step of the effective class `step_class` with units of `step_unit` should end soon for
// a job of `request_class` that has become ready on its lane.
bool ShouldYield(const PolicyOptions& options, int step_class, absl::Duration step_unit,
                 RequestClass request_class);

// A client's place in the fair order of a lane and class: its virtual time, but not behind the
// lane's own. To charge device time t to a client, set its virtual time to FairKey() + t / weight.
double FairKey(const PolicyLane& lane, const PolicyClient& client, int lane_index, int class_index);

// Places of the jobs that are bound and not started, in the order of snapshot.jobs; nothing for
// the others. Positions are counted on the job's lane by class (without ageing), then by fair
// shares over what each client has waiting. The wait expected is the time to clear everything of
// higher classes and the client's own earlier jobs at its fair share of the lane; nothing while
// the length of one of those jobs is unknown.
std::vector<std::optional<QueuePlace>> QueuePlaces(const PolicyOptions& options,
                                                   const PolicySnapshot& snapshot);

// Whose state to move out of a model's memory when `stalled` (all jobs of one step on it, in order
// of urgency) could not advance: a started job that is paused or of a lower class than the first
// of them; or, when every started job of the model is stuck, the youngest of these. Returns an
// index into snapshot.jobs, -1 for none. `parked` tells which jobs have been moved out already.
int ChooseParkVictim(const PolicySnapshot& snapshot, const std::vector<int>& stalled,
                     const std::vector<bool>& parked);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_SCHEDULER_POLICY_H_

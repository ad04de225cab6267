// What the next batch holds: which jobs have room in the pool, who moves out for whom, and how many
// tokens of each job are computed. Pure functions of what they are given.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_STEP_PLANNER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_STEP_PLANNER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace intelligenced {

// A job as the planner sees it.
struct PlanJob {
  // Smaller is older. Unique.
  uint64_t age = 0;
  // The step at hand is to advance it; else it only holds room.
  bool in_step = false;
  // Its state is in the pool; else it is new or parked.
  bool resident = false;
  // Tokens whose state exists, in the pool or parked, without those of its base.
  int cells = 0;
  // What it begins with and shares with other jobs, by a number of the caller's; -1: nothing. It
  // takes its room once, however many of these jobs are in the pool.
  int base = -1;
  int base_cells = 0;
  // Tokens to compute before the next one can be chosen. At least 1 for a job of the step.
  int pending = 0;
};

struct PlanLimits {
  // Tokens that the pool holds. At least what one job may ever need.
  int pool_cells = 0;
  // Jobs that may be resident together. At least the number of jobs in a step.
  int slots = 0;
  // Tokens that the batch should have at most. Jobs that only need their next token are not held
  // back by it.
  int rows = 0;
  // Tokens that the batch can have at most.
  int max_rows = 0;
};

struct Plan {
  // Parallel to the jobs given. 0: the job does not advance now.
  std::vector<int> rows;
  // Indices of resident jobs to be moved out of the pool first, idle ones before others.
  std::vector<int> park;
  // Indices of jobs to be moved in then.
  std::vector<int> admit;
  // Cells that the jobs in the pool need, bases included, until each of them can choose a token.
  int used = 0;
};

// Room a job must find beyond its own need before it moves in beside older ones, so that it does
// not have to move out again after a few tokens.
inline constexpr int kAdmissionSlack = 64;

// Older jobs come first: a younger one never takes room from an older one of the step, and the
// oldest job of the step always advances. From that follows that every job ends.
Plan PlanBatch(absl::Span<const PlanJob> jobs, const PlanLimits& limits);

// Learns how many tokens fit into one batch of a target duration. From a tile on, batches are whole
// tiles: the kernels of repacked weights compute 12 rows in about the time of 16.
class BatchSizer {
 public:
  // `row_time`: what a row may be expected to take, until it is measured. Unknown: small batches at
  // first, doubled from one to the next.
  BatchSizer(absl::Duration target, int min_rows, int max_rows,
             absl::Duration row_time = absl::InfiniteDuration());

  static constexpr int kTile = 16;

  // Tokens that the next batch should have at most, for the target and for another duration.
  int rows() const { return RowsIn(target_); }
  int RowsIn(absl::Duration duration) const;

  // How long a batch of this size takes, as far as is known.
  absl::Duration Expected(int rows) const { return target_ * (rows / fitting_); }

  // What a batch took. Very small batches say little about large ones and are not counted.
  void Record(int rows, absl::Duration duration);

 private:
  const absl::Duration target_;
  const int min_rows_;
  const int max_rows_;
  // What would fit into the target; up to a few times max_rows_, so that Expected() holds there
  // too.
  double fitting_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_STEP_PLANNER_H_

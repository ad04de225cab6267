#include "runtime/engines/llama/step_planner.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/algorithm/container.h"

namespace intelligenced {
namespace {

constexpr double kMostFitting = 4;

// Shares `budget` rows, at least one for each, among the jobs that still have a prompt to compute.
// One after the other, the one with least to do first, which brings first tokens soonest on the
// whole. A quarter belongs to the oldest, so that it ends however many short ones come.
void ShareRows(absl::Span<const PlanJob> jobs, const std::vector<int>& prefilling, int budget,
               std::vector<int>& rows) {
  std::vector<int> order = prefilling;
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return std::pair(jobs[a].pending, jobs[a].age) < std::pair(jobs[b].pending, jobs[b].age);
  });
  const auto give = [&](int index, int most) {
    const int more = std::min({jobs[index].pending - rows[index], most, budget});
    rows[index] += more;
    budget -= more;
  };
  const int oldest =
      *absl::c_min_element(order, [&](int a, int b) { return jobs[a].age < jobs[b].age; });
  const int quarter = budget / 4;
  for (int index : order) give(index, 1);
  give(oldest, quarter);
  for (int index : order) give(index, budget);
}

}  // namespace

Plan PlanBatch(absl::Span<const PlanJob> jobs, const PlanLimits& limits) {
  Plan plan;
  plan.rows.assign(jobs.size(), 0);

  std::vector<int> by_age(jobs.size());
  std::iota(by_age.begin(), by_age.end(), 0);
  std::sort(by_age.begin(), by_age.end(), [&](int a, int b) { return jobs[a].age < jobs[b].age; });

  // Who runs, oldest first. A job counts with all that it needs for its next token, so that a
  // prompt that has begun can also be finished.
  std::vector<int> running;
  std::vector<int> pushed_out;
  std::vector<int> bases;
  int used = 0;
  const auto room_for = [&](const PlanJob& job) {
    const bool shared = job.base < 0 || absl::c_linear_search(bases, job.base);
    return job.cells + (shared ? 0 : job.base_cells);
  };
  const auto take = [&](const PlanJob& job, int cells) {
    used += cells;
    if (job.base >= 0) bases.push_back(job.base);
  };
  for (int index : by_age) {
    const PlanJob& job = jobs[index];
    if (!job.in_step) continue;
    const int need = room_for(job) + job.pending;
    const int slack = job.resident || running.empty() ? 0 : kAdmissionSlack;
    const bool fits =
        used + need + slack <= limits.pool_cells && static_cast<int>(running.size()) < limits.slots;
    if (running.empty() || fits) {
      take(job, need);
      running.push_back(index);
      if (!job.resident) plan.admit.push_back(index);
    } else if (job.resident) {
      pushed_out.push_back(index);
    }
  }

  // Jobs outside the step stay in the pool as long as there is room, the oldest longest.
  int slots = static_cast<int>(running.size());
  for (int index : by_age) {
    const PlanJob& job = jobs[index];
    if (job.in_step || !job.resident) continue;
    if (used + room_for(job) <= limits.pool_cells && slots < limits.slots) {
      take(job, room_for(job));
      ++slots;
    } else {
      plan.park.push_back(index);
    }
  }
  plan.used = used;
  plan.park.insert(plan.park.end(), pushed_out.begin(), pushed_out.end());

  std::vector<int> prefilling;
  int budget = std::min(limits.rows, limits.max_rows);
  int room = limits.max_rows;
  for (int index : running) {
    if (jobs[index].pending > 1) {
      prefilling.push_back(index);
    } else if (room > 0) {
      plan.rows[index] = 1;
      --budget;
      --room;
    }
  }
  if (!prefilling.empty()) {
    // Prompts go on, slowly, however many jobs are generating.
    budget = std::min(room, std::max(budget, static_cast<int>(prefilling.size())));
    ShareRows(jobs, prefilling, budget, plan.rows);
  }
  return plan;
}

BatchSizer::BatchSizer(absl::Duration target, int min_rows, int max_rows, absl::Duration row_time)
    : target_(target),
      min_rows_(min_rows),
      max_rows_(max_rows),
      fitting_(std::clamp<double>(absl::FDivDuration(target, row_time), min_rows,
                                  kMostFitting * max_rows)) {}

int BatchSizer::RowsIn(absl::Duration duration) const {
  const double fitting = fitting_ * absl::FDivDuration(duration, target_);
  const int rows = static_cast<int>(std::clamp<double>(fitting, min_rows_, max_rows_));
  const int tiles = (rows + kTile / 4) / kTile;
  return tiles == 0 ? rows : std::min(tiles * kTile, max_rows_);
}

void BatchSizer::Record(int rows, absl::Duration duration) {
  if (rows < min_rows_ || duration <= absl::ZeroDuration()) return;
  const double fitting = rows * absl::FDivDuration(target_, duration);
  // At most double or halve at once: one batch may have been disturbed by other processes.
  const double next = std::clamp(0.5 * (fitting_ + fitting), 0.5 * fitting_, 2.0 * fitting_);
  fitting_ = std::clamp<double>(next, min_rows_, kMostFitting * max_rows_);
}

}  // namespace intelligenced

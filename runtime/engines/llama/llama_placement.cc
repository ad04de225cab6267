// LlamaModel: who is in the pool, and in the next batch.
#include <algorithm>
#include <vector>

#include "absl/algorithm/container.h"
#include "runtime/engines/llama/llama_model.h"

namespace intelligenced {
namespace {

// Kept beginnings that nobody uses may lie in the pool up to this many cells: every row of a batch
// looks at every cell, and they come back from host memory in about a millisecond.
constexpr int kMostIdleCells = 1024;

// What a job will share with others once it has begun with its choice.
const Sequence* BaseOf(const LlamaJob& job) {
  const Reuse& reuse = job.reuse;
  if (reuse.live != nullptr) {
    return reuse.tokens >= reuse.live->base_cells ? reuse.live->base.get() : nullptr;
  }
  const Sequence& state = *reuse.state;
  if (state.base != nullptr) return reuse.tokens >= state.base_cells ? state.base.get() : nullptr;
  // A client's own entry is out of the pool, and is not shared but copied.
  return reuse.whole ? &state : nullptr;
}

}  // namespace

std::vector<int> LlamaModel::PlaceJobs(absl::Span<LlamaJob* const> jobs, int rows) {
  const auto in_step = [&](const LlamaJob* job) {
    return !job->tokens.empty() && !job->reuse.wait && absl::c_linear_search(jobs, job);
  };
  TokenPool& pool = *loaded_.pool;
  for (LlamaJob* job : jobs) ChooseReuse(*job, jobs);
  std::vector<LlamaJob*> known;
  for (LlamaJob* job : jobs_) {
    if (!job->done && (job->sequence.resident() || in_step(job))) known.push_back(job);
  }
  Plan plan;
  std::vector<const Sequence*> bases;
  // A second time after compaction, which leaves no garbage.
  for (int round = 0; round < 2; ++round) {
    bases.clear();
    std::vector<PlanJob> views;
    for (const LlamaJob* job : known) {
      PlanJob& view = views.emplace_back();
      view.age = job->age;
      view.in_step = in_step(job);
      view.resident = job->sequence.resident();
      const Sequence* base = job->sequence.base.get();
      int cells = job->sequence.cells;
      if (cells == 0 && job->reuse.tokens > 0) {
        cells = job->reuse.tokens;
        base = BaseOf(*job);
      }
      view.pending = static_cast<int>(job->tokens.size()) - cells;
      view.base_cells = base == nullptr ? 0 : base->cells;
      view.cells = cells - view.base_cells;
      if (base == nullptr) continue;
      const auto known_base = absl::c_find(bases, base);
      view.base = static_cast<int>(known_base - bases.begin());
      if (known_base == bases.end()) bases.push_back(base);
    }
    plan = PlanBatch(views, {.pool_cells = pool.cells(),
                             .slots = pool.slots(),
                             .rows = std::min(rows, row_limit_),
                             .max_rows = row_limit_});
    int added = 0;
    for (int rows : plan.rows) added += rows;
    for (int index : plan.admit) added += views[index].cells;
    for (const Sequence* base : bases) added += base->resident() ? 0 : base->cells;
    for (int index : plan.park) pool.Park(known[index]->sequence);
    // Kept beginnings leave before anybody has to wait for room.
    cache_.Shrink(std::min(pool.cells() - plan.used, kMostIdleCells),
                  [&](const Sequence* state) { return absl::c_linear_search(bases, state); });
    if (round == 1 || !pool.WantsCompaction(added)) break;
    pool.Compact();
  }
  for (int index : plan.admit) {
    LlamaJob& job = *known[index];
    const int cells = job.sequence.cells;
    bool whole = true;
    if (cells == 0 && job.reuse.tokens > 0) {
      whole = TakeOver(job);
    } else {
      pool.Admit(job.sequence);
      whole = job.sequence.cells == cells;
    }
    // Its state was lost and is computed again, beginning with the next batch.
    if (!whole) plan.rows[index] = 0;
  }
  for (LlamaJob* job : jobs) job->reuse = {};
  std::vector<int> placed(jobs.size());
  for (size_t index = 0; index < jobs.size(); ++index) {
    const auto found = std::find(known.begin(), known.end(), jobs[index]);
    if (found != known.end()) placed[index] = plan.rows[found - known.begin()];
  }
  return placed;
}

void LlamaModel::MakeRoom() {
  // Where the library keeps memory of its own shape (sliding windows), its room cannot be counted
  // from outside: everybody moves out, and smaller batches are tried.
  loaded_.pool->ParkAll();
  row_limit_ = std::max(1, row_limit_ / 2);
}

}  // namespace intelligenced

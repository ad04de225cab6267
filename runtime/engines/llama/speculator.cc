#include "runtime/engines/llama/speculator.h"

#include <algorithm>
#include <cstddef>

namespace intelligenced {
namespace {

// Of one row's cost: what a further row is taken to cost until it was measured.
constexpr double kHopedRowCost = 0.15;
// How far one measurement moves what is known; twice what is known is the most that is believed
// of one, since any batch may have been disturbed by other processes.
constexpr double kLearning = 0.2;
constexpr double kMostBelieved = 2;
// Guesses after which an old one counts by a third: a sentence or two.
constexpr double kMemory = 1 - 1.0 / 40;
// What is assumed of a kind, and for how many guesses that counts.
constexpr std::array<double, kDraftKinds> kAssumedOdds = {0, 0.95, 0.8, 0.5};
constexpr double kAssumptions = 6;

}  // namespace

size_t BatchCosts::BucketOf(int rows) {
  const auto found = std::lower_bound(kSizes.begin(), kSizes.end(), rows);
  return found == kSizes.end() ? kSizes.size() - 1 : found - kSizes.begin();
}

bool BatchCosts::Known(size_t bucket) const {
  return measured_[bucket].at > 0 && records_ - measured_[bucket].at <= kLifetime;
}

void BatchCosts::Record(int rows, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (rows < 1 || rows > kSizes.back() || seconds <= 0) return;
  Measured& measured = measured_[BucketOf(rows)];
  const bool known = Known(BucketOf(rows));
  measured.at = ++records_;
  if (!known) {
    measured.seconds = seconds;
    return;
  }
  const double believed = std::min(seconds, kMostBelieved * measured.seconds);
  measured.seconds += kLearning * (believed - measured.seconds);
}

std::optional<absl::Duration> BatchCosts::Of(int rows) const {
  const size_t bucket = BucketOf(rows);
  std::optional<size_t> below, above;
  for (size_t index = 0; index < kSizes.size(); ++index) {
    if (!Known(index)) continue;
    if (index <= bucket) below = index;
    if (index >= bucket && !above) above = index;
  }
  if (!below) return std::nullopt;
  const auto seconds = [&](size_t index) { return measured_[index].seconds; };
  const double size = std::max(rows, kSizes[bucket]);
  if (!above) {
    const double row = seconds(*below) / (1 + kHopedRowCost * (kSizes[*below] - 1)) * kHopedRowCost;
    return absl::Seconds(seconds(*below) + row * (size - kSizes[*below]));
  }
  if (*below == *above) return absl::Seconds(seconds(*below));
  const double share = (size - kSizes[*below]) / (kSizes[*above] - kSizes[*below]);
  return absl::Seconds(seconds(*below) + share * (seconds(*above) - seconds(*below)));
}

double Speculator::Odds(DraftKind kind) const {
  const auto index = static_cast<size_t>(kind);
  const Score& score = scores_[index];
  return (score.right + kAssumptions * kAssumedOdds[index]) / (score.tried + kAssumptions);
}

void Speculator::Append(int32_t token) {
  const absl::Span<const int32_t> guess = source_.Propose(1);
  if (!guess.empty()) {
    Score& score = scores_[static_cast<size_t>(source_.KindAt(0))];
    score.right = score.right * kMemory + (guess.front() == token ? 1 : 0);
    score.tried = score.tried * kMemory + 1;
  }
  source_.Append(token);
}

absl::Span<const int32_t> Speculator::Draft(const BatchCosts& costs,
                                            const DraftLimits& limits) const {
  const absl::Span<const int32_t> draft = source_.Propose(std::min(limits.most, kMaxDraft));
  if (limits.eager) return draft;
  const int rows = 1 + limits.others;
  const std::optional<absl::Duration> without = costs.Of(rows);
  if (draft.empty() || !without) return {};

  double best_rate = kGain * rows / absl::ToDoubleSeconds(*without);
  size_t best = 0;
  double right = 1;
  double expected = rows;
  for (size_t length = 1; length <= draft.size(); ++length) {
    right *= Odds(source_.KindAt(static_cast<int>(length) - 1));
    expected += right;
    const absl::Duration cost = *costs.Of(rows + static_cast<int>(length));
    if (cost > limits.longest && cost > *without) break;
    const double rate = expected / absl::ToDoubleSeconds(cost);
    if (rate > best_rate) {
      best_rate = rate;
      best = length;
    }
  }
  return draft.first(best);
}

}  // namespace intelligenced

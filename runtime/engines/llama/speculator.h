// How many guessed tokens are worth computing at once. Pure: what is measured is handed in.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_SPECULATOR_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_SPECULATOR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "runtime/engines/llama/draft_source.h"

namespace intelligenced {

// The longest draft. With the token before it, it fills one tile of the widest matrix kernels: a
// longer one costs as much a token, and more when it breaks.
inline constexpr int kMaxDraft = 15;

// Guesses of all requests of one batch.
inline constexpr int kMaxDraftRows = 24;

// What a batch takes by its number of rows, learnt from batches in which every row asked for its
// scores. Counts are taken together as kernels take rows together: 1, 2, 4, 8, 12, 16, 24 …
class BatchCosts {
 public:
  void Record(int rows, absl::Duration duration);

  // What a batch of `rows` is expected to take. Between and beyond what was measured it is a line;
  // beyond the largest, further rows are taken to be cheap, so that they are tried. Nothing where
  // no batch of so few rows was measured. A measurement counts until kLifetime others came after
  // it.
  std::optional<absl::Duration> Of(int rows) const;

  static constexpr int kLifetime = 400;

 private:
  static constexpr std::array<int, 10> kSizes = {1, 2, 4, 8, 12, 16, 24, 32, 64, 128};
  struct Measured {
    double seconds = 0;
    int64_t at = 0;
  };

  static size_t BucketOf(int rows);
  bool Known(size_t bucket) const;

  std::array<Measured, kSizes.size()> measured_;
  int64_t records_ = 0;
};

struct DraftLimits {
  // Tokens that the draft may have.
  int most = 0;
  // Other requests with one row each in the same batch; their tokens come later when it grows.
  int others = 0;
  // The batch should not take longer, unless it does without a draft.
  absl::Duration longest = absl::InfiniteDuration();
  // All that can be guessed, whatever it costs.
  bool eager = false;
};

// Drafts of one request. Follows what share of each kind of guess is right, also of those that
// were not computed: so a request that stopped drafting because its output went its own way begins
// again when it copies again, without having paid for trying.
class Speculator {
 public:
  explicit Speculator(DraftSource source) : source_(std::move(source)) {}

  // The next token of the output.
  void Append(int32_t token);

  // The tokens to be verified in the next batch; empty: none. Valid until Append().
  //
  // Of the lengths allowed, the one that gives most tokens a second is chosen: with `others`
  // requests beside it, a batch brings `others` tokens and, of this request, one more than the
  // guesses that are right up to the first wrong one. It must bring kGain as many as a batch
  // without a draft, else there is none. The first draft follows the first token of the output.
  absl::Span<const int32_t> Draft(const BatchCosts& costs, const DraftLimits& limits) const;

  // The share of guesses of this kind that is right, as far as is known.
  double Odds(DraftKind kind) const;

  static constexpr double kGain = 1.05;

 private:
  // Counted with the past fading out.
  struct Score {
    double right = 0;
    double tried = 0;
  };

  DraftSource source_;
  std::array<Score, kDraftKinds> scores_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_SPECULATOR_H_

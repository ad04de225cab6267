// Chooses the next token from a model's scores, by the options of one request.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/token_constraint.h"

namespace intelligenced {

struct SamplingOptions {
  float temperature = 0.8f;
  float top_p = 0.95f;
  uint32_t top_k = 40;
  float min_p = 0.05f;
};

// What the file recommends (general.sampling.*), else the defaults above. Values that a request
// could not have are passed over.
SamplingOptions SamplingDefaults(const llama_model* model);

// FIELD_INVALID for values out of bounds.
absl::Status CheckSampling(const intelligence::engine::v1::Sampling& sampling);

// The natural logarithm of the probability that the scores give `token`; at most 0. Scores that are
// not finite count as impossible.
float LogProbability(absl::Span<const float> scores, llama_token token);

// Not thread-safe; one for each job.
class TokenSampler {
 public:
  // `sampling` has passed CheckSampling(). `constraint` may be null: any token is allowed.
  TokenSampler(const llama_vocab* vocab, const SamplingOptions& defaults,
               const intelligence::engine::v1::Sampling& sampling,
               std::unique_ptr<TokenConstraint> constraint = nullptr);

  // `scores` has one entry for each token of the vocabulary and is overwritten. Equal scores go to
  // the lower token. With a constraint the best, or one drawn by the options, of the tokens that it
  // allows; the chosen one is accepted there. ENGINE_FAILURE when the scores are not numbers, or
  // when the vocabulary has no token that is allowed.
  absl::StatusOr<llama_token> Choose(absl::Span<float> scores);

 private:
  // One of `candidates_`, which are not empty; LLAMA_TOKEN_NULL when none could be drawn.
  llama_token Draw();
  void TakeCandidates(absl::Span<const float> scores);
  // Only the allowed ones: as many as a choice needs, or all.
  void TakeAllowed(absl::Span<const float> scores);

  const llama_vocab* vocab_;
  // Null: greedy.
  LlamaSamplerPtr chain_;
  std::vector<llama_token_data> candidates_;
  std::unique_ptr<TokenConstraint> constraint_;
  // How many of the best candidates decide; 0: all of them.
  size_t needed_ = 1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_

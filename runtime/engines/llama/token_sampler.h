// Chooses the next token from a model's scores, by the options of one request.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/engines/llama/llama_library.h"

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

// Not thread-safe; one for each job.
class TokenSampler {
 public:
  // `sampling` has passed CheckSampling().
  TokenSampler(const llama_vocab* vocab, const SamplingOptions& defaults,
               const intelligence::engine::v1::Sampling& sampling);

  // `scores` has one entry for each token of the vocabulary and is overwritten. Equal scores go to
  // the lower token. ENGINE_FAILURE when the scores are not numbers.
  absl::StatusOr<llama_token> Choose(absl::Span<float> scores);

 private:
  const llama_vocab* vocab_;
  // Null: greedy.
  LlamaSamplerPtr chain_;
  std::vector<llama_token_data> candidates_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_SAMPLER_H_

// One task inside a llama model: its tokens, its place in the pool, its text so far.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_JOB_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/llama/speculator.h"
#include "runtime/engines/llama/text_stream.h"
#include "runtime/engines/llama/token_pool.h"
#include "runtime/engines/llama/token_sampler.h"

namespace intelligenced {

class LlamaModel;
class PicturePrompt;
struct LlamaFunction;

// What a job that has no state yet is to begin with.
struct Reuse {
  // One of them: an entry of the cache, or a job that is in the pool.
  std::shared_ptr<Sequence> state;
  Sequence* live = nullptr;
  int tokens = 0;
  // The state is all that is taken, and is shared by all clients: it becomes the job's base.
  bool whole = false;
  // Somebody in the same step is just computing what it begins with.
  bool wait = false;
};

// Made and driven by LlamaModel only.
class LlamaJob final : public Job {
 public:
  LlamaJob(LlamaModel* model, uint64_t age, CancelToken cancel);
  ~LlamaJob() override;
  absl::Status Park() override;

  // Tokens to compute before the next one can be chosen.
  int pending() const { return static_cast<int>(tokens.size()) - sequence.cells; }

  LlamaModel* const model;
  const uint64_t age;
  const CancelToken cancel;
  bool done = false;

  // A text whose tokens are only to be counted.
  std::optional<std::string> text_to_count;
  std::optional<uint32_t> count;

  // What computes it, for all of its life; null: the model itself.
  const LlamaFunction* function = nullptr;
  // Whose kept states it may begin with: of what all clients share, for its first shared_tokens
  // tokens; of its own client. Empty: nobody's.
  std::string shared_scope;
  std::string own_scope;
  int shared_tokens = 0;
  bool shared_kept = false;
  bool prefill_only = false;
  // Tokens of the input that it did not have to compute.
  uint32_t cached_tokens = 0;
  Reuse reuse;
  // Where the prompt has pictures (llama_pictures.cc). Until they are read there are no tokens.
  std::unique_ptr<PicturePrompt> pictures;
  // Its turn in the step is a picture's, with this many rows.
  int picture_rows = 0;
  // The prompt and what was generated after it; for a picture's tokens negative numbers.
  std::vector<llama_token> tokens;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  uint32_t max_output_tokens = 0;
  // The first token begins the text: the space that such vocabularies put there is not meant.
  bool strip_space = false;
  Sequence sequence;
  std::optional<TokenSampler> sampler;
  std::optional<TextStream> stream;
  // Where it may guess.
  std::optional<Speculator> speculator;
  // What it guesses in the batch at hand, after its pending token.
  std::vector<llama_token> draft;
  bool draft_eagerly = false;
  uint32_t drafted_tokens = 0;
  uint32_t accepted_tokens = 0;
  // Where the task asks for it.
  std::optional<intelligence::engine::v1::TokenLikelihoods> likelihoods;

  // Of the step at hand.
  JobOutput* output = nullptr;
  std::string delta;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_JOB_H_

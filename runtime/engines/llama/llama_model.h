// A loaded language model: continuous batching of all its jobs in one pool of tokens.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_MODEL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/llama/adapters.h"
#include "runtime/engines/llama/chat_template.h"
#include "runtime/engines/llama/llama_job.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/picture_prompt.h"
#include "runtime/engines/llama/prefix_cache.h"
#include "runtime/engines/llama/step_planner.h"
#include "runtime/engines/llama/token_pool.h"
#include "runtime/engines/llama/token_sampler.h"

namespace intelligenced {

// What loading has made, ready to be driven.
struct LoadedLlama {
  LlamaModelPtr model;
  LlamaFunctions functions;
  // Null: the model takes no pictures.
  std::unique_ptr<PictureProjector> projector;
  std::optional<ChatTemplate> chat_template;
  std::unique_ptr<TokenPool> pool;
  int max_rows = 0;
  // What a row of a prompt may be expected to take (BatchSizer).
  absl::Duration row_time = absl::InfiniteDuration();
  // Tokens that the prefix cache keeps at most, and entries that all clients share.
  int cache_tokens = 0;
  int shared_prefixes = 0;
  uint64_t device_bytes = 0;
  engine_proto::ModelInfo info;
};

class LlamaModel final : public Model {
 public:
  // `clock` must outlive the model.
  LlamaModel(LoadedLlama loaded, const Clock* clock);

  const engine_proto::ModelInfo& info() const override { return loaded_.info; }
  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }
  absl::StatusOr<std::unique_ptr<Job>> StartWith(const engine_proto::Task& task,
                                                 const Attachments& attachments,
                                                 CancelToken cancel) override;
  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override;
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override;

  // What is in the pool, and what is kept, for tests.
  const TokenPool& pool() const { return *loaded_.pool; }
  PrefixCache& cache() { return cache_; }

  // For LlamaJob.
  void Forget(LlamaJob& job);
  absl::Status Park(LlamaJob& job);

 private:
  absl::StatusOr<std::vector<llama_token>> PromptTokens(const engine_proto::GenerateTask& task,
                                                        bool* bare) const;
  absl::Status PrepareGenerate(const engine_proto::GenerateTask& task,
                               const Attachments& attachments, LlamaJob& job);
  absl::Status PrepareCount(const engine_proto::CountTokensTask& task,
                            const Attachments& attachments, LlamaJob& job) const;
  absl::StatusOr<std::vector<llama_token>> ConversationTokens(
      const engine_proto::Conversation& conversation) const;
  absl::Status TooLong(uint64_t input_tokens, bool at_least) const;

  void CountTokens(LlamaJob& job) const;
  // One batch for each function among the jobs of the step: an adapter is the context's, so jobs of
  // different functions cannot share one. False: there was nothing to do.
  absl::StatusOr<bool> RunBatches(absl::Span<LlamaJob* const> jobs, const StepOptions& options);
  // Rows that the batches of these jobs should have at most, together.
  int RowsOfBatch(absl::Span<LlamaJob* const> jobs, absl::Duration unit) const;
  // One batch of about `rows` rows at most, for jobs of one function.
  absl::StatusOr<bool> RunBatch(absl::Span<LlamaJob* const> jobs, int rows,
                                const CancelToken& yield);
  // llama_placement.cc: decides who is in the pool and in the batch, and moves states in and out
  // accordingly.
  std::vector<int> PlaceJobs(absl::Span<LlamaJob* const> jobs, int rows);
  // The next token, from the scores of a row. `guess`: what was guessed in its place; may be null.
  void ChooseToken(LlamaJob& job, int row, const llama_token* guess);
  // Speculation (llama_speculation.cc).
  void PrepareDrafts(const engine_proto::GenerateTask& task, LlamaJob& job) const;
  // Sets what each job guesses in the batch at hand, as far as there is room.
  void ChooseDrafts(absl::Span<LlamaJob* const> jobs, absl::Span<const int> placed);
  // Chooses tokens as long as the guesses were right; forgets the others.
  void ChooseTokens(LlamaJob& job, int row);
  // Forgets the state of what was guessed and not said.
  void DropGuesses(LlamaJob& job);
  void AppendToken(LlamaJob& job, llama_token token);
  // Also there: after the library found no room.
  void MakeRoom();
  void Complete(LlamaJob& job, engine_proto::FinishReason reason);
  void Fail(LlamaJob& job, absl::Status status);
  void EndStep(LlamaJob& job);

  // llama_pictures.cc: prompts with pictures.
  absl::Status TakePictures(const engine_proto::Conversation& conversation,
                            const Attachments& attachments, LlamaJob& job) const;
  // Remembers what PrepareReuse() needs, for when the tokens are known.
  absl::Status KeepForReuse(const engine_proto::GenerateTask& task, LlamaJob& job) const;
  void ReadPicture(LlamaJob& job);
  absl::Status BeginWithPictures(LlamaJob& job);
  // Ends each job's rows where a picture begins; the picture's own are computed by RunPictures().
  static void HoldAtPictures(absl::Span<LlamaJob* const> jobs, std::vector<int>& placed);
  static void CutReuse(LlamaJob& job);
  // False: there was nothing to do.
  absl::StatusOr<bool> RunPictures(absl::Span<LlamaJob* const> jobs);
  void EncodePicture(LlamaJob& job, const PicturePrompt::Run& run);
  absl::Status FeedPicture(LlamaJob& job, PicturePrompt::Run& run, int rows);

  // llama_reuse.cc: what jobs take over from each other and from the cache.
  absl::Status PrepareReuse(const engine_proto::GenerateTask& task, LlamaJob& job);
  // Tokens that the first `count` messages make whatever follows them, by rendering them with
  // continuations that have nothing in common.
  absl::StatusOr<std::vector<llama_token>> SharedPrefix(
      const engine_proto::Conversation& conversation, int count);
  void ChooseReuse(LlamaJob& job, absl::Span<LlamaJob* const> jobs);
  // Lets a job that is just admitted, and empty, begin with its choice. False: it is no longer
  // there.
  bool TakeOver(LlamaJob& job);
  // After a batch: what a job has computed of a shared beginning becomes everybody's.
  void ShareBeginning(LlamaJob& job);
  // Keeps what a job leaves for its client, or forgets it.
  void Retire(LlamaJob& job);

  LoadedLlama loaded_;
  PrefixCache cache_;
  // By the messages, as sent: the newest are kept.
  std::vector<std::pair<std::string, std::vector<llama_token>>> prefixes_;
  const llama_vocab* const vocab_;
  const SamplingOptions sampling_defaults_;
  // No token stands for more bytes of text.
  const size_t longest_token_bytes_;
  // Made for the first task with a grammar.
  std::unique_ptr<TokenTexts> token_texts_;
  const Clock* const clock_;
  // Batches that others may wait for, and large ones for prompts that nobody waits for.
  BatchSizer sizer_;
  BatchSizer large_sizer_;
  BatchCosts costs_;
  // Rows a batch may have; smaller after the library found no room for more.
  int row_limit_;
  // Of the last batch: the next step begins with it, for a change costs the library a new plan.
  const LlamaFunction* last_function_ = nullptr;
  uint64_t next_age_ = 1;
  // All that live, in the order of their age.
  std::vector<LlamaJob*> jobs_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_MODEL_H_

#include "runtime/engines/llama/llama_model.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/llama/border.h"

namespace intelligenced {
namespace {

// A batch should take about this long, so that a request that just came waits no longer.
constexpr absl::Duration kBatchTarget = StepOptions::kUnit;
// The same where nobody waits and only prompts are computed: larger batches are up to a half
// faster, and are given up when somebody comes. Of several prompts the first is to have its answer
// begun soon; a single one has nothing from a part of it.
constexpr absl::Duration kLargeBatchTarget = absl::Milliseconds(600);
constexpr absl::Duration kLoneBatchTarget = absl::Seconds(2);
// Beside answers: each prompt that waits for its first token makes batches longer by kBatchTarget,
// up to this.
constexpr absl::Duration kMixedBatchTarget = absl::Milliseconds(200);
constexpr int kMinRows = 8;
// Below this a prompt is through before anybody asks how far it is.
constexpr uint32_t kProgressFromTokens = 64;
constexpr int kMaxStops = 16;
constexpr size_t kMaxStopBytes = 256;

size_t LongestTokenBytes(const llama_vocab* vocab) {
  size_t longest = 1;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); ++token) {
    longest = std::max(longest, std::strlen(llama_vocab_get_text(vocab, token)));
  }
  return longest;
}

// The line "name:   123 kB" of a file of /proc, in bytes; 0 when it cannot be read.
uint64_t ProcBytes(const char* path, std::string_view name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, name)) continue;
    absl::ConsumeSuffix(&rest, "kB");
    uint64_t kilobytes = 0;
    return absl::SimpleAtoi(rest, &kilobytes) ? kilobytes * 1024 : 0;
  }
  return 0;
}

}  // namespace

LlamaModel::LlamaModel(LoadedLlama loaded, const Clock* clock)
    : loaded_(std::move(loaded)),
      cache_(loaded_.pool.get(), loaded_.pool->CanShare() ? loaded_.cache_tokens : 0,
             loaded_.shared_prefixes),
      vocab_(llama_model_get_vocab(loaded_.model.get())),
      sampling_defaults_(SamplingDefaults(loaded_.model.get())),
      longest_token_bytes_(LongestTokenBytes(vocab_)),
      clock_(clock),
      sizer_(kBatchTarget, kMinRows, loaded_.max_rows, loaded_.row_time),
      large_sizer_(kLargeBatchTarget, kMinRows, loaded_.max_rows, loaded_.row_time),
      row_limit_(loaded_.max_rows) {}

absl::StatusOr<std::unique_ptr<Job>> LlamaModel::StartWith(const engine_proto::Task& task,
                                                           const Attachments& attachments,
                                                           CancelToken cancel) {
  return GuardBorder(Reason::kEngineFailure, [&]() -> absl::StatusOr<std::unique_ptr<Job>> {
    auto job = std::make_unique<LlamaJob>(this, next_age_++, std::move(cancel));
    absl::Status status;
    const bool pictures = CountPictures(task.generate().conversation()) > 0 ||
                          CountPictures(task.count_tokens().conversation()) > 0;
    if (!attachments.empty() && !pictures) {
      status = FieldError("attachments", "The task has no picture that a descriptor could hold.");
    } else if (task.has_generate()) {
      status = PrepareGenerate(task.generate(), attachments, *job);
    } else if (task.has_count_tokens()) {
      status = PrepareCount(task.count_tokens(), attachments, *job);
    } else {
      status = FieldError("kind", "A language model only generates text and counts tokens.");
    }
    if (!status.ok()) return status;
    jobs_.push_back(job.get());
    return job;
  });
}

absl::Status LlamaModel::TooLong(uint64_t input_tokens, bool at_least) const {
  const uint32_t context = loaded_.info.context_tokens();
  ErrorFacts facts;
  facts.metadata = {{"input_tokens", absl::StrCat(input_tokens)},
                    {"context_tokens", absl::StrCat(context)}};
  return MakeError(
      Reason::kContextWindowExceeded,
      absl::StrFormat("The input has %s%d tokens; the model takes %d for input and output "
                      "together. Shorten the input or choose a model with a longer context.",
                      at_least ? "at least " : "", input_tokens, context),
      std::move(facts));
}

absl::StatusOr<std::vector<llama_token>> LlamaModel::ConversationTokens(
    const engine_proto::Conversation& conversation) const {
  if (!loaded_.chat_template) {
    return FieldError("conversation",
                      "The model has no chat template that is known here. Send a prompt, or "
                      "choose a model made for conversations.");
  }
  return loaded_.chat_template->Apply(conversation);
}

absl::StatusOr<std::vector<llama_token>> LlamaModel::PromptTokens(
    const engine_proto::GenerateTask& task, bool* bare) const {
  absl::StatusOr<std::vector<llama_token>> tokens =
      task.has_conversation()
          ? ConversationTokens(task.conversation())
          : Tokenize(vocab_, task.prompt(), /*add_special=*/true, /*markup=*/false);
  if (!tokens.ok()) return tokens;
  // A vocabulary that closes every text would make the model believe that this one is over.
  if (!tokens->empty() && llama_vocab_get_add_eos(vocab_) &&
      tokens->back() == llama_vocab_eos(vocab_)) {
    tokens->pop_back();
  }
  *bare = task.prompt().empty() && !task.has_conversation();
  if (tokens->empty()) {
    for (llama_token token : {llama_vocab_bos(vocab_), llama_vocab_eos(vocab_)}) {
      if (token == LLAMA_TOKEN_NULL) continue;
      tokens->push_back(token);
      break;
    }
  }
  if (tokens->empty()) {
    return FieldError("prompt", "The model needs at least some text to begin with.");
  }
  return tokens;
}

absl::Status LlamaModel::PrepareGenerate(const engine_proto::GenerateTask& task,
                                         const Attachments& attachments, LlamaJob& job) {
  if (absl::Status status = CheckSampling(task.sampling()); !status.ok()) return status;
  if (task.stop_size() > kMaxStops) {
    return FieldError("stop", absl::StrCat("There may be at most ", kMaxStops, " stop strings."));
  }
  for (const std::string& stop : task.stop()) {
    if (stop.empty() || stop.size() > kMaxStopBytes) {
      return FieldError("stop",
                        absl::StrCat("A stop string has from 1 to ", kMaxStopBytes, " bytes."));
    }
  }
  uint64_t bytes = task.prompt().size();
  for (const engine_proto::Message& message : task.conversation().messages()) {
    if (!IsValidUtf8(message.text())) return FieldError("conversation", "A text is not UTF-8.");
    bytes += message.text().size();
  }
  if (!IsValidUtf8(task.prompt())) return FieldError("prompt", "The prompt is not UTF-8.");
  if (!IsValidUtf8(task.guide_text())) return FieldError("guide_text", "The text is not UTF-8.");
  const uint32_t context = loaded_.info.context_tokens();
  // Splitting a huge text only to learn how much too long it is would be slow.
  if (const uint64_t least = bytes / longest_token_bytes_; least >= context) {
    return TooLong(least, /*at_least=*/true);
  }
  const bool pictures = CountPictures(task.conversation()) > 0;
  if (pictures) {
    absl::Status status = TakePictures(task.conversation(), attachments, job);
    if (status.ok()) status = KeepForReuse(task, job);
    if (!status.ok()) return status;
  }
  bool bare = false;
  absl::StatusOr<std::vector<llama_token>> tokens = std::vector<llama_token>();
  if (!pictures) tokens = PromptTokens(task, &bare);
  if (!tokens.ok()) return tokens.status();
  if (tokens->size() >= context) return TooLong(tokens->size(), /*at_least=*/false);

  const absl::StatusOr<const LlamaFunction*> function = loaded_.functions.Find(task.function());
  if (!function.ok()) return function.status();
  job.function = *function;
  job.tokens = *std::move(tokens);
  job.input_tokens = static_cast<uint32_t>(job.tokens.size());
  job.max_output_tokens = task.max_output_tokens();
  if (task.token_likelihoods()) job.likelihoods.emplace();
  job.strip_space = bare && llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_SPM;
  std::unique_ptr<TokenConstraint> constraint;
  if (!task.grammar().empty()) {
    if (token_texts_ == nullptr) token_texts_ = std::make_unique<TokenTexts>(vocab_);
    auto created = TokenConstraint::Create(vocab_, token_texts_.get(), task.grammar());
    if (!created.ok()) return created.status();
    constraint = *std::move(created);
  }
  job.sampler.emplace(vocab_, sampling_defaults_, task.sampling(), std::move(constraint));
  job.stream.emplace(std::vector<std::string>(task.stop().begin(), task.stop().end()));
  if (pictures) return absl::OkStatus();
  PrepareDrafts(task, job);
  return PrepareReuse(task, job);
}

absl::Status LlamaModel::PrepareCount(const engine_proto::CountTokensTask& task,
                                      const Attachments& attachments, LlamaJob& job) const {
  if (!task.has_conversation()) {
    if (!IsValidUtf8(task.text())) return FieldError("text", "The text is not UTF-8.");
    job.text_to_count = task.text();
    return absl::OkStatus();
  }
  for (const engine_proto::Message& message : task.conversation().messages()) {
    if (!IsValidUtf8(message.text())) return FieldError("conversation", "A text is not UTF-8.");
  }
  if (CountPictures(task.conversation()) > 0) {
    return TakePictures(task.conversation(), attachments, job);
  }
  absl::StatusOr<std::vector<llama_token>> tokens = ConversationTokens(task.conversation());
  if (tokens.ok()) job.count = static_cast<uint32_t>(tokens->size());
  return tokens.status();
}

absl::StatusOr<std::vector<JobOutput>> LlamaModel::Step(absl::Span<Job* const> jobs,
                                                        const StepOptions& options) {
  std::vector<JobOutput> outputs(jobs.size());
  const absl::Status status = GuardBorder(Reason::kEngineFailure, [&]() -> absl::Status {
    if (jobs.size() > loaded_.info.max_batch()) {
      return MakeError(Reason::kEngineFailure, "A step was asked to advance too many jobs.");
    }
    std::vector<LlamaJob*> step;
    for (size_t index = 0; index < jobs.size(); ++index) {
      step.push_back(static_cast<LlamaJob*>(jobs[index]));
      step.back()->output = &outputs[index];
    }
    const absl::Time begin = clock_->Now();
    absl::Duration longest;
    while (true) {
      const absl::Time before = clock_->Now();
      absl::StatusOr<bool> busy = RunBatches(step, options);
      if (!busy.ok()) return busy.status();
      const absl::Time now = clock_->Now();
      longest = std::max(longest, now - before);
      if (!*busy || now - begin + longest > options.budget || options.yield.cancelled()) break;
    }
    for (LlamaJob* job : step) EndStep(*job);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return outputs;
}

absl::StatusOr<bool> LlamaModel::RunBatches(absl::Span<LlamaJob* const> jobs,
                                            const StepOptions& options) {
  std::vector<const LlamaFunction*> functions;
  for (const LlamaJob* job : jobs) {
    if (!job->done && !absl::c_linear_search(functions, job->function)) {
      functions.push_back(job->function);
    }
  }
  const auto last = absl::c_find(functions, last_function_);
  if (last != functions.end()) std::swap(*last, functions.front());
  const int rows = std::max<int>(
      1, RowsOfBatch(jobs, options.unit) / std::max<int>(1, static_cast<int>(functions.size())));
  bool busy = false;
  for (const LlamaFunction* function : functions) {
    std::vector<LlamaJob*> group;
    absl::c_copy_if(jobs, std::back_inserter(group),
                    [&](const LlamaJob* job) { return job->function == function; });
    loaded_.pool->UseAdapter(function == nullptr ? nullptr : function->adapter.get(),
                             function == nullptr ? 0 : function->scale);
    last_function_ = function;
    const absl::StatusOr<bool> computed = RunBatch(group, rows, options.yield);
    if (!computed.ok()) return computed;
    const absl::StatusOr<bool> pictures = RunPictures(group);
    if (!pictures.ok()) return pictures;
    busy |= *computed || *pictures;
  }
  return busy;
}

int LlamaModel::RowsOfBatch(absl::Span<LlamaJob* const> jobs, absl::Duration unit) const {
  int prompts = 0;
  int answers = 0;
  for (const LlamaJob* job : jobs) {
    if (!job->done) ++(job->output_tokens == 0 ? prompts : answers);
  }
  absl::Duration target = std::min(unit, prompts == 1 ? kLoneBatchTarget : kLargeBatchTarget);
  if (answers > 0) {
    target = std::min({target, kBatchTarget * (1 + prompts), kMixedBatchTarget});
  }
  if (target <= kBatchTarget) return sizer_.rows();
  return std::max(sizer_.rows(), large_sizer_.RowsIn(target));
}

absl::StatusOr<bool> LlamaModel::RunBatch(absl::Span<LlamaJob* const> jobs, int most_rows,
                                          const CancelToken& yield) {
  for (LlamaJob* job : jobs) {
    if (job->done) continue;
    if (job->cancel.cancelled()) {
      Fail(*job, MakeError(Reason::kCancelled, "The request was cancelled."));
    } else if (!job->sampler && (job->count || job->text_to_count)) {
      CountTokens(*job);
    }
  }
  std::vector<int> placed = PlaceJobs(jobs, most_rows);
  HoldAtPictures(jobs, placed);
  ChooseDrafts(jobs, placed);

  std::vector<TokenPool::Row> rows;
  std::vector<const CancelToken*> cancels;
  std::vector<std::pair<LlamaJob*, int>> choices;
  for (size_t index = 0; index < jobs.size(); ++index) {
    LlamaJob* job = jobs[index];
    if (placed[index] == 0) continue;
    cancels.push_back(&job->cancel);
    for (int row = 0; row < placed[index]; ++row) {
      rows.push_back({&job->sequence, job->tokens[job->sequence.cells + row], false});
    }
    if (placed[index] == job->pending()) {
      rows.back().output = true;
      choices.emplace_back(job, static_cast<int>(rows.size()) - 1);
      for (const llama_token token : job->draft) rows.push_back({&job->sequence, token, true});
    }
  }
  if (rows.empty()) return false;

  const absl::Time before = clock_->Now();
  const bool large = static_cast<int>(rows.size()) > sizer_.rows();
  BatchSizer& sizer = large ? large_sizer_ : sizer_;
  // A batch that is nearly through is not worth giving up.
  const absl::Time worth_it = before + sizer.Expected(rows.size()) - kBatchTarget;
  const auto give_up = [&] {
    if (absl::c_all_of(cancels, [](const CancelToken* cancel) { return cancel->cancelled(); })) {
      return true;
    }
    return large && yield.cancelled() && clock_->Now() < worth_it;
  };
  absl::StatusOr<TokenPool::Outcome> outcome = loaded_.pool->Decode(rows, give_up);
  if (!outcome.ok()) return outcome.status();
  switch (*outcome) {
    case TokenPool::Outcome::kAborted:
      // The next round sees who was cancelled. The time is theirs all the same.
      for (size_t index = 0; index < jobs.size(); ++index) {
        jobs[index]->output->work += placed[index];
      }
      return true;
    case TokenPool::Outcome::kNoRoom:
      if (rows.size() == 1 && cancels.size() == 1 && row_limit_ == 1) {
        Fail(*choices.front().first,
             MakeError(Reason::kEngineFailure, "libllama has no room for this request."));
      }
      MakeRoom();
      return true;
    case TokenPool::Outcome::kDone:
      break;
  }
  sizer.Record(static_cast<int>(rows.size()), clock_->Now() - before);
  if (absl::c_all_of(rows, [](const TokenPool::Row& row) { return row.output; })) {
    costs_.Record(static_cast<int>(rows.size()), clock_->Now() - before);
  }
  for (size_t index = 0; index < jobs.size(); ++index) {
    if (placed[index] == 0) continue;
    jobs[index]->output->work += placed[index] + static_cast<double>(jobs[index]->draft.size());
    ShareBeginning(*jobs[index]);
  }
  for (const auto& [job, row] : choices) ChooseTokens(*job, row);
  return true;
}

void LlamaModel::CountTokens(LlamaJob& job) const {
  if (job.text_to_count) {
    absl::StatusOr<std::vector<llama_token>> tokens =
        Tokenize(vocab_, *job.text_to_count, /*add_special=*/true, /*markup=*/false);
    if (!tokens.ok()) {
      job.output->status = tokens.status();
      job.output->done = job.done = true;
      return;
    }
    job.count = static_cast<uint32_t>(tokens->size());
  }
  engine_proto::TokenCount* count = job.output->events.emplace_back().mutable_token_count();
  count->set_tokens(*job.count);
  count->set_context_tokens(loaded_.info.context_tokens());
  engine_proto::Completed* completed = job.output->events.emplace_back().mutable_completed();
  completed->set_finish_reason(engine_proto::FINISH_REASON_STOP);
  completed->set_input_tokens(*job.count);
  job.output->work += 1;
  job.output->done = job.done = true;
}

void LlamaModel::Complete(LlamaJob& job, engine_proto::FinishReason reason) {
  job.delta += job.stream->Finish();
  if (!job.delta.empty()) {
    job.output->events.emplace_back().set_delta(std::exchange(job.delta, ""));
  }
  if (job.likelihoods) {
    *job.output->events.emplace_back().mutable_token_likelihoods() = *std::move(job.likelihoods);
  }
  engine_proto::Completed* completed = job.output->events.emplace_back().mutable_completed();
  completed->set_finish_reason(reason);
  completed->set_input_tokens(job.input_tokens);
  completed->set_cached_tokens(job.cached_tokens);
  completed->set_output_tokens(job.output_tokens);
  completed->set_drafted_tokens(job.drafted_tokens);
  completed->set_accepted_tokens(job.accepted_tokens);
  if (job.pictures) completed->set_images_decoded(job.pictures->pictures());
  job.output->done = job.done = true;
  Retire(job);
}

void LlamaModel::Fail(LlamaJob& job, absl::Status status) {
  job.output->status = std::move(status);
  job.output->done = job.done = true;
  Retire(job);
}

void LlamaModel::EndStep(LlamaJob& job) {
  if (!job.done) {
    if (!job.delta.empty()) {
      job.output->events.emplace_back().set_delta(std::exchange(job.delta, ""));
    }
    if (job.output->work > 0 && job.output_tokens == 0 && job.input_tokens >= kProgressFromTokens) {
      engine_proto::Progress* progress = job.output->events.emplace_back().mutable_progress();
      progress->set_done(job.sequence.cells);
      progress->set_total(job.input_tokens);
    }
  }
  job.output = nullptr;
}

void LlamaModel::Forget(LlamaJob& job) {
  Retire(job);
  std::erase(jobs_, &job);
}

absl::Status LlamaModel::Park(LlamaJob& job) {
  return GuardBorder(Reason::kEngineFailure, [&]() -> absl::Status {
    loaded_.pool->Park(job.sequence);
    return absl::OkStatus();
  });
}

absl::StatusOr<engine_proto::ResourceUsage> LlamaModel::MeasureUsage() {
  engine_proto::ResourceUsage usage;
  usage.set_resident_bytes(ProcBytes("/proc/self/smaps_rollup", "Pss:"));
  usage.set_peak_bytes(ProcBytes("/proc/self/status", "VmHWM:"));
  if (usage.resident_bytes() == 0) {
    usage.set_resident_bytes(ProcBytes("/proc/self/status", "VmRSS:"));
  }
  usage.set_device_bytes(loaded_.device_bytes);
  return usage;
}

}  // namespace intelligenced

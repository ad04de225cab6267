#include "runtime/engines/llama/embedding_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/embedding_prefix.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/llama/border.h"
#include "runtime/engines/llama/chat_template.h"

namespace intelligenced {
namespace {

// Each token of a batch looks at each other: room grows with the square.
constexpr int kDefaultContext = 2048;
constexpr int kMaxSequences = 32;
constexpr int kMaxTexts = 4096;
// Tokens of a batch until it is known how long they take.
constexpr int kFirstBatchTokens = 128;
constexpr int kLeastBatchTokens = 32;
// Of one step: a worker's answer may not have any number of parts.
constexpr size_t kMostValues = 200'000;

std::string Meta(const llama_model* model, const std::string& key) {
  char text[256] = "";
  const int32_t length = llama_model_meta_val_str(model, key.c_str(), text, sizeof(text));
  return length > 0 ? std::string(text, std::min<size_t>(length, sizeof(text) - 1)) : "";
}

std::optional<int> PoolingOf(const llama_model* model) {
  int pooling = 0;
  const std::string key = absl::StrCat(Meta(model, "general.architecture"), ".pooling_type");
  if (!absl::SimpleAtoi(Meta(model, key), &pooling)) return std::nullopt;
  return pooling;
}

bool OnlyEmbeds(const llama_model* model) {
  const std::string architecture = Meta(model, "general.architecture");
  return absl::StrContains(architecture, "bert") || architecture == "gemma-embedding";
}

enum llama_pooling_type ChoosePooling(const llama_model* model, const std::string& asked) {
  if (asked == "mean") return LLAMA_POOLING_TYPE_MEAN;
  if (asked == "cls") return LLAMA_POOLING_TYPE_CLS;
  if (asked == "last") return LLAMA_POOLING_TYPE_LAST;
  const int pooling = PoolingOf(model).value_or(LLAMA_POOLING_TYPE_NONE);
  // Without a word of the file: what such models are mostly trained with.
  if (pooling == LLAMA_POOLING_TYPE_NONE) return LLAMA_POOLING_TYPE_MEAN;
  return static_cast<enum llama_pooling_type>(pooling);
}

const char* PoolingName(enum llama_pooling_type pooling) {
  return pooling == LLAMA_POOLING_TYPE_CLS    ? "first token"
         : pooling == LLAMA_POOLING_TYPE_LAST ? "last token"
                                              : "mean";
}

class EmbeddingModel;

class EmbeddingJob final : public Job {
 public:
  EmbeddingJob(engine_proto::EmbedTextTask task, CancelToken cancel)
      : task_(std::move(task)), cancel_(std::move(cancel)) {}

  const engine_proto::EmbedTextTask& task() const { return task_; }
  bool cancelled() const { return cancel_.cancelled(); }

  // The text that is to be computed next, and its tokens once they are known.
  int next = 0;
  std::vector<llama_token> tokens;
  int answered = 0;
  uint32_t input_tokens = 0;

 private:
  const engine_proto::EmbedTextTask task_;
  const CancelToken cancel_;
};

class EmbeddingModel final : public Model {
 public:
  EmbeddingModel(LlamaModelPtr model, LlamaContextPtr context, EmbeddingPrefixes prefixes,
                 LlamaLibrary& library, const Clock* clock)
      : model_(std::move(model)),
        context_(std::move(context)),
        vocab_(llama_model_get_vocab(model_.get())),
        prefixes_(std::move(prefixes)),
        library_(library),
        clock_(clock),
        dimensions_(llama_model_n_embd_out(model_.get())),
        context_tokens_(static_cast<int>(llama_n_ubatch(context_.get()))),
        batch_(llama_batch_init(context_tokens_, 0, 1)) {
    for (llama_token token = 0; token < llama_vocab_n_tokens(vocab_); ++token) {
      longest_token_ = std::max(longest_token_, std::strlen(llama_vocab_get_text(vocab_, token)));
    }
    llama_set_abort_callback(context_.get(), &EmbeddingModel::ShouldAbort, this);
    info_.set_max_batch(16);
    info_.set_device("cpu");
    info_.set_context_tokens(static_cast<uint32_t>(context_tokens_));
    info_.set_embedding_dimensions(static_cast<uint32_t>(dimensions_));
    info_.add_task_kinds(engine_proto::TASK_KIND_EMBED_TEXT);
  }
  ~EmbeddingModel() override { llama_batch_free(batch_); }

  engine_proto::ModelInfo& mutable_info() { return info_; }
  const engine_proto::ModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    if (!task.has_embed_text()) {
      return FieldError("kind", "This model turns texts into vectors and does nothing else.");
    }
    const engine_proto::EmbedTextTask& embed = task.embed_text();
    if (embed.texts_size() > kMaxTexts) {
      return FieldError("texts", absl::StrCat("has ", embed.texts_size(), " texts; the most is ",
                                              kMaxTexts, "."));
    }
    for (int i = 0; i < embed.texts_size(); ++i) {
      if (!IsValidUtf8(embed.texts(i))) {
        return FieldError(absl::StrCat("texts[", i, "]"), "The text is not UTF-8.");
      }
    }
    if (embed.dimensions() > static_cast<uint32_t>(dimensions_)) {
      return FieldError("dimensions",
                        absl::StrCat("The model's vectors have ", dimensions_, " values."));
    }
    return std::make_unique<EmbeddingJob>(embed, std::move(cancel));
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    return GuardBorder(Reason::kEngineFailure, [&] { return StepGuarded(jobs, options); });
  }

  // The worker measures its process.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

  // One text, to see that the model computes.
  absl::Status WarmUp() {
    const llama_token tokens[] = {0, 0};
    batch_.n_tokens = 0;
    Add(tokens, 0);
    if (Compute() != 0 || llama_get_embeddings_seq(context_.get(), 0) == nullptr) {
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("The model loads, but cannot embed a text: ", library_.TakeErrors()));
    }
    return absl::OkStatus();
  }

 private:
  struct Place {
    size_t job;
    int text;
    size_t tokens;
  };

  absl::StatusOr<std::vector<JobOutput>> StepGuarded(absl::Span<Job* const> jobs,
                                                     const StepOptions& options) {
    const absl::Time end = clock_->Now() + options.budget;
    std::vector<JobOutput> outputs(jobs.size());
    size_t values = 0;
    do {
      const std::vector<Place> places = Fill(jobs, outputs);
      if (places.empty()) break;
      if (absl::Status status = RunBatch(jobs, places, outputs); !status.ok()) return status;
      values += places.size() * static_cast<size_t>(dimensions_);
    } while (clock_->Now() < end && !options.yield.cancelled() && values < kMostValues);
    return outputs;
  }

  static void End(absl::Status status, JobOutput& output) {
    output.status = std::move(status);
    output.done = true;
  }

  static void Complete(const EmbeddingJob& job, JobOutput& output) {
    engine_proto::Completed& completed = *output.events.emplace_back().mutable_completed();
    completed.set_finish_reason(engine_proto::FINISH_REASON_STOP);
    completed.set_input_tokens(job.input_tokens);
    output.done = true;
  }

  // Takes whole texts of the jobs in turn, as many as a batch should have tokens; at least one.
  std::vector<Place> Fill(absl::Span<Job* const> jobs, std::vector<JobOutput>& outputs) {
    std::vector<Place> places;
    batch_.n_tokens = 0;
    bool added = true;
    while (added) {
      added = false;
      for (size_t i = 0; i < jobs.size(); ++i) {
        EmbeddingJob& job = *static_cast<EmbeddingJob*>(jobs[i]);
        if (outputs[i].done) continue;
        if (job.cancelled()) {
          End(MakeError(Reason::kCancelled, "The request was cancelled."), outputs[i]);
          continue;
        }
        if (job.next == job.task().texts_size()) {
          if (job.answered == job.next) Complete(job, outputs[i]);
          continue;
        }
        if (job.tokens.empty()) {
          absl::StatusOr<std::vector<llama_token>> tokens = TokensOf(job);
          if (!tokens.ok()) {
            End(tokens.status(), outputs[i]);
            continue;
          }
          job.tokens = *std::move(tokens);
        }
        const int size = static_cast<int>(job.tokens.size());
        const int room = std::min(context_tokens_, std::max(batch_tokens_, kLeastBatchTokens));
        if (!places.empty() && (batch_.n_tokens + size > room || places.size() == kMaxSequences)) {
          continue;
        }
        Add(job.tokens, static_cast<llama_seq_id>(places.size()));
        places.push_back({i, job.next++, job.tokens.size()});
        job.tokens.clear();
        added = true;
      }
    }
    return places;
  }

  absl::Status TooLong(int text, uint64_t tokens, bool at_least) const {
    ErrorFacts facts;
    facts.metadata = {{"input_tokens", absl::StrCat(tokens)},
                      {"context_tokens", absl::StrCat(context_tokens_)}};
    facts.field = absl::StrCat("texts[", text, "]");
    return MakeError(Reason::kContextWindowExceeded,
                     absl::StrFormat("The text has %s%d tokens; the model takes %d. Cut it into "
                                     "parts (SegmentText) and embed each.",
                                     at_least ? "at least " : "", tokens, context_tokens_),
                     std::move(facts));
  }

  absl::StatusOr<std::vector<llama_token>> TokensOf(const EmbeddingJob& job) const {
    std::string text = prefixes_.similarity;
    if (job.task().purpose() == engine_proto::EMBEDDING_PURPOSE_QUERY) text = prefixes_.query;
    if (job.task().purpose() == engine_proto::EMBEDDING_PURPOSE_DOCUMENT) text = prefixes_.document;
    text += job.task().texts(job.next);
    // Splitting a huge text only to learn how much too long it is would be slow. Vocabularies of
    // word pieces make one token of a word that they do not know, however long.
    if (llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_WPM &&
        text.size() / longest_token_ >= static_cast<size_t>(context_tokens_)) {
      return TooLong(job.next, text.size() / longest_token_, true);
    }
    absl::StatusOr<std::vector<llama_token>> tokens =
        Tokenize(vocab_, text, /*add_special=*/true, /*markup=*/false);
    if (!tokens.ok()) return tokens.status();
    if (tokens->empty()) {
      return FieldError(absl::StrCat("texts[", job.next, "]"),
                        "The text has nothing in it that the model knows.");
    }
    if (tokens->size() > static_cast<size_t>(context_tokens_)) {
      return TooLong(job.next, tokens->size(), false);
    }
    return tokens;
  }

  void Add(absl::Span<const llama_token> tokens, llama_seq_id sequence) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const int row = batch_.n_tokens++;
      batch_.token[row] = tokens[i];
      batch_.pos[row] = static_cast<llama_pos>(i);
      batch_.n_seq_id[row] = 1;
      batch_.seq_id[row][0] = sequence;
      batch_.logits[row] = 1;
    }
  }

  int Compute() {
    llama_memory_t memory = llama_get_memory(context_.get());
    if (memory == nullptr) return llama_encode(context_.get(), batch_);
    llama_memory_clear(memory, true);
    return llama_decode(context_.get(), batch_);
  }

  absl::Status RunBatch(absl::Span<Job* const> jobs, const std::vector<Place>& places,
                        std::vector<JobOutput>& outputs) {
    // A batch is given up when nobody of those in it wants it any more.
    in_batch_.clear();
    for (const Place& place : places) {
      in_batch_.push_back(static_cast<const EmbeddingJob*>(jobs[place.job]));
    }
    const absl::Time begin = clock_->Now();
    const int result = Compute();
    const absl::Duration took = clock_->Now() - begin;
    library_.Mute(false);
    const bool nobody = NobodyWants();
    in_batch_.clear();
    if (result != 0 && !nobody) {
      return MakeError(Reason::kEngineFailure,
                       absl::StrCat("libllama could not embed: ", library_.TakeErrors()));
    }
    if (result == 0) LearnSpeed(took);
    for (size_t i = 0; i < places.size(); ++i) {
      const Place& place = places[i];
      EmbeddingJob& job = *static_cast<EmbeddingJob*>(jobs[place.job]);
      JobOutput& output = outputs[place.job];
      output.work += static_cast<double>(place.tokens);
      if (output.done) continue;
      if (job.cancelled() || result != 0) {
        End(MakeError(Reason::kCancelled, "The request was cancelled."), output);
        continue;
      }
      absl::Status status = Answer(job, place, static_cast<llama_seq_id>(i), output);
      if (!status.ok()) {
        End(std::move(status), output);
      } else if (++job.answered == job.task().texts_size()) {
        Complete(job, output);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Answer(EmbeddingJob& job, const Place& place, llama_seq_id sequence,
                      JobOutput& output) const {
    const float* values = llama_get_embeddings_seq(context_.get(), sequence);
    if (values == nullptr) {
      return MakeError(Reason::kEngineFailure, "libllama gives no vector for a text.");
    }
    const size_t count =
        job.task().dimensions() > 0 ? job.task().dimensions() : static_cast<size_t>(dimensions_);
    double square = 0;
    for (size_t i = 0; i < count; ++i) square += static_cast<double>(values[i]) * values[i];
    if (!std::isfinite(square) || square <= 0) {
      return MakeError(Reason::kEngineFailure, "The model computes no numbers for a text.");
    }
    const double length = std::sqrt(square);
    engine_proto::EmbeddingResult& result = *output.events.emplace_back().mutable_embedding();
    result.set_index(static_cast<uint32_t>(place.text));
    result.set_input_tokens(static_cast<uint32_t>(place.tokens));
    result.mutable_values()->Reserve(static_cast<int>(count));
    for (size_t i = 0; i < count; ++i) {
      result.add_values(static_cast<float>(values[i] / length));
    }
    job.input_tokens += static_cast<uint32_t>(place.tokens);
    return absl::OkStatus();
  }

  // So that the next batch takes about a unit.
  void LearnSpeed(absl::Duration took) {
    const double each = absl::ToDoubleSeconds(took) / std::max(1, batch_.n_tokens);
    const double seconds = absl::ToDoubleSeconds(StepOptions::kUnit);
    const double fits = each > 0 ? seconds / each : context_tokens_;
    batch_tokens_ = static_cast<int>(
        std::clamp((batch_tokens_ + fits) / 2, double{kLeastBatchTokens}, double(context_tokens_)));
  }

  bool NobodyWants() const {
    return !in_batch_.empty() &&
           absl::c_all_of(in_batch_, [](const EmbeddingJob* job) { return job->cancelled(); });
  }

  static bool ShouldAbort(void* self) {
    const auto* model = static_cast<const EmbeddingModel*>(self);
    const bool abort = model->NobodyWants();
    if (abort) model->library_.Mute(true);
    return abort;
  }

  const LlamaModelPtr model_;
  const LlamaContextPtr context_;
  const llama_vocab* const vocab_;
  const EmbeddingPrefixes prefixes_;
  LlamaLibrary& library_;
  const Clock* const clock_;
  const int dimensions_;
  const int context_tokens_;
  size_t longest_token_ = 1;
  int batch_tokens_ = kFirstBatchTokens;
  llama_batch batch_;
  std::vector<const EmbeddingJob*> in_batch_;
  engine_proto::ModelInfo info_;
};

EmbeddingPrefixes ChoosePrefixes(const llama_model* model, const EmbeddingOptions& options) {
  EmbeddingPrefixes prefixes;
  for (const std::string& name :
       {Meta(model, "general.name"), Meta(model, "general.basename"), options.name}) {
    if (prefixes.query.empty()) prefixes = FindEmbeddingPrefixes(name);
  }
  const LlamaParameters& asked = options.parameters;
  if (asked.query_prefix) prefixes.query = *asked.query_prefix;
  if (asked.document_prefix) prefixes.document = *asked.document_prefix;
  if (asked.similarity_prefix) prefixes.similarity = *asked.similarity_prefix;
  return prefixes;
}

}  // namespace

bool IsEmbeddingModel(const llama_model* model) {
  const int pooling = PoolingOf(model).value_or(LLAMA_POOLING_TYPE_NONE);
  return OnlyEmbeds(model) || pooling == LLAMA_POOLING_TYPE_MEAN ||
         pooling == LLAMA_POOLING_TYPE_CLS || pooling == LLAMA_POOLING_TYPE_LAST;
}

absl::StatusOr<std::unique_ptr<Model>> MakeEmbeddingModel(LlamaModelPtr model,
                                                          const EmbeddingOptions& options,
                                                          LlamaLibrary& library,
                                                          const Clock* clock) {
  const enum llama_pooling_type pooling = ChoosePooling(model.get(), options.parameters.pooling);
  if (pooling == LLAMA_POOLING_TYPE_RANK) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model judges pairs of texts (a reranker); it gives no vectors.");
  }
  const int trained = llama_model_n_ctx_train(model.get());
  const int tokens = options.parameters.context_tokens.value_or(std::min(trained, kDefaultContext));
  if (tokens > trained) {
    return FieldError("parameters.context_tokens",
                      absl::StrCat("The model was trained for ", trained, " tokens."));
  }
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(tokens);
  params.n_seq_max = kMaxSequences;
  params.n_threads = params.n_threads_batch = options.threads;
  params.embeddings = true;
  params.pooling_type = pooling;
  params.kv_unified = true;
  params.no_perf = true;
  library.TakeErrors();
  LlamaContextPtr context(llama_init_from_model(model.get(), params));
  if (context == nullptr) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("libllama cannot make room for the model: ", library.TakeErrors()));
  }
  char description[128] = "";
  llama_model_desc(model.get(), description, sizeof(description));
  const double megabytes = llama_model_size(model.get()) / 1e6;
  EmbeddingPrefixes prefixes = ChoosePrefixes(model.get(), options);
  auto embedding = std::make_unique<EmbeddingModel>(std::move(model), std::move(context),
                                                    std::move(prefixes), library, clock);
  engine_proto::ModelInfo& info = embedding->mutable_info();
  info.set_width(options.gpu ? 1 : static_cast<uint32_t>(options.threads));
  info.set_description(absl::StrFormat(
      "%s, %.1f MB of weights, vectors of %d values (%s), %d "
      "threads",
      description, megabytes, info.embedding_dimensions(), PoolingName(pooling), options.threads));
  if (absl::Status status = embedding->WarmUp(); !status.ok()) return status;
  return embedding;
}

}  // namespace intelligenced

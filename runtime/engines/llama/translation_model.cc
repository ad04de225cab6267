#include "runtime/engines/llama/translation_model.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engine/kept_words.h"
#include "runtime/engines/llama/border.h"
#include "runtime/engines/llama/chat_template.h"

namespace intelligenced {
namespace {

constexpr int kDefaultContext = 512;
constexpr int kMaxSequences = 16;
constexpr int kMaxSegments = 1024;
constexpr uint32_t kMaxBeams = 8;
// Tokens that a group may have in the encoder, and cells for what the decoder keeps of its own.
constexpr int kGroupTokens = 1024;
constexpr int kGroupCells = 4096;
// No translation grows beyond that many times its source and as many more.
constexpr size_t kGrowth = 3;
constexpr size_t kGrowthTokens = 64;
// What is longer than that many bytes a token is too long without counting.
constexpr size_t kMaxTokenBytes = 128;

// What T5 was published for.
constexpr std::pair<const char*, const char*> kT5Targets[] = {
    {"de", "German"}, {"fr", "French"}, {"ro", "Romanian"}};

// How the model is told into which language.
struct Directions {
  // MADLAD: the token before the text, by language.
  std::map<std::string, llama_token> markers;

  // Tokens and words that come before a text. Nothing: the model has no such pair.
  struct Prefix {
    std::vector<llama_token> tokens;
    std::string words;
  };
  std::optional<Prefix> Find(const std::string& source, const std::string& target) const {
    if (!markers.empty()) {
      const auto found = markers.find(target);
      if (found == markers.end() || !markers.contains(source)) return std::nullopt;
      return Prefix{{found->second}, ""};
    }
    for (const auto& [code, name] : kT5Targets) {
      if (source == "en" && target == code) {
        return Prefix{{}, absl::StrCat("translate English to ", name, ": ")};
      }
    }
    return std::nullopt;
  }
};

Directions FindDirections(const llama_vocab* vocab) {
  std::vector<std::string> codes;
  std::vector<llama_token> tokens;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); ++token) {
    std::string_view text = llama_vocab_get_text(vocab, token);
    if (!absl::ConsumePrefix(&text, "<2") || !absl::ConsumeSuffix(&text, ">")) continue;
    codes.emplace_back(text);
    tokens.push_back(token);
  }
  Directions directions;
  for (const auto& [language, place] : PlacesOfLanguages(codes)) {
    directions.markers.emplace(language, tokens[place]);
  }
  return directions;
}

class TranslationModel;

// Segments wait in it, and answers, until it is stepped.
class TranslationJob final : public Job {
 public:
  TranslationJob(TranslationModel* model, engine_proto::TranslateTask task,
                 Directions::Prefix prefix, CancelToken cancel)
      : prefix(std::move(prefix)),
        model_(*model),
        task_(std::move(task)),
        cancel_(std::move(cancel)) {}
  ~TranslationJob() override;

  const engine_proto::TranslateTask& task() const { return task_; }
  bool cancelled() const { return cancel_.cancelled(); }

  const Directions::Prefix prefix;
  // The segment that is put into a group next; those that were given back come before it.
  int next = 0;
  std::vector<int> again;
  int answered = 0;
  std::vector<engine_proto::Event> ready;
  absl::Status failure;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  double work = 0;

 private:
  TranslationModel& model_;
  const engine_proto::TranslateTask task_;
  const CancelToken cancel_;
};

class TranslationModel final : public Model {
 public:
  TranslationModel(LlamaModelPtr model, LlamaContextPtr context, int context_tokens,
                   LlamaLibrary& library, const Clock* clock)
      : model_(std::move(model)),
        context_(std::move(context)),
        vocab_(llama_model_get_vocab(model_.get())),
        directions_(FindDirections(vocab_)),
        library_(library),
        clock_(clock),
        context_tokens_(static_cast<size_t>(context_tokens)),
        batch_(llama_batch_init(static_cast<int32_t>(llama_n_ubatch(context_.get())), 0, 1)) {
    llama_set_abort_callback(context_.get(), &TranslationModel::ShouldAbort, this);
    start_ = llama_model_decoder_start_token(model_.get());
    if (start_ == LLAMA_TOKEN_NULL) start_ = llama_vocab_bos(vocab_);
    info_.set_max_batch(kMaxSequences);
    info_.set_device("cpu");
    info_.set_context_tokens(static_cast<uint32_t>(context_tokens));
    info_.add_task_kinds(engine_proto::TASK_KIND_TRANSLATE);
    engine_proto::TranslationInfo& translation = *info_.mutable_translation();
    translation.set_sentences(true);
    translation.set_max_segment_tokens(static_cast<uint32_t>(context_tokens));
    // Pairs of hundreds of languages are not listed one by one: the manifest has them.
    if (directions_.markers.empty()) {
      for (const auto& [code, name] : kT5Targets) {
        engine_proto::LanguagePair& pair = *translation.add_pairs();
        pair.set_source_language("en");
        pair.set_target_language(code);
      }
    }
  }
  ~TranslationModel() override { llama_batch_free(batch_); }

  engine_proto::ModelInfo& mutable_info() { return info_; }
  const engine_proto::ModelInfo& info() const override { return info_; }
  size_t languages() const { return directions_.markers.size(); }

  absl::StatusOr<std::unique_ptr<Job>> Start(const engine_proto::Task& task,
                                             CancelToken cancel) override {
    if (!task.has_translate()) {
      return FieldError("kind", "This model translates texts and does nothing else.");
    }
    const engine_proto::TranslateTask& translate = task.translate();
    if (translate.segments_size() == 0) return FieldError("segments", "is required.");
    if (translate.segments_size() > kMaxSegments) {
      return FieldError("segments", absl::StrCat("has more than ", kMaxSegments, " entries."));
    }
    if (translate.source_language().empty()) return FieldError("source_language", "is required.");
    if (translate.target_language().empty()) return FieldError("target_language", "is required.");
    if (translate.beam_size() > kMaxBeams) {
      return FieldError("beam_size", absl::StrCat("must be at most ", kMaxBeams, "."));
    }
    for (const engine_proto::TranslateSegment& segment : translate.segments()) {
      if (!IsValidUtf8(segment.text())) return FieldError("segments", "holds what is not UTF-8.");
      if (absl::Status status = CheckKeptSpans(segment); !status.ok()) return status;
    }
    auto prefix = directions_.Find(translate.source_language(), translate.target_language());
    if (!prefix.has_value()) {
      return MakeError(
          Reason::kLanguageUnsupported,
          absl::StrCat("The model does not translate from ", translate.source_language(), " to ",
                       translate.target_language(), "."),
          {.metadata = {{"source", translate.source_language()},
                        {"target", translate.target_language()}},
           .retry_delay = {},
           .field = {}});
    }
    return std::make_unique<TranslationJob>(this, translate, *std::move(prefix), std::move(cancel));
  }

  absl::StatusOr<std::vector<JobOutput>> Step(absl::Span<Job* const> jobs,
                                              const StepOptions& options) override {
    return GuardBorder(Reason::kEngineFailure, [&] { return StepGuarded(jobs, options); });
  }

  // The worker measures its process.
  absl::StatusOr<engine_proto::ResourceUsage> MeasureUsage() override {
    return engine_proto::ResourceUsage();
  }

  // For TranslationJob.
  void Forget(const TranslationJob* job) {
    for (Row& row : rows_) {
      if (row.job == job) row.job = nullptr;
    }
  }

  // Two tokens of an empty text, to see that the model computes.
  absl::Status WarmUp() {
    const llama_token end = llama_vocab_eos(vocab_);
    rows_.push_back({.job = nullptr,
                     .segment = 0,
                     .source = {end == LLAMA_TOKEN_NULL ? start_ : end},
                     .limit = 2,
                     .tokens = {}});
    absl::Status status = Encode();
    if (status.ok()) status = Decode();
    rows_.clear();
    if (status.ok()) return status;
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The model loads, but cannot translate: ", status.message()));
  }

 private:
  // A segment in the group; its place is its sequence in the context.
  struct Row {
    // Null: nobody wants it any more.
    TranslationJob* job = nullptr;
    int segment = 0;
    std::vector<llama_token> source;
    // Tokens that the answer may have.
    size_t limit = 0;
    std::vector<llama_token> tokens;
    bool done = false;
  };

  absl::StatusOr<std::vector<JobOutput>> StepGuarded(absl::Span<Job* const> jobs,
                                                     const StepOptions& options) {
    const absl::Time end = clock_->Now() + options.budget;
    stepped_ = jobs;
    do {
      if (!rows_.empty() && !AnybodyIsStepped()) GiveUpGroup();
      if (rows_.empty() && !Fill()) break;
      absl::Status status = encoded_ ? Decode() : Encode();
      if (!status.ok()) {
        rows_.clear();
        stepped_ = {};
        if (!NobodyWants(jobs)) return status;
        break;
      }
    } while (clock_->Now() < end && !options.yield.cancelled() && !HasNews(jobs));
    stepped_ = {};
    library_.Mute(false);
    std::vector<JobOutput> outputs(jobs.size());
    for (size_t i = 0; i < jobs.size(); ++i)
      Collect(*static_cast<TranslationJob*>(jobs[i]), outputs[i]);
    return outputs;
  }

  static bool HasNews(absl::Span<Job* const> jobs) {
    return std::any_of(jobs.begin(), jobs.end(), [](const Job* job) {
      const auto& one = *static_cast<const TranslationJob*>(job);
      return one.cancelled() || !one.ready.empty() || !one.failure.ok();
    });
  }
  static bool NobodyWants(absl::Span<Job* const> jobs) {
    return std::all_of(jobs.begin(), jobs.end(), [](const Job* job) {
      return static_cast<const TranslationJob*>(job)->cancelled();
    });
  }
  bool AnybodyIsStepped() const {
    return std::any_of(rows_.begin(), rows_.end(), [this](const Row& row) {
      return row.job != nullptr && !row.done &&
             std::find(stepped_.begin(), stepped_.end(), row.job) != stepped_.end();
    });
  }

  void GiveUpGroup() {
    for (const Row& row : rows_) {
      if (row.job != nullptr && !row.done) row.job->again.push_back(row.segment);
    }
    rows_.clear();
  }

  void Collect(TranslationJob& job, JobOutput& output) {
    output.work = std::exchange(job.work, 0);
    if (job.cancelled() || !job.failure.ok()) {
      Forget(&job);
      output.status = job.cancelled() ? MakeError(Reason::kCancelled, "The request was cancelled.")
                                      : job.failure;
      output.done = true;
      return;
    }
    for (engine_proto::Event& event : job.ready) output.events.push_back(std::move(event));
    job.ready.clear();
    if (job.answered < job.task().segments_size()) return;
    engine_proto::Completed& completed = *output.events.emplace_back().mutable_completed();
    completed.set_finish_reason(engine_proto::FINISH_REASON_STOP);
    completed.set_input_tokens(job.input_tokens);
    completed.set_output_tokens(job.output_tokens);
    output.done = true;
  }

  // Takes segments of the jobs in turn until the group is full. False: there are none.
  bool Fill() {
    size_t tokens = 0;
    size_t cells = 0;
    encoded_ = false;
    for (bool added = true; added;) {
      added = false;
      for (Job* const stepped : stepped_) {
        auto& job = *static_cast<TranslationJob*>(stepped);
        if (job.cancelled() || !job.failure.ok()) continue;
        while (job.again.empty() && job.next < job.task().segments_size() && AnswerAtOnce(job)) {
        }
        const bool any = !job.again.empty() || job.next < job.task().segments_size();
        if (!any || rows_.size() == kMaxSequences) continue;
        const int segment = job.again.empty() ? job.next : job.again.back();
        auto source = SourceOf(job, segment);
        if (!source.ok()) {
          job.failure = source.status();
          continue;
        }
        const size_t limit = std::min(context_tokens_, kGrowth * source->size() + kGrowthTokens);
        const bool room = tokens + source->size() <= kGroupTokens && cells + limit <= kGroupCells;
        if (!rows_.empty() && !room) continue;
        job.again.empty() ? static_cast<void>(++job.next) : job.again.pop_back();
        tokens += source->size();
        cells += limit;
        rows_.push_back({.job = &job,
                         .segment = segment,
                         .source = *std::move(source),
                         .limit = limit,
                         .tokens = {}});
        added = true;
      }
    }
    return !rows_.empty();
  }

  // What nobody needs to compute: no letters, or markup, which the caller cuts at. False: neither.
  static bool AnswerAtOnce(TranslationJob& job) {
    const engine_proto::TranslateSegment& segment = job.task().segments(job.next);
    const bool blank = absl::StripAsciiWhitespace(segment.text()).empty();
    if (MayKeep(segment) && !blank) return false;
    engine_proto::TranslatedSegment& answer = *job.ready.emplace_back().mutable_translated();
    answer.set_index(static_cast<uint32_t>(job.next++));
    ++job.answered;
    if (!MayKeep(segment)) return true;
    answer.set_text(segment.text());
    *answer.mutable_kept() = segment.kept();
    return true;
  }

  absl::Status TooLong(size_t tokens) const {
    ErrorFacts facts;
    facts.metadata["context_tokens"] = absl::StrCat(context_tokens_);
    if (tokens > 0) facts.metadata["input_tokens"] = absl::StrCat(tokens);
    return MakeError(Reason::kContextWindowExceeded,
                     absl::StrCat("A segment is longer than the model can translate at once (",
                                  context_tokens_, " tokens). Cut it into sentences."),
                     std::move(facts));
  }

  absl::StatusOr<std::vector<llama_token>> SourceOf(const TranslationJob& job, int segment) const {
    const std::string& text = job.task().segments(segment).text();
    if (text.size() / kMaxTokenBytes > context_tokens_) return TooLong(0);
    auto own = Tokenize(vocab_, absl::StrCat(job.prefix.words, text), /*add_special=*/true,
                        /*markup=*/false);
    if (!own.ok()) return own.status();
    own->insert(own->begin(), job.prefix.tokens.begin(), job.prefix.tokens.end());
    if (own->size() > context_tokens_) return TooLong(own->size());
    return own;
  }

  void Add(llama_token token, size_t position, size_t sequence, bool scored) {
    const int row = batch_.n_tokens++;
    batch_.token[row] = token;
    batch_.pos[row] = static_cast<llama_pos>(position);
    batch_.n_seq_id[row] = 1;
    batch_.seq_id[row][0] = static_cast<llama_seq_id>(sequence);
    batch_.logits[row] = scored ? 1 : 0;
  }

  absl::Status Failed(std::string_view what) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("libllama could not ", what, ": ", library_.TakeErrors()));
  }

  absl::Status Encode() {
    llama_memory_clear(llama_get_memory(context_.get()), true);
    batch_.n_tokens = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      for (size_t k = 0; k < rows_[i].source.size(); ++k) Add(rows_[i].source[k], k, i, true);
    }
    if (llama_encode(context_.get(), batch_) != 0) return Failed("read a text");
    for (Row& row : rows_) {
      if (row.job != nullptr) row.job->work += static_cast<double>(row.source.size());
    }
    encoded_ = true;
    return absl::OkStatus();
  }

  absl::Status Decode() {
    batch_.n_tokens = 0;
    std::vector<size_t> places;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      const bool wanted = row.job == nullptr ? warming_up() : !row.job->cancelled();
      if (row.done || !wanted) continue;
      Add(row.tokens.empty() ? start_ : row.tokens.back(), row.tokens.size(), i, true);
      places.push_back(i);
    }
    if (!places.empty() && llama_decode(context_.get(), batch_) != 0) return Failed("go on");
    bool open = false;
    for (size_t k = 0; k < places.size(); ++k) {
      Row& row = rows_[places[k]];
      row.tokens.push_back(Best(llama_get_logits_ith(context_.get(), static_cast<int32_t>(k))));
      if (row.job != nullptr) row.job->work += 1;
      const bool ended = llama_vocab_is_eog(vocab_, row.tokens.back());
      row.done = ended || row.tokens.size() >= row.limit;
      open = open || !row.done;
      if (row.done && row.job != nullptr) Answer(row, ended);
    }
    if (!open) rows_.clear();
    return absl::OkStatus();
  }

  // Only then a row belongs to no job from the beginning.
  bool warming_up() const { return stepped_.empty(); }

  llama_token Best(const float* scores) const {
    const int32_t count = llama_vocab_n_tokens(vocab_);
    return static_cast<llama_token>(std::max_element(scores, scores + count) - scores);
  }

  void Answer(Row& row, bool ended) {
    TranslationJob& job = *row.job;
    if (ended) row.tokens.pop_back();
    std::string text(row.tokens.size() * 16 + 64, '\0');
    int32_t size =
        llama_detokenize(vocab_, row.tokens.data(), static_cast<int32_t>(row.tokens.size()),
                         text.data(), static_cast<int32_t>(text.size()), true, false);
    if (size < 0) {
      text.resize(static_cast<size_t>(-size));
      size = llama_detokenize(vocab_, row.tokens.data(), static_cast<int32_t>(row.tokens.size()),
                              text.data(), static_cast<int32_t>(text.size()), true, false);
    }
    text.resize(static_cast<size_t>(std::max(size, 0)));
    // Bytes of a character that was cut off by the limit.
    if (const size_t bad = FindInvalidUtf8(text); bad != std::string::npos) text.resize(bad);
    text = std::string(absl::StripAsciiWhitespace(text));
    engine_proto::TranslatedSegment& answer = *job.ready.emplace_back().mutable_translated();
    answer.set_index(static_cast<uint32_t>(row.segment));
    answer.set_truncated(!ended);
    answer.set_input_tokens(static_cast<uint32_t>(row.source.size()));
    answer.set_output_tokens(static_cast<uint32_t>(row.tokens.size()));
    job.input_tokens += answer.input_tokens();
    job.output_tokens += answer.output_tokens();
    const auto kept = FindKept(job.task().segments(row.segment), text);
    if (kept.has_value()) answer.mutable_kept()->Add(kept->begin(), kept->end());
    answer.set_text(std::move(text));
    ++job.answered;
  }

  // Between two operations: when nobody who is stepped wants the group any more.
  static bool ShouldAbort(void* self) {
    const auto* model = static_cast<const TranslationModel*>(self);
    const bool abort = !model->stepped_.empty() && NobodyWants(model->stepped_);
    if (abort) model->library_.Mute(true);
    return abort;
  }

  const LlamaModelPtr model_;
  const LlamaContextPtr context_;
  const llama_vocab* const vocab_;
  const Directions directions_;
  LlamaLibrary& library_;
  const Clock* const clock_;
  const size_t context_tokens_;
  llama_token start_ = 0;
  llama_batch batch_;
  // The group; empty: none.
  std::vector<Row> rows_;
  bool encoded_ = false;
  absl::Span<Job* const> stepped_;
  engine_proto::ModelInfo info_;
};

TranslationJob::~TranslationJob() { model_.Forget(this); }

}  // namespace

bool IsTranslationModel(const llama_model* model) {
  return llama_model_has_encoder(model) && llama_model_has_decoder(model);
}

absl::StatusOr<std::unique_ptr<Model>> MakeTranslationModel(LlamaModelPtr model,
                                                            const TranslationOptions& options,
                                                            LlamaLibrary& library,
                                                            const Clock* clock) {
  const int trained = llama_model_n_ctx_train(model.get());
  const int tokens = options.parameters.context_tokens.value_or(std::min(trained, kDefaultContext));
  if (tokens > trained) {
    return FieldError("parameters.context_tokens",
                      absl::StrCat("The model was trained for ", trained, " tokens."));
  }
  llama_context_params params = llama_context_default_params();
  params.n_ctx = kGroupCells;
  // The encoder takes its whole input in one batch.
  params.n_batch = params.n_ubatch = static_cast<uint32_t>(std::max(kGroupTokens, tokens));
  params.n_seq_max = kMaxSequences;
  params.n_threads = params.n_threads_batch = options.threads;
  params.kv_unified = true;
  // Its attention has a bias by distance, which the fast kernel does not know.
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
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
  auto translator = std::make_unique<TranslationModel>(std::move(model), std::move(context), tokens,
                                                       library, clock);
  engine_proto::ModelInfo& info = translator->mutable_info();
  info.set_width(options.gpu ? 1 : static_cast<uint32_t>(options.threads));
  info.set_description(absl::StrFormat("%s, %.1f MB of weights, %d languages, %d threads",
                                       description, megabytes, translator->languages(),
                                       options.threads));
  if (absl::Status status = translator->WarmUp(); !status.ok()) return status;
  return translator;
}

}  // namespace intelligenced

#include "runtime/engines/llama/workbench/measurer.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/chat_template.h"

namespace intelligenced {
namespace {

// Of a batch that is as large as the engine would make it (llama_model.cc), and batches until that
// is found and the weights are in memory.
constexpr absl::Duration kBatchTarget = absl::Milliseconds(400);
constexpr int kMinRows = 8;
constexpr int kSettlingBatches = 8;
constexpr int kMaxRows = 512;
constexpr int kContext = 1024;
constexpr size_t kMinSample = 64;
// Text that a generated token follows, and that a scored token has before it.
constexpr int kLead = 32;
constexpr int kScoredRows = 32;
constexpr size_t kReadBytes = size_t{256} << 20;
constexpr int kReadPasses = 10;
constexpr int kMultiplications = 40;
constexpr int kWatchedTokens = 8;
constexpr size_t kMaxOperations = 12;

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

absl::StatusOr<std::unique_ptr<Measurer>> Measurer::Create(
    const Subject& subject, const intelligence::engine::v1::MeasureTask& task,
    LlamaLibrary& library, const Clock* clock) {
  std::unique_ptr<Measurer> measurer(new Measurer(subject, task, library, clock));
  if (absl::Status status = measurer->SetUp(); !status.ok()) return status;
  return measurer;
}

absl::Status Measurer::SetUp() {
  const llama_vocab* vocab = llama_model_get_vocab(subject_.model);
  absl::StatusOr<std::vector<llama_token>> tokens =
      Tokenize(vocab, task_.sample(), /*add_special=*/false, /*markup=*/false);
  if (!tokens.ok()) return tokens.status();
  if (tokens->size() < kMinSample) {
    return FieldError("sample",
                      absl::StrCat("The sample text must have at least ", kMinSample, " tokens."));
  }
  sample_ = *std::move(tokens);
  const int trained = llama_model_n_ctx_train(subject_.model);
  window_ = trained > 0 ? std::min(trained, kContext) : kContext;
  if (window_ < kLead + kScoredRows) {
    return FieldError("sample", "The model's context is too short to be measured.");
  }
  sizer_.emplace(kBatchTarget, kMinRows, std::min(kMaxRows, window_));
  rows_ = sizer_->rows();
  absl::StatusOr<LlamaContextPtr> context = NewContext(/*watch_operations=*/false);
  if (!context.ok()) return context.status();
  context_ = *std::move(context);
  total_ = 16 + static_cast<int>(task_.decode_tokens() + task_.perplexity_tokens() / kScoredRows) +
           (task_.details() ? kReadPasses + kMultiplications + kWatchedTokens : 0);
  result_.set_layout(absl::AsciiStrToUpper(ggml_type_name(subject_.weights.type)));
  result_.set_weight_bytes(subject_.weights.bytes);
  result_.set_threads(subject_.threads);
  return absl::OkStatus();
}

absl::StatusOr<LlamaContextPtr> Measurer::NewContext(bool watch_operations) {
  // As token_pool.cc sets it up.
  llama_context_params params = llama_context_default_params();
  params.n_ctx = window_;
  params.n_batch = params.n_ubatch = std::min(kMaxRows, window_);
  params.n_threads = params.n_threads_batch = subject_.threads;
  params.kv_unified = true;
  params.no_perf = true;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  if (subject_.on_processor) {
    params.type_k = GGML_TYPE_BF16;
    params.type_v = GGML_TYPE_F32;
  }
  if (watch_operations) {
    params.cb_eval = &Measurer::OnOperation;
    params.cb_eval_user_data = this;
  }
  library_.TakeErrors();
  LlamaContextPtr context(llama_init_from_model(subject_.model, params));
  if (context == nullptr) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("No context can be set up to measure the model: ", library_.TakeErrors()));
  }
  return context;
}

void Measurer::Restart(llama_context* context) {
  llama_memory_clear(llama_get_memory(context), /*data=*/false);
  position_ = 0;
}

absl::StatusOr<absl::Duration> Measurer::Decode(llama_context* context, int count,
                                                bool all_scores) {
  if (position_ + count > window_) Restart(context);
  llama_batch batch = llama_batch_init(count, 0, 1);
  for (int row = 0; row < count; ++row) {
    batch.token[row] = sample_[next_ % sample_.size()];
    batch.pos[row] = position_ + row;
    batch.n_seq_id[row] = 1;
    batch.seq_id[row][0] = 0;
    batch.logits[row] = all_scores || row + 1 == count;
    ++next_;
  }
  batch.n_tokens = count;
  const absl::Time begin = clock_->Now();
  const int32_t code = llama_decode(context, batch);
  llama_synchronize(context);
  const absl::Duration time = clock_->Now() - begin;
  llama_batch_free(batch);
  if (code != 0) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("libllama could not compute a batch (code ", code, ")."));
  }
  position_ += count;
  return time;
}

void Measurer::Enter(Stage stage) {
  stage_ = stage;
  measured_ = 0;
  rates_.clear();
  next_ = 0;
  Restart(context_.get());
}

absl::StatusOr<bool> Measurer::Advance() {
  ++done_;
  absl::Status status;
  switch (stage_) {
    case Stage::kPrefill:
      status = Prefill();
      break;
    case Stage::kDecode:
      status = DecodeOne();
      break;
    case Stage::kPerplexity:
      status = Perplexity();
      break;
    case Stage::kReading:
      if (!reading_.has_value()) reading_.emplace(kReadBytes, subject_.threads, clock_);
      reading_->Run();
      if (++measured_ == kReadPasses) {
        result_.set_read_bytes_per_second(reading_->bytes_per_second());
        reading_.reset();
        Enter(Stage::kMultiplying);
      }
      break;
    case Stage::kMultiplying:
      if (!multiplying_.has_value()) {
        multiplying_.emplace(subject_.weights.type, subject_.threads, clock_);
      }
      multiplying_->Run();
      if (++measured_ == kMultiplications) {
        result_.set_operations_per_second(multiplying_->operations_per_second());
        multiplying_.reset();
        Enter(Stage::kOperations);
      }
      break;
    case Stage::kOperations:
      status = WatchOperations();
      break;
    case Stage::kDone:
      break;
  }
  if (!status.ok()) return status;
  return stage_ == Stage::kDone;
}

absl::Status Measurer::Prefill() {
  const absl::StatusOr<absl::Duration> time = Decode(context_.get(), rows_, /*all_scores=*/false);
  if (!time.ok()) return time.status();
  if (settling_ < kSettlingBatches) {
    ++settling_;
    sizer_->Record(rows_, *time);
    rows_ = sizer_->rows();
    return absl::OkStatus();
  }
  measured_ += rows_;
  rates_.push_back(rows_ / absl::ToDoubleSeconds(*time));
  if (measured_ < task_.prefill_tokens()) return absl::OkStatus();
  result_.set_prefill_tokens_per_second(Median(rates_));
  result_.set_prefill_batch(rows_);
  // Every weight of a matrix is multiplied and added once for a token.
  result_.set_operations_per_prompt_token(2.0 *
                                          static_cast<double>(subject_.weights.prompt_elements));
  Enter(Stage::kDecode);
  return absl::OkStatus();
}

absl::Status Measurer::DecodeOne() {
  if (position_ == 0 || position_ + 1 > window_) {
    Restart(context_.get());
    if (absl::Status status = Decode(context_.get(), kLead, false).status(); !status.ok()) {
      return status;
    }
  }
  const absl::StatusOr<absl::Duration> time = Decode(context_.get(), 1, false);
  if (!time.ok()) return time.status();
  rates_.push_back(1 / absl::ToDoubleSeconds(*time));
  if (++measured_ < task_.decode_tokens()) return absl::OkStatus();
  result_.set_decode_tokens_per_second(Median(rates_));
  result_.set_bytes_per_output_token(static_cast<double>(subject_.weights.token_bytes));
  Enter(task_.perplexity_tokens() > 0 ? Stage::kPerplexity
        : !task_.details()            ? Stage::kDone
        : subject_.on_processor       ? Stage::kReading
                                      : Stage::kOperations);
  return absl::OkStatus();
}

absl::Status Measurer::Perplexity() {
  const int room = window_ - position_;
  if (room < kScoredRows) Restart(context_.get());
  const size_t first = next_;
  const int before = position_;
  if (absl::Status status = Decode(context_.get(), kScoredRows, true).status(); !status.ok()) {
    return status;
  }
  for (int row = 0; row < kScoredRows && scored_ < task_.perplexity_tokens(); ++row) {
    // The scores after a token are for the one behind it; the beginning has too little to go by,
    // and where the sample starts over nothing follows.
    const size_t following = (first + row + 1) % sample_.size();
    if (before + row < kLead || following == 0) continue;
    likelihood_ += NegativeLogLikelihood(row, sample_[following]);
    ++scored_;
  }
  if (scored_ < task_.perplexity_tokens()) return absl::OkStatus();
  result_.set_perplexity(std::exp(likelihood_ / scored_));
  result_.set_perplexity_tokens(scored_);
  Enter(!task_.details()        ? Stage::kDone
        : subject_.on_processor ? Stage::kReading
                                : Stage::kOperations);
  return absl::OkStatus();
}

double Measurer::NegativeLogLikelihood(int row, llama_token token) {
  const float* scores = llama_get_logits_ith(context_.get(), row);
  const int size = llama_vocab_n_tokens(llama_model_get_vocab(subject_.model));
  const double most = *std::max_element(scores, scores + size);
  double sum = 0;
  for (int i = 0; i < size; ++i) sum += std::exp(scores[i] - most);
  return std::log(sum) + most - scores[token];
}

absl::Status Measurer::WatchOperations() {
  absl::StatusOr<LlamaContextPtr> watched = NewContext(/*watch_operations=*/true);
  if (!watched.ok()) return watched.status();
  position_ = 0;
  for (const int rows : {std::min(rows_, window_ - kWatchedTokens), 1}) {
    operations_.clear();
    for (int i = 0; i < (rows == 1 ? kWatchedTokens : 1); ++i) {
      last_operation_ = clock_->Now();
      if (absl::Status status = Decode(watched->get(), rows, false).status(); !status.ok()) {
        return status;
      }
    }
    AddOperations(operations_, rows == 1 ? "generation" : "prompt");
  }
  Enter(Stage::kDone);
  return absl::OkStatus();
}

bool Measurer::OnOperation(ggml_tensor* tensor, bool ask, void* self) {
  auto* measurer = static_cast<Measurer*>(self);
  // Asked before each: it is to be computed by itself, and told when it is done.
  if (ask) return true;
  const absl::Time now = measurer->clock_->Now();
  std::string name = ggml_op_desc(tensor);
  if (tensor->op == GGML_OP_MUL_MAT) {
    // "ffn_up-3": what is multiplied, and in which layer.
    const std::string_view what = ggml_get_name(tensor);
    absl::StrAppend(&name, " ", what.substr(0, what.find_first_of("- (")));
  }
  Operation& operation = measurer->operations_[name];
  operation.time += now - measurer->last_operation_;
  ++operation.count;
  measurer->last_operation_ = measurer->clock_->Now();
  return true;
}

void Measurer::AddOperations(const Operations& operations, const char* phase) {
  std::vector<std::pair<std::string, Operation>> sorted(operations.begin(), operations.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.time > b.second.time; });
  absl::Duration all;
  for (const auto& [name, operation] : sorted) all += operation.time;
  if (all <= absl::ZeroDuration()) return;
  if (sorted.size() > kMaxOperations) sorted.resize(kMaxOperations);
  for (const auto& [name, operation] : sorted) {
    intelligence::engine::v1::OperationTime& to = *result_.add_operations();
    to.set_phase(phase);
    to.set_operation(name);
    to.set_share(absl::FDivDuration(operation.time, all));
    to.set_count(operation.count);
    to.set_microseconds(absl::ToDoubleMicroseconds(operation.time));
  }
}

}  // namespace intelligenced

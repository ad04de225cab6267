#include "runtime/engines/llama/token_pool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

// Garbage that is not worth moving states for. Every cell in use, also garbage, is looked at by
// every row of a batch.
constexpr int kTolerableGarbage = 512;

}  // namespace

absl::StatusOr<std::unique_ptr<TokenPool>> TokenPool::Create(llama_model* model,
                                                             const TokenPoolOptions& options,
                                                             LlamaLibrary& library) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = options.cells;
  params.n_batch = options.max_rows;
  params.n_ubatch = options.max_rows;
  // One more than the slots: the owner of garbage.
  params.n_seq_max = options.slots + 1;
  params.n_outputs_max = std::max(options.max_outputs, options.slots + 1);
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  params.kv_unified = true;
  params.no_perf = true;
  // Chosen where the model and the device have it. Without, a row's result depends on how many
  // rows stand beside it.
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  if (options.reproducible) params.type_v = GGML_TYPE_BF16;
  library.TakeErrors();
  LlamaContextPtr context(llama_init_from_model(model, params));
  if (context == nullptr) {
    const std::string words = library.TakeErrors();
    const bool memory = absl::StrContains(words, "alloc") || absl::StrContains(words, "memory");
    return MakeError(memory ? Reason::kMemoryInsufficient : Reason::kModelLoadFailed,
                     absl::StrCat("The model's context of ", options.cells,
                                  " tokens cannot be set up", words.empty() ? "." : ": ", words));
  }
  return std::unique_ptr<TokenPool>(new TokenPool(model, options, std::move(context), library));
}

TokenPool::TokenPool(const llama_model* model, const TokenPoolOptions& options,
                     LlamaContextPtr context, LlamaLibrary& library)
    : options_(options),
      vocabulary_(llama_vocab_n_tokens(llama_model_get_vocab(model))),
      in_order_(llama_model_n_swa(model) == 0 && !llama_model_is_recurrent(model) &&
                !llama_model_is_hybrid(model)),
      context_(std::move(context)),
      library_(library),
      residents_(options.slots, nullptr),
      tokens_(options.max_rows),
      positions_(options.max_rows),
      counts_(options.max_rows, 1),
      ids_(options.max_rows),
      id_pointers_(options.max_rows),
      outputs_(options.max_rows) {
  for (int index = 0; index < options.max_rows; ++index) id_pointers_[index] = &ids_[index];
  llama_set_abort_callback(context_.get(), &TokenPool::ShouldAbort, this);
}

bool TokenPool::ShouldAbort(void* self) {
  const auto* pool = static_cast<TokenPool*>(self);
  const bool abort = !pool->cancels_.empty() &&
                     std::all_of(pool->cancels_.begin(), pool->cancels_.end(),
                                 [](const CancelToken* cancel) { return cancel->cancelled(); });
  if (abort) pool->library_.Mute(true);
  return abort;
}

void TokenPool::Admit(Sequence& sequence) {
  const auto free = std::find(residents_.begin(), residents_.end(), nullptr);
  sequence.slot = static_cast<int>(free - residents_.begin());
  *free = &sequence;
  const std::vector<uint8_t> parked = std::exchange(sequence.parked, {});
  if (sequence.cells == 0) return;
  if (parked.empty() ||
      llama_state_seq_set_data(context_.get(), parked.data(), parked.size(), sequence.slot) == 0) {
    llama_memory_seq_rm(memory(), sequence.slot, -1, -1);
    sequence.cells = 0;
    return;
  }
  live_ += sequence.cells;
}

void TokenPool::Park(Sequence& sequence) {
  if (!sequence.resident()) return;
  if (sequence.cells > 0) {
    sequence.parked.resize(llama_state_seq_get_size(context_.get(), sequence.slot));
    const size_t written = llama_state_seq_get_data(context_.get(), sequence.parked.data(),
                                                    sequence.parked.size(), sequence.slot);
    sequence.parked.resize(written);
  }
  Vacate(sequence);
  if (sequence.parked.empty()) sequence.cells = 0;
}

void TokenPool::Release(Sequence& sequence) {
  if (sequence.resident()) Vacate(sequence);
  sequence.parked = {};
  sequence.cells = 0;
}

void TokenPool::Vacate(Sequence& sequence) {
  live_ -= sequence.cells;
  residents_[sequence.slot] = nullptr;
  if (in_order_ && live_ == 0) {
    llama_memory_clear(memory(), /*data=*/false);
    garbage_ = 0;
  } else {
    if (in_order_ && sequence.cells > 0) {
      // A second owner keeps the cells from being used again.
      llama_memory_seq_cp(memory(), sequence.slot, options_.slots, -1, -1);
      garbage_ += sequence.cells;
    }
    llama_memory_seq_rm(memory(), sequence.slot, -1, -1);
  }
  sequence.slot = -1;
}

bool TokenPool::WantsCompaction(int cells) const {
  if (garbage_ == 0) return false;
  return live_ + garbage_ + cells > options_.cells ||
         garbage_ >= std::max(kTolerableGarbage, live_);
}

void TokenPool::Compact() {
  const std::vector<Sequence*> residents = residents_;
  for (Sequence* sequence : residents) {
    if (sequence != nullptr) Park(*sequence);
  }
  llama_memory_clear(memory(), /*data=*/false);
  live_ = garbage_ = 0;
}

void TokenPool::UseAdapter(llama_adapter_lora* adapter, float scale) {
  // The library compares, and does nothing when it is the same.
  llama_set_adapters_lora(context_.get(), &adapter, adapter == nullptr ? 0 : 1, &scale);
}

absl::StatusOr<TokenPool::Outcome> TokenPool::Decode(absl::Span<const Row> rows,
                                                     absl::Span<const CancelToken* const> cancels) {
  std::vector<int> next(options_.slots);
  for (size_t index = 0; index < rows.size(); ++index) {
    const Sequence& sequence = *rows[index].sequence;
    tokens_[index] = rows[index].token;
    positions_[index] = sequence.cells + next[sequence.slot]++;
    ids_[index] = sequence.slot;
    outputs_[index] = rows[index].output;
  }
  llama_batch batch = {};
  batch.n_tokens = static_cast<int32_t>(rows.size());
  batch.token = tokens_.data();
  batch.pos = positions_.data();
  batch.n_seq_id = counts_.data();
  batch.seq_id = id_pointers_.data();
  batch.logits = outputs_.data();

  cancels_ = cancels;
  const int32_t result = llama_decode(context_.get(), batch);
  // Computing may go on in the background until its results are asked for.
  if (result == 0) llama_synchronize(context_.get());
  cancels_ = {};
  library_.Mute(false);
  if (result == 0) {
    for (const Row& row : rows) ++row.sequence->cells;
    live_ += static_cast<int>(rows.size());
    return Outcome::kDone;
  }
  if (result == 1) return Outcome::kNoRoom;
  RollBack(rows);
  if (result == 2) return Outcome::kAborted;
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("libllama could not compute a batch (code ", result, ")."));
}

void TokenPool::RollBack(absl::Span<const Row> rows) {
  for (const Row& row : rows) {
    Sequence& sequence = *row.sequence;
    if (llama_memory_seq_rm(memory(), sequence.slot, sequence.cells, -1)) continue;
    // A recurrent state has no past to go back to; it is computed again from the start.
    llama_memory_seq_rm(memory(), sequence.slot, -1, -1);
    live_ -= sequence.cells;
    sequence.cells = 0;
  }
}

absl::Span<float> TokenPool::Scores(int index) {
  float* scores = llama_get_logits_ith(context_.get(), index);
  return {scores, scores == nullptr ? 0 : static_cast<size_t>(vocabulary_)};
}

}  // namespace intelligenced

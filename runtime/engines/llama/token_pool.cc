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
  // Two more than the slots: the owner of garbage, and one for moving parts of sequences.
  params.n_seq_max = options.slots + options.shared_slots + 2;
  params.n_outputs_max = std::max<uint32_t>(options.max_outputs, params.n_seq_max);
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  params.kv_unified = true;
  params.no_perf = true;
  // Chosen where the model and the device have it. Without, a row's result depends on how many
  // rows stand beside it.
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  if (options.reproducible) {
    params.type_k = GGML_TYPE_BF16;
    params.type_v = GGML_TYPE_F32;
  }
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
      residents_(options.slots + options.shared_slots, nullptr),
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
  const bool abort = pool->give_up_ != nullptr && (*pool->give_up_)();
  if (abort) pool->library_.Mute(true);
  return abort;
}

std::shared_ptr<Sequence> TokenPool::MakeShared() {
  return {new Sequence, [this](Sequence* sequence) {
            Release(*sequence);
            delete sequence;
          }};
}

int TokenPool::FreeSlot() const {
  const auto free = std::find(residents_.begin(), residents_.end(), nullptr);
  return free == residents_.end() ? -1 : static_cast<int>(free - residents_.begin());
}

void TokenPool::Admit(Sequence& sequence) {
  if (sequence.base != nullptr && !sequence.base->resident()) Admit(*sequence.base);
  sequence.slot = FreeSlot();
  residents_[sequence.slot] = &sequence;
  const std::vector<uint8_t> parked = std::exchange(sequence.parked, {});
  const int own = sequence.own_cells();
  if (sequence.base != nullptr) {
    if (sequence.base->cells != sequence.base_cells) {
      Forget(sequence);
      return;
    }
    llama_memory_seq_cp(memory(), sequence.base->slot, sequence.slot, 0, sequence.base_cells);
    for (const int place : sequence.base->places) OwnCell(sequence, place);
  }
  if (own > 0 && !AppendState(parked, own, sequence)) Forget(sequence);
}

void TokenPool::Park(Sequence& sequence) {
  if (!sequence.resident()) return;
  if (sequence.own_cells() > 0) {
    sequence.parked = ReadState(sequence, sequence.base_cells, sequence.cells);
    if (sequence.parked.empty()) Forget(sequence);
  }
  Vacate(sequence);
}

void TokenPool::Release(Sequence& sequence) {
  if (sequence.resident()) Vacate(sequence);
  sequence.parked = {};
  sequence.cells = sequence.base_cells = 0;
  sequence.base = nullptr;
}

void TokenPool::Begin(Sequence& sequence, std::shared_ptr<Sequence> base) {
  sequence.cells = sequence.base_cells = base->cells;
  sequence.base = std::move(base);
}

void TokenPool::Copy(const Sequence& from, int count, Sequence& to) {
  llama_memory_seq_cp(memory(), from.slot, to.slot, 0, count);
  for (int index = 0; index < count; ++index) OwnCell(to, from.places[index]);
  to.cells = count;
  if (from.base == nullptr || count < from.base_cells) return;
  to.base = from.base;
  to.base_cells = from.base_cells;
}

bool TokenPool::CopyParked(const Sequence& from, int count, Sequence& to) {
  if (static_cast<int>(owners_.size()) + from.own_cells() > options_.cells) return false;
  if (from.base != nullptr) {
    if (!from.base->resident()) Admit(*from.base);
    if (from.base->cells != from.base_cells) return false;
    Copy(*from.base, std::min(count, from.base_cells), to);
    if (count < from.base_cells) return true;
    to.base = from.base;
    to.base_cells = from.base_cells;
  }
  if (!AppendState(from.parked, from.own_cells(), to)) {
    Forget(to);
    return false;
  }
  to.cells = from.cells;
  Truncate(to, count);
  return true;
}

std::shared_ptr<Sequence> TokenPool::Split(Sequence& sequence, int count) {
  const int slot = FreeSlot();
  if (slot < 0 || sequence.base != nullptr) return nullptr;
  std::shared_ptr<Sequence> base = MakeShared();
  base->slot = slot;
  residents_[slot] = base.get();
  Copy(sequence, count, *base);
  sequence.base = base;
  sequence.base_cells = count;
  return base;
}

void TokenPool::Truncate(Sequence& sequence, int count) {
  if (count >= sequence.cells) return;
  if (in_order_) {
    DropCells(sequence, count);
    sequence.cells = count;
  } else if (llama_memory_seq_rm(memory(), sequence.slot, count, -1)) {
    live_ -= sequence.cells - count;
    sequence.cells = count;
  } else {
    // A recurrent state has no past to go back to; it is computed again from the start.
    Forget(sequence);
  }
}

void TokenPool::OwnCell(Sequence& sequence, int place) {
  sequence.places.push_back(place);
  if (++owners_[place] == 1) ++live_;
}

void TokenPool::DropCells(Sequence& sequence, int first) {
  // Cells that nobody else owns get a second owner, which keeps them from being used again.
  const int last = static_cast<int>(sequence.places.size());
  for (int begin = first; begin < last;) {
    int end = begin;
    while (end < last && owners_[sequence.places[end]] == 1) ++end;
    const int count = end - begin;
    live_ -= count;
    if (count > 0 && sequence.places[begin] == static_cast<int>(owners_.size()) - count) {
      // The last ones in the pool are free again.
      owners_.resize(owners_.size() - count);
    } else if (count > 0) {
      llama_memory_seq_cp(memory(), sequence.slot, garbage_id(), begin, end);
      garbage_ += count;
      for (int index = begin; index < end; ++index) owners_[sequence.places[index]] = 0;
    }
    begin = end;
    while (begin < last && owners_[sequence.places[begin]] > 1) --owners_[sequence.places[begin++]];
  }
  llama_memory_seq_rm(memory(), sequence.slot, first, -1);
  sequence.places.resize(first);
}

void TokenPool::Forget(Sequence& sequence) {
  if (in_order_) {
    DropCells(sequence, 0);
  } else {
    llama_memory_seq_rm(memory(), sequence.slot, -1, -1);
    live_ -= sequence.cells;
  }
  sequence.cells = sequence.base_cells = 0;
  sequence.base = nullptr;
}

void TokenPool::Vacate(Sequence& sequence) {
  if (in_order_) {
    DropCells(sequence, 0);
  } else {
    llama_memory_seq_rm(memory(), sequence.slot, -1, -1);
    live_ -= sequence.cells;
  }
  residents_[sequence.slot] = nullptr;
  sequence.slot = -1;
  if (in_order_ && live_ == 0) {
    llama_memory_clear(memory(), /*data=*/false);
    owners_.clear();
    garbage_ = 0;
  }
}

std::vector<uint8_t> TokenPool::ReadState(const Sequence& sequence, int first, int last) {
  // The library reads whole sequences only.
  int id = sequence.slot;
  if (first > 0 || last < sequence.cells) {
    id = scratch_id();
    llama_memory_seq_cp(memory(), sequence.slot, id, first, last);
  }
  std::vector<uint8_t> state(llama_state_seq_get_size(context_.get(), id));
  state.resize(llama_state_seq_get_data(context_.get(), state.data(), state.size(), id));
  if (id == scratch_id()) llama_memory_seq_rm(memory(), id, -1, -1);
  return state;
}

bool TokenPool::AppendState(const std::vector<uint8_t>& state, int cells, Sequence& sequence) {
  const int id = scratch_id();
  if (state.empty() ||
      llama_state_seq_set_data(context_.get(), state.data(), state.size(), id) == 0) {
    llama_memory_seq_rm(memory(), id, -1, -1);
    return false;
  }
  llama_memory_seq_cp(memory(), id, sequence.slot, -1, -1);
  llama_memory_seq_rm(memory(), id, -1, -1);
  AppendCells(sequence, cells);
  return true;
}

void TokenPool::AppendCells(Sequence& sequence, int cells) {
  if (!in_order_) {
    live_ += cells;
    return;
  }
  for (int index = 0; index < cells; ++index) {
    owners_.push_back(0);
    OwnCell(sequence, static_cast<int>(owners_.size()) - 1);
  }
}

bool TokenPool::WantsCompaction(int cells) const {
  if (garbage_ == 0) return false;
  return live_ + garbage_ + cells > options_.cells ||
         garbage_ >= std::max(kTolerableGarbage, live_);
}

void TokenPool::Compact() {
  if (garbage_ == 0) return;
  // What lies in front of the first garbage stays; the rest is read, dropped and appended again.
  // A run is a part of a sequence whose cells have the same owners throughout.
  struct Run {
    int first = 0;
    int last = 0;
    int place = 0;
    std::vector<Sequence*> owners;
    std::vector<uint8_t> state;
  };
  const int kept = static_cast<int>(std::find(owners_.begin(), owners_.end(), 0) - owners_.begin());
  std::vector<std::vector<Sequence*>> owners(owners_.size());
  for (Sequence* sequence : residents_) {
    if (sequence == nullptr) continue;
    for (const int place : sequence->places) owners[place].push_back(sequence);
  }
  std::vector<Run> runs;
  for (Sequence* sequence : residents_) {
    if (sequence == nullptr) continue;
    const std::vector<int>& places = sequence->places;
    const int cells = static_cast<int>(places.size());
    for (int first = 0, last = 0; first < cells; first = last) {
      const std::vector<Sequence*>& run = owners[places[first]];
      for (last = first + 1; last < cells && owners[places[last]] == run;) ++last;
      // One cell may lie before the border and the next behind it; each side is a run then.
      const auto border = std::lower_bound(places.begin() + first, places.begin() + last, kept);
      first = static_cast<int>(border - places.begin());
      // Read once, for its first owner.
      if (first == last || run.front() != sequence) continue;
      runs.push_back({first, last, places[first], run, ReadState(*sequence, first, last)});
    }
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.place < b.place; });

  llama_memory_seq_rm(memory(), garbage_id(), -1, -1);
  garbage_ = 0;
  for (Sequence* sequence : residents_) {
    if (sequence == nullptr) continue;
    std::vector<int>& places = sequence->places;
    const auto border = std::lower_bound(places.begin(), places.end(), kept);
    llama_memory_seq_rm(memory(), sequence->slot, static_cast<int>(border - places.begin()), -1);
    places.erase(border, places.end());
  }
  owners_.resize(kept);
  live_ = kept;
  std::vector<Sequence*> lost;
  for (Run& run : runs) {
    Sequence& first = *run.owners.front();
    if (static_cast<int>(first.places.size()) != run.first ||
        !AppendState(std::exchange(run.state, {}), run.last - run.first, first)) {
      lost.insert(lost.end(), run.owners.begin(), run.owners.end());
      continue;
    }
    for (auto owner = run.owners.begin() + 1; owner != run.owners.end(); ++owner) {
      Sequence& sequence = **owner;
      if (static_cast<int>(sequence.places.size()) != run.first) {
        lost.push_back(&sequence);
        continue;
      }
      llama_memory_seq_cp(memory(), first.slot, sequence.slot, run.first, run.last);
      for (int index = run.first; index < run.last; ++index) {
        OwnCell(sequence, first.places[index]);
      }
    }
  }
  for (Sequence* sequence : lost) Forget(*sequence);
}

void TokenPool::ParkAll() {
  const std::vector<Sequence*> residents = residents_;
  for (Sequence* sequence : residents) {
    if (sequence != nullptr) Park(*sequence);
  }
  llama_memory_clear(memory(), /*data=*/false);
  owners_.clear();
  live_ = garbage_ = 0;
}

void TokenPool::UseAdapter(llama_adapter_lora* adapter, float scale) {
  // The library compares, and does nothing when it is the same.
  llama_set_adapters_lora(context_.get(), &adapter, adapter == nullptr ? 0 : 1, &scale);
}

absl::StatusOr<TokenPool::Outcome> TokenPool::Decode(absl::Span<const Row> rows,
                                                     absl::FunctionRef<bool()> give_up) {
  std::vector<int> next(residents_.size());
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

  give_up_ = &give_up;
  const int32_t result = llama_decode(context_.get(), batch);
  // Computing may go on in the background until its results are asked for.
  if (result == 0) llama_synchronize(context_.get());
  give_up_ = nullptr;
  library_.Mute(false);
  if (result == 0) {
    for (const Row& row : rows) {
      ++row.sequence->cells;
      AppendCells(*row.sequence, 1);
    }
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
    Forget(sequence);
  }
}

absl::Span<float> TokenPool::Scores(int index) {
  float* scores = llama_get_logits_ith(context_.get(), index);
  return {scores, scores == nullptr ? 0 : static_cast<size_t>(vocabulary_)};
}

}  // namespace intelligenced

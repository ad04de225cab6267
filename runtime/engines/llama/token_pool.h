// The one llama_context of a model and the room in it: all jobs' states lie in one pool of cells.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_POOL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_POOL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/llama/llama_library.h"

namespace intelligenced {

// The state of one token sequence: in the pool (a slot), parked in host memory, or not yet begun.
struct Sequence {
  int slot = -1;
  // Tokens whose state exists.
  int cells = 0;
  // What it begins with and shares with others: all of a sequence that is never continued itself.
  // Its cells are not copied, in the pool or out of it.
  std::shared_ptr<Sequence> base;
  int base_cells = 0;
  // While out of the pool: the state of what comes after the base.
  std::vector<uint8_t> parked;
  // While in the pool, and where cells are kept in order: the cell of each token.
  std::vector<int> places;

  bool resident() const { return slot >= 0; }
  int own_cells() const { return cells - base_cells; }
};

struct TokenPoolOptions {
  int cells = 0;
  int slots = 0;
  // Sequences beyond `slots` that may be resident: what is shared (TokenPool::CanShare).
  int shared_slots = 0;
  // Rows of one batch, and those of them whose scores are wanted.
  int max_rows = 0;
  int max_outputs = 0;
  int threads = 1;
  // Keep the keys and values of the attention cache in types for which libllama has one way of
  // computing whatever the batch looks like (README.md).
  bool reproducible = true;
};

// A model computes with floating point numbers, and adds up the cells of a sequence in the order
// in which they lie in the pool. So that a text does not depend on who else came and went, the
// pool is filled from front to back: what is released stays as garbage until Compact(), and each
// sequence's cells always lie in the order of its tokens. Sequences may own cells together: what
// is shared lies in front of what each of them added. Models whose memory is not a plain list of
// cells (recurrent, sliding window) free at once, without that guarantee, and share nothing.
//
// Not thread-safe. Sequences must be released before they or the pool go.
class TokenPool {
 public:
  struct Row {
    Sequence* sequence = nullptr;
    llama_token token = 0;
    // Scores are wanted after this token.
    bool output = false;
  };
  enum class Outcome {
    kDone,
    // `give_up` said so; nothing was added.
    kAborted,
    // The library found no room; nothing was added.
    kNoRoom,
  };

  // `library` must outlive the pool. MEMORY_INSUFFICIENT or MODEL_LOAD_FAILED, with its words.
  static absl::StatusOr<std::unique_ptr<TokenPool>> Create(llama_model* model,
                                                           const TokenPoolOptions& options,
                                                           LlamaLibrary& library);

  // A sequence that releases itself when its last owner goes. The pool must outlive it.
  std::shared_ptr<Sequence> MakeShared();

  // Gives `sequence` a slot, and its parked state its place in the pool; its base is admitted
  // first. A state that cannot be put back is forgotten (cells becomes 0, without a base) and is
  // computed again. There must be a free slot, and another one for a base that is not resident.
  void Admit(Sequence& sequence);
  // Moves the state of a resident sequence to host memory. One that cannot be read is forgotten.
  void Park(Sequence& sequence);
  // Forgets the sequence, wherever it is.
  void Release(Sequence& sequence);

  // Whether sequences of this model can own cells together.
  bool CanShare() const { return in_order_; }
  // Lets an empty sequence begin with all of `base`.
  void Begin(Sequence& sequence, std::shared_ptr<Sequence> base);
  // Lets an empty resident sequence begin with the first `count` tokens of a resident one, which
  // both then own.
  void Copy(const Sequence& from, int count, Sequence& to);
  // Lets an empty resident sequence begin with the first `count` tokens of one that is out of the
  // pool and stays there. False, and nothing is changed, when there is no room for all of it, or
  // the state cannot be put back. Needs a free slot for a base that is not resident.
  bool CopyParked(const Sequence& from, int count, Sequence& to);
  // Makes the first `count` tokens of a resident sequence its base, and returns that. Null when
  // there is no free slot or it has a base already.
  std::shared_ptr<Sequence> Split(Sequence& sequence, int count);
  // Whether tokens of this model can be forgotten again one by one, and cost nothing then.
  bool CanTruncate() const { return in_order_; }
  // Forgets all but the first `count` tokens of a resident sequence, as after drafts that were
  // not accepted; at least what it shares with its base.
  void Truncate(Sequence& sequence, int count);

  // True when garbage should go before `cells` more are added.
  bool WantsCompaction(int cells) const;
  // Drops the garbage. Resident sequences stay so, sharing what they share; one whose state cannot
  // be put back is forgotten, as by Admit().
  void Compact();
  // Parks every resident sequence and empties the pool.
  void ParkAll();

  // What the batches from now on are computed with, at `scale`; null: the model's weights alone.
  // A sequence keeps to one adapter for its life: its cells are of no use to another. The adapter
  // must outlive the pool's use of it.
  void UseAdapter(llama_adapter_lora* adapter, float scale);

  // Computes `rows`, which belong to resident sequences and continue each where it ends. While it
  // computes, `give_up` is asked, on a thread of the library's, whether to stop. ENGINE_FAILURE:
  // the library failed; the model is of no more use.
  absl::StatusOr<Outcome> Decode(absl::Span<const Row> rows, absl::FunctionRef<bool()> give_up);

  struct RowOptions {
    // The rows look at each other in both directions, instead of back only.
    bool both_ways = false;
    // Scores are wanted after the last one.
    bool output = false;
  };
  // Computes `count` rows that are no tokens, at most max_rows, as the continuation of a resident
  // sequence; they take cells as tokens do. Outcomes and errors as for Decode().
  absl::StatusOr<Outcome> DecodeRows(Sequence& sequence, absl::Span<const float> rows, int count,
                                     const RowOptions& options, absl::FunctionRef<bool()> give_up);

  // The scores after row `index` of the last batch, one for each token of the vocabulary.
  absl::Span<float> Scores(int index);

  int cells() const { return options_.cells; }
  int slots() const { return options_.slots; }
  // Cells that sequences own, each counted once; and cells that nobody owns and that are not free.
  int live() const { return live_; }
  int garbage() const { return garbage_; }

 private:
  TokenPool(const llama_model* model, const TokenPoolOptions& options, LlamaContextPtr context,
            LlamaLibrary& library);

  static bool ShouldAbort(void* self);
  llama_memory_t memory() const { return llama_get_memory(context_.get()); }
  // Sequence numbers of the library beside the slots'.
  int garbage_id() const { return static_cast<int>(residents_.size()); }
  int scratch_id() const { return garbage_id() + 1; }
  int FreeSlot() const;
  // Takes the state out of the pool; the sequence keeps its count of cells.
  void Vacate(Sequence& sequence);
  // Gives up the cells of tokens from `first` on.
  void DropCells(Sequence& sequence, int first);
  void OwnCell(Sequence& sequence, int place);
  // The state of tokens [first, last) of a resident sequence; empty when it cannot be read.
  std::vector<uint8_t> ReadState(const Sequence& sequence, int first, int last);
  bool AppendState(const std::vector<uint8_t>& state, int cells, Sequence& sequence);
  void AppendCells(Sequence& sequence, int cells);
  void Forget(Sequence& sequence);
  void RollBack(absl::Span<const Row> rows);

  const TokenPoolOptions options_;
  const int vocabulary_;
  // The pool is filled from front to back.
  const bool in_order_;
  const LlamaContextPtr context_;
  LlamaLibrary& library_;
  // By slot; null where free.
  std::vector<Sequence*> residents_;
  int live_ = 0;
  int garbage_ = 0;
  // Where cells are kept in order: owners of each cell that is not free, from the front.
  std::vector<uint16_t> owners_;

  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<int32_t> counts_;
  std::vector<llama_seq_id> ids_;
  std::vector<llama_seq_id*> id_pointers_;
  std::vector<int8_t> outputs_;

  // While a batch is computed.
  const absl::FunctionRef<bool()>* give_up_ = nullptr;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TOKEN_POOL_H_

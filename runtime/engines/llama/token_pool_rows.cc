// Rows that are no tokens: parts of pictures.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/token_pool.h"

namespace intelligenced {

absl::StatusOr<TokenPool::Outcome> TokenPool::DecodeRows(Sequence& sequence,
                                                         absl::Span<const float> rows, int count,
                                                         const RowOptions& options,
                                                         absl::FunctionRef<bool()> give_up) {
  for (int index = 0; index < count; ++index) {
    positions_[index] = sequence.cells + index;
    ids_[index] = sequence.slot;
    outputs_[index] = options.output && index == count - 1;
  }
  llama_batch batch = {};
  batch.n_tokens = count;
  // The library reads only.
  batch.embd = const_cast<float*>(rows.data());
  batch.pos = positions_.data();
  batch.n_seq_id = counts_.data();
  batch.seq_id = id_pointers_.data();
  batch.logits = outputs_.data();

  give_up_ = &give_up;
  if (options.both_ways) llama_set_causal_attn(context_.get(), false);
  const int32_t result = llama_decode(context_.get(), batch);
  if (result == 0) llama_synchronize(context_.get());
  if (options.both_ways) llama_set_causal_attn(context_.get(), true);
  give_up_ = nullptr;
  library_.Mute(false);
  if (result == 0) {
    sequence.cells += count;
    AppendCells(sequence, count);
    return Outcome::kDone;
  }
  if (result == 1) return Outcome::kNoRoom;
  if (!llama_memory_seq_rm(memory(), sequence.slot, sequence.cells, -1)) Forget(sequence);
  if (result == 2) return Outcome::kAborted;
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("libllama could not compute a picture (code ", result, ")."));
}

}  // namespace intelligenced

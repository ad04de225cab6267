// The networks of a translating model: the encoder, and the decoder with what it keeps of the
// tokens before.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATION_NETWORKS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATION_NETWORKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/onnx_session.h"
#include "runtime/engines/onnx/seq2seq/generation.h"
#include "runtime/engines/onnx/seq2seq/search.h"

namespace intelligenced {

// Texts that go through the decoder together, token by token.
class DecodingBatch {
 public:
  virtual ~DecodingBatch() = default;

  // One token for each row; rows go on from rows of the step before, in any order and number. In
  // the first step `before` is the place of the source. A source that no row goes on from is
  // forgotten. Errors: CANCELLED, MEMORY_INSUFFICIENT, ENGINE_FAILURE; the batch is of no use then.
  virtual absl::Status Step(absl::Span<const SearchRow> rows, const CancelToken& cancel) = 0;

  // Of the last step: what the network says of every token after row `row`.
  virtual const float* scores(size_t row) const = 0;
};

// Used by one thread at a time.
class TranslationNetworks {
 public:
  struct Sessions {
    std::shared_ptr<OnnxSession> encoder;
    // Either `decoder` and `with_past`, or `merged` with the input use_cache_branch.
    std::shared_ptr<OnnxSession> decoder;
    std::shared_ptr<OnnxSession> with_past;
    std::shared_ptr<OnnxSession> merged;
  };

  // MODEL_LOAD_FAILED with what a network has and should have.
  static absl::StatusOr<std::unique_ptr<TranslationNetworks>> Make(Sessions sessions,
                                                                   const Seq2SeqConfig& config);
  virtual ~TranslationNetworks() = default;

  // Runs the encoder over all sources at once, the shorter ones padded. Errors as of Step().
  virtual absl::StatusOr<std::unique_ptr<DecodingBatch>> Encode(
      const std::vector<std::vector<int64_t>>& sources, const CancelToken& cancel) = 0;

  // What is kept of a token of one row.
  virtual uint64_t cache_bytes_per_token() const = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATION_NETWORKS_H_

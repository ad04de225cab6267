// One TranslateTask: segments to tokens, groups of them through the networks, tokens to text.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATE_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATE_JOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/engines/onnx/onnx_jobs.h"
#include "runtime/engines/onnx/seq2seq/batching.h"
#include "runtime/engines/onnx/seq2seq/generation.h"
#include "runtime/engines/onnx/seq2seq/translation_networks.h"
#include "runtime/engines/onnx/tokenizers/translation_tokenizer.h"

namespace intelligenced {

// What the jobs of one model share. Used by one thread at a time.
struct TranslatorCore {
  std::unique_ptr<TranslationTokenizer> tokenizer;
  std::unique_ptr<TranslationNetworks> networks;
  Seq2SeqConfig config;
  Pace pace;
  const Clock* clock = nullptr;
};

// A unit is some segments to tokens, one run of the encoder over a group, or one token more for
// each text of it. `core` outlives the job. Errors: FIELD_INVALID, LANGUAGE_UNSUPPORTED; a segment
// that is too long (CONTEXT_WINDOW_EXCEEDED, with the tokens where they were counted) is told by
// the first units.
absl::StatusOr<std::unique_ptr<OnnxJob>> MakeTranslateJob(TranslatorCore* core,
                                                          engine_proto::TranslateTask task,
                                                          CancelToken cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATE_JOB_H_

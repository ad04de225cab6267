// An encoder–decoder model in a GGUF file that translates: MADLAD-400, whose vocabulary has a token
// "<2es>" for each language that it translates into, and T5 as it was published, which is told by
// words ("translate English to German: ").
//
// Segments of all jobs are read by the encoder together and then written token by token together,
// greedily. A group of segments is in the model until all of it is written; one of whose jobs none
// is stepped any more gives way to jobs that are, and begins anew later.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TRANSLATION_MODEL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TRANSLATION_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/parameters.h"

namespace intelligenced {

// It has an encoder that reads and a decoder that writes.
bool IsTranslationModel(const llama_model* model);

struct TranslationOptions {
  LlamaParameters parameters;
  int threads = 1;
  bool gpu = false;
};

// `library` and `clock` outlive the model. Translates one text. Errors: FIELD_INVALID (parameters),
// MODEL_LOAD_FAILED, MEMORY_INSUFFICIENT.
absl::StatusOr<std::unique_ptr<Model>> MakeTranslationModel(LlamaModelPtr model,
                                                            const TranslationOptions& options,
                                                            LlamaLibrary& library,
                                                            const Clock* clock);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_TRANSLATION_MODEL_H_

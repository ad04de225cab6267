// The family "seq2seq": published translating models (OPUS-MT, M2M100, NLLB) in the layout of
// Hugging Face Optimum's exports.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATOR_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATOR_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

inline constexpr std::string_view kTranslatorNetworks[] = {"encoder", "decoder",
                                                           "decoder-with-past", "decoder-merged"};

// As TextFamilyEntry::make. Beside the networks: "config" and "generation-config" (may be missing)
// and the files of the tokenizer. The parameters "source_languages" and "target_languages" (BCP-47,
// with commas) say what the files of an OPUS-MT model do not. One word is translated to see that
// the networks do their work.
absl::StatusOr<std::unique_ptr<TextFamily>> MakeTranslator(TextFamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_TRANSLATOR_H_

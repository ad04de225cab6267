#include "runtime/engines/onnx/text_family.h"

#include "runtime/engines/onnx/encoders/encoder.h"
#include "runtime/engines/onnx/seq2seq/translator.h"

namespace intelligenced {
namespace {

constexpr TextFamilyEntry kFamilies[] = {
    {"sentence-encoder", kEncoderNetworks, MakeSentenceEncoder},
    {"seq2seq", kTranslatorNetworks, MakeTranslator},
    {"text-classifier", kEncoderNetworks, MakeTextClassifier},
    {"token-classifier", kEncoderNetworks, MakeTokenClassifier},
};

}  // namespace

absl::Span<const TextFamilyEntry> AllTextFamilies() { return kFamilies; }

}  // namespace intelligenced

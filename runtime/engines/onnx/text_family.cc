#include "runtime/engines/onnx/text_family.h"

#include "runtime/engines/onnx/seq2seq/translator.h"

namespace intelligenced {
namespace {

constexpr TextFamilyEntry kFamilies[] = {
    {"seq2seq", kTranslatorNetworks, MakeTranslator},
};

}  // namespace

absl::Span<const TextFamilyEntry> AllTextFamilies() { return kFamilies; }

}  // namespace intelligenced

#include "runtime/engines/onnx/text_family.h"

#include <utility>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/diffusion.h"
#include "runtime/engines/onnx/diffusion/style_transfer.h"
#include "runtime/engines/onnx/diffusion/upscale_job.h"
#include "runtime/engines/onnx/encoders/encoder.h"
#include "runtime/engines/onnx/seq2seq/translator.h"

namespace intelligenced {
namespace {

constexpr TextFamilyEntry kFamilies[] = {
    {"diffusion", kDiffusionNetworks, MakeDiffusion},
    {"lanczos", {}, MakeLanczos},
    {"sentence-encoder", kEncoderNetworks, MakeSentenceEncoder},
    {"seq2seq", kTranslatorNetworks, MakeTranslator},
    {"style-transfer", kStyleNetworks, MakeStyleTransfer},
    {"text-classifier", kEncoderNetworks, MakeTextClassifier},
    {"token-classifier", kEncoderNetworks, MakeTokenClassifier},
};

}  // namespace

absl::StatusOr<std::unique_ptr<OnnxJob>> TextFamily::StartWith(const engine_proto::Task& task,
                                                               const Attachments& attachments,
                                                               CancelToken cancel) {
  if (attachments.empty()) return Start(task, std::move(cancel));
  return FieldError("task", "This model takes no pictures.");
}

absl::Span<const TextFamilyEntry> AllTextFamilies() { return kFamilies; }

}  // namespace intelligenced

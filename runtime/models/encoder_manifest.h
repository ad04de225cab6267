// What a folder with an encoder of text says of itself, as Hugging Face Optimum exports them: a
// configuration, a tokenizer, one network in ONNX.
#ifndef INTELLIGENCED_RUNTIME_MODELS_ENCODER_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_ENCODER_MANIFEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// True for a config.json whose architectures are those of encoders: BertModel,
// DistilBertForSequenceClassification, …ForTokenClassification, …ForMaskedLM.
bool IsEncoderConfig(std::string_view config);

// A manifest without its `name` and `origin`: family "sentence-encoder", "text-classifier" or
// "token-classifier" by the configuration, roles by the files' names ("model.onnx" or another
// .onnx, "tokenizer.json" or "vocab.txt", "config.json", "tokenizer_config.json"; others are left
// out). FIELD_INVALID ("file") with what is missing, or which file is one too many. Pure.
absl::StatusOr<Manifest> ManifestFromEncoder(std::string_view config,
                                             std::vector<ManifestFile> files);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_ENCODER_MANIFEST_H_

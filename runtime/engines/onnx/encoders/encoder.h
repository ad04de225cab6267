// Encoders of text as they are published for ONNX: word pieces in, and out of them a vector,
// classes or names. Families of TextFamily:
//
//   sentence-encoder   EmbedTextTask. The vector is the network's own (an output of two dimensions
//                      named sentence_embedding), else pooled from its tokens' under the attention
//                      mask, as the parameter "pooling" says: mean (default) or cls.
//   text-classifier    ClassifyTextTask. Labels are the configuration's id2label; together 1
//                      (softmax), or each for itself where problem_type is
//                      multi_label_classification.
//   token-classifier   FindEntitiesTask. Labels as IOB1, IOB2 or BIOES have them, or bare; a word
//                      has the label of its first piece.
//
// Files by role: "model" (inputs input_ids, attention_mask and, where it has them, token_type_ids),
// "tokenizer" (tokenizer.json or vocab.txt), "config" (config.json), "tokenizer-config" (may be
// absent). Parameters: "pooling", "query_prefix", "document_prefix", "similarity_prefix".
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_H_

#include <array>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

inline constexpr std::array<std::string_view, 1> kEncoderNetworks = {"model"};

absl::StatusOr<std::unique_ptr<TextFamily>> MakeSentenceEncoder(TextFamilyParts parts);
absl::StatusOr<std::unique_ptr<TextFamily>> MakeTextClassifier(TextFamilyParts parts);
absl::StatusOr<std::unique_ptr<TextFamily>> MakeTokenClassifier(TextFamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ENCODERS_ENCODER_H_

// A SentencePiece model: text to pieces and back.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_SENTENCE_PIECES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_SENTENCE_PIECES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

// Immutable and thread-safe once loaded. Nothing that the library throws leaves it.
class SentencePieces {
 public:
  // MODEL_CORRUPT when the file is no SentencePiece model; errors of ReadFile.
  static absl::StatusOr<std::unique_ptr<SentencePieces>> Load(const std::string& path);
  ~SentencePieces();

  // Pieces as the model spells them ("▁Hello"); what it does not know stays as it is written.
  absl::StatusOr<std::vector<std::string>> Encode(std::string_view text) const;
  // The model's own numbers.
  absl::StatusOr<std::vector<int>> EncodeNumbers(std::string_view text) const;
  // Pieces that the model does not know come out as they are.
  absl::StatusOr<std::string> Decode(const std::vector<std::string>& pieces) const;

  int size() const;
  // `number` is 0 to size() - 1.
  std::string Piece(int number) const;

 private:
  struct Core;
  explicit SentencePieces(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_SENTENCE_PIECES_H_

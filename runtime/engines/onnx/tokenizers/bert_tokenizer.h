// BERT's tokenizer: text to word pieces, each with its place in the text.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_BERT_TOKENIZER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_BERT_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

struct BertTokens {
  std::vector<int64_t> ids;
  // In bytes of the text; empty for the marks before and after it.
  std::vector<ByteSpan> spans;
  // The token begins a word: the first of its pieces.
  std::vector<bool> begins_word;
};

// Immutable and thread-safe.
class BertTokenizer {
 public:
  // `tokenizer`: the content of a tokenizer.json with a WordPiece model, or of a vocab.txt.
  // `config`: that of a tokenizer_config.json, read beside a vocab.txt; may be empty.
  // MODEL_LOAD_FAILED with what is missing or of another kind.
  static absl::StatusOr<BertTokenizer> Parse(std::string_view tokenizer, std::string_view config);

  // With [CLS] before and [SEP] behind. Valid UTF-8.
  BertTokens Encode(std::string_view text) const;

  int64_t padding() const { return padding_; }
  // Tokens are 0 to size() - 1.
  int64_t size() const { return size_; }

 private:
  struct Letter {
    char32_t character;
    ByteSpan place;
  };

  absl::Status Finish();
  void AddLetter(char32_t character, ByteSpan place, std::vector<Letter>& word) const;
  void EndWord(std::vector<Letter>& word, BertTokens& tokens) const;

  absl::flat_hash_map<std::string, int64_t> vocabulary_;
  std::string unknown_token_ = "[UNK]";
  std::string rest_ = "##";
  size_t longest_word_ = 100;
  bool clean_ = true;
  bool lower_ = true;
  bool strip_accents_ = true;
  bool space_ideographs_ = true;
  int64_t size_ = 0;
  int64_t unknown_ = 0, first_ = 0, last_ = 0, padding_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_BERT_TOKENIZER_H_

// CLIP's tokenizer: text to byte pairs, by a vocab.json and a merges.txt. Immutable and
// thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_CLIP_TOKENIZER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_CLIP_TOKENIZER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace intelligenced {

class ClipTokenizer {
 public:
  // The contents of the three files; `config` (tokenizer_config.json) may be empty.
  // MODEL_CORRUPT for what is no vocabulary, or merges of what is not in it; MODEL_LOAD_FAILED
  // where the marks of begin and end are not in the vocabulary.
  static absl::StatusOr<ClipTokenizer> Parse(std::string_view vocabulary, std::string_view merges,
                                             std::string_view config);

  // Without marks. Lower case, normalized (NFC); what has no token is the end mark, as published.
  // Valid UTF-8. Runs of letters or marks longer than 512 bytes are cut.
  std::vector<int64_t> Encode(std::string_view text) const;

  int64_t begin() const { return begin_; }
  int64_t end() const { return end_; }
  int64_t padding() const { return padding_; }
  // Tokens are 0 to size() - 1.
  int64_t size() const { return size_; }
  // Of a window, with its marks; at least 3.
  size_t window() const { return window_; }

 private:
  struct Merge {
    int64_t rank = 0;
    int32_t to = 0;
  };

  absl::Status ReadVocabulary(std::string_view text);
  absl::Status ReadMerges(std::string_view text);
  absl::Status ReadConfig(std::string_view text);
  int32_t SymbolOf(const std::string& text);
  void AddWord(std::string_view word, std::vector<int64_t>& tokens) const;

  // Parts of words by number: every byte, inside a word and at its end, then what merges make.
  absl::flat_hash_map<std::string, int32_t> symbols_;
  std::vector<int64_t> token_of_symbol_;
  std::array<int32_t, 256> inner_byte_ = {};
  std::array<int32_t, 256> last_byte_ = {};
  absl::flat_hash_map<uint64_t, Merge> merges_;
  absl::flat_hash_map<std::string, int64_t> vocabulary_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  int64_t padding_ = 0;
  int64_t size_ = 0;
  size_t window_ = 77;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_CLIP_TOKENIZER_H_

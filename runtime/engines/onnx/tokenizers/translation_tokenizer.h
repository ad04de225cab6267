// Text of one language as the numbers that a translating network takes, and numbers as text.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_TRANSLATION_TOKENIZER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_TRANSLATION_TOKENIZER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace intelligenced {

// What one pair of languages adds to a segment.
struct TranslationDirection {
  // Before the text's own tokens.
  std::vector<int64_t> before;
  // After them, the end token among them.
  std::vector<int64_t> after;
  // The first token of every answer; nothing where the network decides.
  std::optional<int64_t> first;
};

// Immutable and thread-safe.
class TranslationTokenizer {
 public:
  virtual ~TranslationTokenizer() = default;

  // BCP-47; a language without its region or script is taken where the model does not know it
  // closer. LANGUAGE_UNSUPPORTED (metadata: source, target) for a pair that the model does not
  // have.
  virtual absl::StatusOr<TranslationDirection> Direction(std::string_view source,
                                                         std::string_view target) const = 0;
  // Pairs in BCP-47, sorted; the target "*" is every other language with a "*" of its own.
  virtual std::vector<std::pair<std::string, std::string>> Pairs() const = 0;

  // The text's own tokens, without those of a direction. ENGINE_FAILURE.
  virtual absl::StatusOr<std::vector<int64_t>> Encode(std::string_view text) const = 0;
  // What is no word (ends, languages) is left out. ENGINE_FAILURE.
  virtual absl::StatusOr<std::string> Decode(absl::Span<const int64_t> tokens) const = 0;
  virtual int64_t unknown() const = 0;

  // Tokens are 0 to size() - 1.
  virtual int64_t size() const = 0;
};

// What makes one, by the role of the file (README.md): "source-pieces", "target-pieces", "pieces",
// "vocabulary", "tokenizer-config", "special-tokens".
struct TokenizerParts {
  std::map<std::string, std::string, std::less<>> paths;
  // Of the model's configuration.
  int64_t end = 0;
  int64_t padding = 0;
  // In BCP-47, where the files do not say them (OPUS-MT). Empty: what tokenizer-config says.
  std::vector<std::string> sources;
  std::vector<std::string> targets;
};

// OPUS-MT: two SentencePiece models and a vocabulary that both share. Where the vocabulary has
// tokens such as ">>es<<", these are the targets. MODEL_LOAD_FAILED with what is missing,
// MODEL_CORRUPT.
absl::StatusOr<std::unique_ptr<TranslationTokenizer>> LoadMarianTokenizer(
    const TokenizerParts& parts);

// One SentencePiece model for all languages; the source's token stands before the text, the
// target's begins the answer. With a vocabulary (M2M100) that numbers the pieces, and the tokens
// "__es__" follow it; without (NLLB) numbers are the pieces' own moved by one, and "spa_Latn" and
// so on follow. The languages are those of "special-tokens", or else all that were published.
absl::StatusOr<std::unique_ptr<TranslationTokenizer>> LoadMultilingualTokenizer(
    const TokenizerParts& parts);

// --- For tokenizers ---

// The entry for a language: as it is asked for, in its published form, then without its last parts.
// Null: none.
template <typename Value>
const Value* FindLanguage(const std::map<std::string, Value>& languages, std::string_view wanted);

// "vocab.json": each piece with its number, 0 to size - 1, each once. MODEL_CORRUPT.
absl::StatusOr<std::map<std::string, int64_t, std::less<>>> ReadVocabulary(const std::string& path);

// Values of a JSON object in a file of at most 64 MiB. MODEL_CORRUPT.
absl::StatusOr<std::string> ReadJsonText(const std::string& path, std::string_view key);
absl::StatusOr<std::vector<std::string>> ReadJsonTexts(const std::string& path,
                                                       std::string_view key);

absl::Status UnsupportedPair(std::string_view source, std::string_view target);

// MODEL_LOAD_FAILED where the parts have no file of the role.
absl::StatusOr<std::string> PathOfRole(const TokenizerParts& parts, std::string_view role,
                                       std::string_view usual_name);

// The places in BCP-47 that FindLanguage tries, in order.
std::vector<std::string> LanguageCandidates(std::string_view wanted);

template <typename Value>
const Value* FindLanguage(const std::map<std::string, Value>& languages, std::string_view wanted) {
  for (const std::string& candidate : LanguageCandidates(wanted)) {
    const auto found = languages.find(candidate);
    if (found != languages.end()) return &found->second;
  }
  return nullptr;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TOKENIZERS_TRANSLATION_TOKENIZER_H_

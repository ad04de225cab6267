// M2M100 and NLLB.
#include <utility>

#include "absl/strings/strip.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/tokenizers/sentence_pieces.h"
#include "runtime/engines/onnx/tokenizers/translation_tokenizer.h"

namespace intelligenced {
namespace {

// <s>, <pad>, </s> and <unk> are 0 to 3 in both.
constexpr int64_t kUnknown = 3;

struct MultilingualParts {
  std::unique_ptr<SentencePieces> pieces;
  // Of M2M100. None: the pieces' own numbers, moved by one.
  std::optional<std::map<std::string, int64_t, std::less<>>> numbers;
  // By number; only with `numbers`.
  std::vector<std::string> words;
  // Languages with their tokens.
  std::map<std::string, int64_t> languages;
  // The first token that is no piece.
  int64_t first_language = 0;
  int64_t size = 0;
  int64_t end = 0;
};

class MultilingualTokenizer final : public TranslationTokenizer {
 public:
  explicit MultilingualTokenizer(MultilingualParts parts) : parts_(std::move(parts)) {}

  absl::StatusOr<TranslationDirection> Direction(std::string_view source,
                                                 std::string_view target) const override {
    const int64_t* const from = FindLanguage(parts_.languages, source);
    const int64_t* const to = FindLanguage(parts_.languages, target);
    if (from == nullptr || to == nullptr || *from == *to) return UnsupportedPair(source, target);
    return TranslationDirection{.before = {*from}, .after = {parts_.end}, .first = *to};
  }

  std::vector<std::pair<std::string, std::string>> Pairs() const override {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& [language, token] : parts_.languages) pairs.emplace_back(language, "*");
    return pairs;
  }

  absl::StatusOr<std::vector<int64_t>> Encode(std::string_view text) const override {
    std::vector<int64_t> tokens;
    if (!parts_.numbers.has_value()) {
      const absl::StatusOr<std::vector<int>> numbers = parts_.pieces->EncodeNumbers(text);
      if (!numbers.ok()) return numbers.status();
      tokens.reserve(numbers->size());
      // The pieces' model has its unknown at 0.
      for (const int number : *numbers) tokens.push_back(number == 0 ? kUnknown : number + 1);
      return tokens;
    }
    const absl::StatusOr<std::vector<std::string>> pieces = parts_.pieces->Encode(text);
    if (!pieces.ok()) return pieces.status();
    tokens.reserve(pieces->size());
    for (const std::string& piece : *pieces) {
      const auto found = parts_.numbers->find(piece);
      tokens.push_back(found == parts_.numbers->end() ? kUnknown : found->second);
    }
    return tokens;
  }

  absl::StatusOr<std::string> Decode(absl::Span<const int64_t> tokens) const override {
    std::vector<std::string> pieces;
    for (const int64_t token : tokens) {
      if (token <= kUnknown || token >= parts_.first_language) continue;
      pieces.push_back(parts_.numbers.has_value()
                           ? parts_.words[token]
                           : parts_.pieces->Piece(static_cast<int>(token) - 1));
    }
    return parts_.pieces->Decode(pieces);
  }

  int64_t unknown() const override { return kUnknown; }
  int64_t size() const override { return parts_.size; }

 private:
  const MultilingualParts parts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TranslationTokenizer>> LoadMultilingualTokenizer(
    const TokenizerParts& parts) {
  const auto path = PathOfRole(parts, "pieces", "sentencepiece.bpe.model");
  if (!path.ok()) return path.status();
  MultilingualParts made;
  auto pieces = SentencePieces::Load(*path);
  if (!pieces.ok()) return pieces.status();
  made.pieces = *std::move(pieces);
  made.end = parts.end;
  const auto vocabulary = parts.paths.find("vocabulary");
  if (vocabulary != parts.paths.end()) {
    auto numbers = ReadVocabulary(vocabulary->second);
    if (!numbers.ok()) return numbers.status();
    const auto unknown = numbers->find("<unk>");
    if (unknown == numbers->end() || unknown->second != kUnknown) {
      return MakeError(Reason::kModelCorrupt,
                       "The vocabulary does not begin with <s>, <pad>, </s> and <unk>.");
    }
    made.words.resize(numbers->size());
    for (const auto& [word, number] : *numbers) made.words[number] = word;
    made.first_language = static_cast<int64_t>(numbers->size());
    made.numbers = *std::move(numbers);
  } else {
    made.first_language = made.pieces->size() + 1;
  }

  std::vector<std::string> codes;
  if (const auto special = parts.paths.find("special-tokens"); special != parts.paths.end()) {
    auto texts = ReadJsonTexts(special->second, "additional_special_tokens");
    if (!texts.ok()) return texts.status();
    for (std::string_view text : *texts) {
      if (made.numbers.has_value() &&
          (!absl::ConsumePrefix(&text, "__") || !absl::ConsumeSuffix(&text, "__"))) {
        continue;
      }
      codes.emplace_back(text);
    }
  }
  if (codes.empty()) codes = made.numbers.has_value() ? M2m100Codes() : Nllb200Codes();
  for (const auto& [language, place] : PlacesOfLanguages(codes)) {
    made.languages.emplace(language, made.first_language + static_cast<int64_t>(place));
  }
  made.size = made.first_language + static_cast<int64_t>(codes.size());
  return std::make_unique<MultilingualTokenizer>(std::move(made));
}

}  // namespace intelligenced

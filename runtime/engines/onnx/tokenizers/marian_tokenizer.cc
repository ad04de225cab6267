// OPUS-MT.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/strip.h"
#include "runtime/base/published_languages.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/tokenizers/sentence_pieces.h"
#include "runtime/engines/onnx/tokenizers/translation_tokenizer.h"

namespace intelligenced {
namespace {

using Vocabulary = std::map<std::string, int64_t, std::less<>>;

constexpr std::string_view kUnknown = "<unk>";

struct MarianParts {
  std::unique_ptr<SentencePieces> source;
  std::unique_ptr<SentencePieces> target;
  Vocabulary numbers;
  std::vector<std::string> words;
  int64_t unknown = 0;
  int64_t end = 0;
  int64_t padding = 0;
  // Each language with its token; none where there is one target.
  std::map<std::string, std::optional<int64_t>> targets;
  std::set<std::string> sources;
};

class MarianTokenizer final : public TranslationTokenizer {
 public:
  explicit MarianTokenizer(MarianParts parts) : parts_(std::move(parts)) {
    for (const std::string& source : parts_.sources) sources_.emplace(source, source);
  }

  absl::StatusOr<TranslationDirection> Direction(std::string_view source,
                                                 std::string_view target) const override {
    const std::string* const from = FindLanguage(sources_, source);
    const std::optional<int64_t>* const token = FindLanguage(parts_.targets, target);
    if (from == nullptr || token == nullptr || source == target) {
      return UnsupportedPair(source, target);
    }
    TranslationDirection direction;
    if (token->has_value()) direction.before.push_back(**token);
    direction.after.push_back(parts_.end);
    return direction;
  }

  std::vector<std::pair<std::string, std::string>> Pairs() const override {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& source : parts_.sources) {
      for (const auto& [target, token] : parts_.targets) {
        if (source != target) pairs.emplace_back(source, target);
      }
    }
    return pairs;
  }

  absl::StatusOr<std::vector<int64_t>> Encode(std::string_view text) const override {
    const absl::StatusOr<std::vector<std::string>> pieces = parts_.source->Encode(text);
    if (!pieces.ok()) return pieces.status();
    std::vector<int64_t> tokens;
    tokens.reserve(pieces->size());
    for (const std::string& piece : *pieces) {
      const auto found = parts_.numbers.find(piece);
      tokens.push_back(found == parts_.numbers.end() ? parts_.unknown : found->second);
    }
    return tokens;
  }

  absl::StatusOr<std::string> Decode(absl::Span<const int64_t> tokens) const override {
    std::vector<std::string> pieces;
    for (const int64_t token : tokens) {
      if (token == parts_.end || token == parts_.padding || token == parts_.unknown) continue;
      if (token >= 0 && token < size()) pieces.push_back(parts_.words[token]);
    }
    return parts_.target->Decode(pieces);
  }

  int64_t unknown() const override { return parts_.unknown; }
  int64_t size() const override { return static_cast<int64_t>(parts_.words.size()); }

 private:
  const MarianParts parts_;
  std::map<std::string, std::string> sources_;
};

// ">>es<<" is "es"; empty for other words.
std::string_view TargetOf(std::string_view word) {
  if (!absl::ConsumePrefix(&word, ">>") || !absl::ConsumeSuffix(&word, "<<")) return "";
  return word;
}

// The languages of one side: what the manifest says, else what the tokenizer's configuration does.
absl::StatusOr<std::vector<std::string>> Languages(const std::vector<std::string>& stated,
                                                   const TokenizerParts& parts,
                                                   std::string_view key) {
  if (!stated.empty()) return stated;
  const auto config = parts.paths.find("tokenizer-config");
  if (config == parts.paths.end()) return std::vector<std::string>();
  const absl::StatusOr<std::string> code = ReadJsonText(config->second, key);
  if (!code.ok()) return code.status();
  return LanguagesOfPublishedCode(*code);
}

absl::Status Untold(std::string_view side) {
  return MakeError(Reason::kModelLoadFailed,
                   std::string("Nothing says which language the model translates ") +
                       std::string(side) +
                       ": neither the manifest's parameters, nor source_lang and target_lang of "
                       "the tokenizer's configuration.");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TranslationTokenizer>> LoadMarianTokenizer(
    const TokenizerParts& parts) {
  const auto source = PathOfRole(parts, "source-pieces", "source.spm");
  if (!source.ok()) return source.status();
  const auto target = PathOfRole(parts, "target-pieces", "target.spm");
  if (!target.ok()) return target.status();
  const auto vocabulary = PathOfRole(parts, "vocabulary", "vocab.json");
  if (!vocabulary.ok()) return vocabulary.status();
  MarianParts made;
  auto pieces = SentencePieces::Load(*source);
  if (!pieces.ok()) return pieces.status();
  made.source = *std::move(pieces);
  pieces = SentencePieces::Load(*target);
  if (!pieces.ok()) return pieces.status();
  made.target = *std::move(pieces);
  auto numbers = ReadVocabulary(*vocabulary);
  if (!numbers.ok()) return numbers.status();
  made.numbers = *std::move(numbers);
  made.words.resize(made.numbers.size());
  std::vector<std::string> codes;
  for (const auto& [word, number] : made.numbers) {
    made.words[number] = word;
    if (!TargetOf(word).empty()) codes.emplace_back(TargetOf(word));
  }
  const auto unknown = made.numbers.find(kUnknown);
  if (unknown == made.numbers.end()) {
    return MakeError(Reason::kModelCorrupt, "The vocabulary has no <unk>.");
  }
  made.unknown = unknown->second;
  made.end = parts.end;
  made.padding = parts.padding;
  std::sort(codes.begin(), codes.end());
  for (const auto& [language, place] : PlacesOfLanguages(codes)) {
    made.targets.emplace(language, made.numbers.find(">>" + codes[place] + "<<")->second);
  }
  if (made.targets.empty()) {
    auto languages = Languages(parts.targets, parts, "target_lang");
    if (!languages.ok()) return languages.status();
    // A model into several languages says which with a token.
    if (languages->size() != 1) return Untold("to");
    made.targets.emplace(languages->front(), std::nullopt);
  }
  auto sources = Languages(parts.sources, parts, "source_lang");
  if (!sources.ok()) return sources.status();
  if (sources->empty()) return Untold("from");
  made.sources.insert(sources->begin(), sources->end());
  return std::make_unique<MarianTokenizer>(std::move(made));
}

}  // namespace intelligenced

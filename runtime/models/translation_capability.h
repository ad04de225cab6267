// Which languages a model translates between, as its capabilities say it
// (runtime/models/README.md).
#ifndef INTELLIGENCED_RUNTIME_MODELS_TRANSLATION_CAPABILITY_H_
#define INTELLIGENCED_RUNTIME_MODELS_TRANSLATION_CAPABILITY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced {

// "translate:en>es". The target "*" stands for every other language of which the same manifest says
// so too: "translate:en>*", "translate:es>*" and "translate:fr>*" are six pairs. So a model among
// 200 languages is 200 capabilities and not 39,800.
struct TranslationCapability {
  // BCP-47.
  std::string source;
  std::string target;

  bool operator==(const TranslationCapability&) const = default;
};

// The name of one pair: "translate:en>es".
std::string TranslationCapabilityName(std::string_view source, std::string_view target);

// Nothing for other capabilities.
std::optional<TranslationCapability> ParseTranslationCapability(std::string_view capability);

// Whether `wanted` is a pair of two languages with a "*" among `capabilities`.
bool TranslatesAmong(const std::vector<std::string>& capabilities, std::string_view wanted);

// Every pair that the capabilities stand for, "*" resolved, each once, sorted by source and target.
std::vector<TranslationCapability> TranslationPairs(const std::vector<std::string>& capabilities);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_TRANSLATION_CAPABILITY_H_

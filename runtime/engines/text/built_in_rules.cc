#include "runtime/engines/text/built_in_rules.h"

#include "absl/strings/str_cat.h"

namespace intelligenced {

// Made from data/ by data/embed.cmake.
extern const char kConfusionRules[];
extern const char kGrammarRules[];
extern const char kPhraseRules[];
extern const char kConciseRules[];
extern const char kFormalRules[];
extern const char kCasualRules[];
extern const char kKnownWords[];

std::string BuiltInProofreadingRules() {
  return absl::StrCat(kConfusionRules, "\n", kGrammarRules, "\n", kPhraseRules);
}
std::string_view BuiltInConciseRules() { return kConciseRules; }
std::string_view BuiltInFormalRules() { return kFormalRules; }
std::string_view BuiltInCasualRules() { return kCasualRules; }
std::string_view BuiltInKnownWords() { return kKnownWords; }

}  // namespace intelligenced

// The rules and words that are built in (data/).
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_BUILT_IN_RULES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_BUILT_IN_RULES_H_

#include <string>
#include <string_view>

namespace intelligenced {

// Rule books in the language of rules.h.
std::string BuiltInProofreadingRules();
std::string_view BuiltInConciseRules();
std::string_view BuiltInFormalRules();
std::string_view BuiltInCasualRules();

// Words that the dictionary lacks, separated by white space.
std::string_view BuiltInKnownWords();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_BUILT_IN_RULES_H_

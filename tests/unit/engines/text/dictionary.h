// Where the tests find a spelling dictionary: the package's, as the built-in model does.
#ifndef INTELLIGENCED_TESTS_UNIT_ENGINES_TEXT_DICTIONARY_H_
#define INTELLIGENCED_TESTS_UNIT_ENGINES_TEXT_DICTIONARY_H_

#include <memory>
#include <string>

#include "runtime/engines/text/built_in_rules.h"
#include "runtime/engines/text/lexicon.h"
#include "runtime/engines/text/proofreader.h"
#include "runtime/engines/text/rules.h"
#include "runtime/engines/text/speller.h"

namespace intelligenced {

inline constexpr char kAffixes[] = "/usr/share/hunspell/en_US.aff";
inline constexpr char kDictionary[] = "/usr/share/hunspell/en_US.dic";

// Loaded once for all tests of a program: nothing in it changes.
struct WritingTools {
  Lexicon lexicon = Lexicon::BuiltIn();
  RuleBook rules = *RuleBook::Parse(BuiltInProofreadingRules(), &lexicon);
  std::unique_ptr<Speller> speller =
      *Speller::Load(kAffixes, kDictionary, BuiltInKnownWords(), &lexicon);
  Proofreader proofreader{&lexicon, &rules, speller.get()};
};

inline WritingTools& Tools() {
  static auto* const tools = new WritingTools();
  return *tools;
}

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_ENGINES_TEXT_DICTIONARY_H_

#include "runtime/engines/text/lexicon.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace intelligenced {

extern const char kWordList[];
extern const char kVerbList[];

namespace {

bool IsVowel(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

bool EndsInSibilant(std::string_view word) {
  return absl::EndsWith(word, "s") || absl::EndsWith(word, "x") || absl::EndsWith(word, "z") ||
         absl::EndsWith(word, "ch") || absl::EndsWith(word, "sh");
}

// -s as in "goes", "tries", "boxes".
std::string WithS(std::string_view word) {
  if (EndsInSibilant(word)) return absl::StrCat(word, "es");
  if (word.size() > 1 && word.back() == 'y' && !IsVowel(word[word.size() - 2])) {
    return absl::StrCat(word.substr(0, word.size() - 1), "ies");
  }
  return absl::StrCat(word, "s");
}

struct IrregularPlural {
  std::string_view singular;
  std::string_view plural;
};

constexpr IrregularPlural kIrregularPlurals[] = {
    {"man", "men"},           {"woman", "women"},          {"child", "children"},
    {"foot", "feet"},         {"tooth", "teeth"},          {"goose", "geese"},
    {"mouse", "mice"},        {"person", "people"},        {"life", "lives"},
    {"wife", "wives"},        {"knife", "knives"},         {"leaf", "leaves"},
    {"half", "halves"},       {"shelf", "shelves"},        {"self", "selves"},
    {"wolf", "wolves"},       {"thief", "thieves"},        {"loaf", "loaves"},
    {"hero", "heroes"},       {"potato", "potatoes"},      {"tomato", "tomatoes"},
    {"echo", "echoes"},       {"veto", "vetoes"},          {"volcano", "volcanoes"},
    {"analysis", "analyses"}, {"crisis", "crises"},        {"basis", "bases"},
    {"thesis", "theses"},     {"phenomenon", "phenomena"}, {"criterion", "criteria"},
    {"datum", "data"},        {"index", "indices"},        {"vertex", "vertices"},
    {"matrix", "matrices"},   {"appendix", "appendices"}};

// Last syllable unstressed or not doubled though it looks so.
bool DoublesFinal(std::string_view word) {
  if (word.size() < 3) return false;
  const char last = word.back();
  const char vowel = word[word.size() - 2];
  const char before = word[word.size() - 3];
  if (IsVowel(last) || last == 'w' || last == 'x' || last == 'y' || last == 'h' ||
      !IsVowel(vowel) || (IsVowel(before) && !absl::EndsWith(word, "quit"))) {
    return false;
  }
  const auto syllables = std::count_if(word.begin(), word.end(), IsVowel);
  if (syllables == 1) return true;
  static const auto* const kStressed = new absl::flat_hash_set<std::string_view>{
      "begin",  "prefer", "refer",   "occur", "recur",  "incur",    "concur",  "commit",
      "admit",  "permit", "submit",  "omit",  "emit",   "transmit", "control", "regret",
      "forget", "confer", "infer",   "defer", "deter",  "transfer", "compel",  "expel",
      "repel",  "propel", "rebel",   "allot", "abet",   "equip",    "unplug",  "upset",
      "reset",  "format", "program", "debug", "kidnap", "handicap", "worship", "unwrap",
      "remap",  "replan", "rerun",   "input", "output"};
  return kStressed->contains(word);
}

}  // namespace

Lexicon Lexicon::BuiltIn() { return Lexicon(kWordList, kVerbList); }

Lexicon::Lexicon(std::string_view words, std::string_view verbs) {
  for (const std::string_view line : absl::StrSplit(words, '\n', absl::SkipEmpty())) {
    const std::pair<std::string_view, std::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.first.empty() || fields.second.empty()) continue;
    Entry entry{.frequency = fields.second[0] - 'a' + 1};
    for (const char use : fields.second.substr(1)) {
      if (use == 'v') entry.uses |= kUseVerb;
      if (use == 'n') entry.uses |= kUseNoun;
      if (use == 'j') entry.uses |= kUseAdjective;
    }
    if (absl::EndsWith(fields.first, "ly") && (entry.uses & kUseNoun) == 0) {
      entry.uses |= kUseAdverb;
    }
    words_.emplace(fields.first, entry);
  }
  for (const std::string_view line : absl::StrSplit(verbs, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    const std::vector<std::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.size() != 3) continue;
    irregular_.emplace(fields[0],
                       Irregular{absl::StrSplit(fields[1], '/'), absl::StrSplit(fields[2], '/')});
    words_[std::string(fields[0])].uses |= kUseVerb;
  }
  std::vector<std::string> bases, nouns;
  for (const auto& [word, entry] : words_) {
    if (entry.uses & kUseVerb) bases.push_back(word);
    if (entry.uses & kUseNoun) nouns.push_back(word);
  }
  // The commoner verb owns a form that two of them share.
  std::sort(bases.begin(), bases.end(), [this](const std::string& a, const std::string& b) {
    const int fa = Frequency(a), fb = Frequency(b);
    return fa != fb ? fa > fb : a < b;
  });
  for (const std::string& base : bases) {
    AddForm(base, base, VerbForm::kBase);
    AddForm(Inflect(base, VerbForm::kThird), base, VerbForm::kThird);
    AddForm(Inflect(base, VerbForm::kIng), base, VerbForm::kIng);
    const auto irregular = irregular_.find(base);
    if (irregular == irregular_.end()) {
      AddForm(Inflect(base, VerbForm::kPast), base, VerbForm::kPast);
      AddForm(Inflect(base, VerbForm::kPast), base, VerbForm::kParticiple);
    } else {
      for (const auto& form : irregular->second.past) AddForm(form, base, VerbForm::kPast);
      for (const auto& form : irregular->second.participle) {
        AddForm(form, base, VerbForm::kParticiple);
      }
    }
  }
  for (const std::string_view form : {"am", "is", "are", "were"}) {
    const VerbForm kind = form == "were" ? VerbForm::kPast : VerbForm::kThird;
    verb_forms_[std::string(form)] = {"be", kind};
  }
  words_["is"].uses |= kUseThird;
  for (const std::string& noun : nouns) {
    // A word that is a plural itself ("dogs") has no plural of its own.
    const std::string plural = Plural(noun);
    const auto found = words_.find(plural);
    if (found == words_.end() || plural == noun) continue;
    if ((found->second.uses & kUseNoun) == 0 && !absl::EndsWith(plural, "s")) continue;
    found->second.uses |= kUsePlural;
    singulars_.try_emplace(plural, noun);
  }
}

void Lexicon::AddForm(std::string_view form, std::string_view base, VerbForm kind) {
  const auto found = words_.find(form);
  WordUse use = 0;
  if (kind == VerbForm::kThird) use = kUseThird;
  if (kind == VerbForm::kIng) use = kUseIng;
  if (kind == VerbForm::kPast) use = kUsePast;
  if (kind == VerbForm::kParticiple) use = kUseParticiple;
  if (found != words_.end()) {
    found->second.uses |= use;
  } else if (kind != VerbForm::kBase) {
    return;
  }
  verb_forms_.try_emplace(std::string(form), FormOfVerb{std::string(base), kind});
}

int Lexicon::Frequency(std::string_view word) const {
  const auto found = words_.find(word);
  return found == words_.end() ? 0 : found->second.frequency;
}

WordUse Lexicon::Uses(std::string_view word) const {
  const auto found = words_.find(word);
  return found == words_.end() ? 0 : found->second.uses;
}

std::string_view Lexicon::VerbBase(std::string_view word) const {
  const auto found = verb_forms_.find(word);
  return found == verb_forms_.end() ? std::string_view() : found->second.base;
}

VerbForm Lexicon::FormOf(std::string_view word) const {
  const auto found = verb_forms_.find(word);
  return found == verb_forms_.end() ? VerbForm::kBase : found->second.form;
}

std::string Lexicon::Suffixed(std::string_view base, std::string_view suffix) const {
  const std::string_view stem = base.substr(0, base.size() - 1);
  if (suffix == "ed") {
    if (base.back() == 'e') return absl::StrCat(base, "d");
    if (base.back() == 'y' && base.size() > 1 && !IsVowel(base[base.size() - 2])) {
      return absl::StrCat(stem, "ied");
    }
  } else {
    if (absl::EndsWith(base, "ie")) return absl::StrCat(base.substr(0, base.size() - 2), "ying");
    if (base.back() == 'e' && base.size() > 2 && !absl::EndsWith(base, "ee") &&
        !absl::EndsWith(base, "oe") && !absl::EndsWith(base, "ye")) {
      return absl::StrCat(stem, suffix);
    }
  }
  if (absl::EndsWith(base, "c") && base.size() > 3) return absl::StrCat(base, "k", suffix);
  if (DoublesFinal(base)) return absl::StrCat(base, base.substr(base.size() - 1), suffix);
  return absl::StrCat(base, suffix);
}

std::string Lexicon::Inflect(std::string_view base, VerbForm form) const {
  if (base.empty()) return "";
  switch (form) {
    case VerbForm::kBase:
      return std::string(base);
    case VerbForm::kThird:
      if (base == "be") return "is";
      if (base == "have") return "has";
      if (base == "do" || base == "go" || base == "undergo" || base == "undo" || base == "redo") {
        return absl::StrCat(base, "es");
      }
      return WithS(base);
    case VerbForm::kIng:
      return Suffixed(base, "ing");
    case VerbForm::kPast:
    case VerbForm::kParticiple: {
      const auto found = irregular_.find(base);
      if (found == irregular_.end()) return Suffixed(base, "ed");
      return (form == VerbForm::kPast ? found->second.past : found->second.participle).front();
    }
  }
  return std::string(base);
}

std::vector<std::string> Lexicon::AllForms(std::string_view base) const {
  std::vector<std::string> forms = {std::string(base), Inflect(base, VerbForm::kThird),
                                    Inflect(base, VerbForm::kIng)};
  const auto found = irregular_.find(base);
  if (found == irregular_.end()) {
    forms.push_back(Inflect(base, VerbForm::kPast));
  } else {
    forms.insert(forms.end(), found->second.past.begin(), found->second.past.end());
    forms.insert(forms.end(), found->second.participle.begin(), found->second.participle.end());
  }
  if (base == "be") forms.insert(forms.end(), {"am", "are"});
  std::sort(forms.begin(), forms.end());
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

std::string Lexicon::Plural(std::string_view noun) const {
  for (const IrregularPlural& irregular : kIrregularPlurals) {
    if (irregular.singular == noun) return std::string(irregular.plural);
  }
  return WithS(noun);
}

std::string Lexicon::Singular(std::string_view noun) const {
  for (const IrregularPlural& irregular : kIrregularPlurals) {
    if (irregular.plural == noun) return std::string(irregular.singular);
  }
  const auto found = singulars_.find(noun);
  return found == singulars_.end() ? std::string(noun) : found->second;
}

}  // namespace intelligenced

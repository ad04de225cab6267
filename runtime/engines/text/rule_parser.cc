#include "runtime/engines/text/rule_parser.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

struct NamedUse {
  std::string_view name;
  unsigned use;
};

constexpr NamedUse kUses[] = {
    {"verb", kUseVerb},         {"noun", kUseNoun},         {"adj", kUseAdjective},
    {"adv", kUseAdverb},        {"past", kUsePast},         {"participle", kUseParticiple},
    {"third", kUseThird},       {"ing", kUseIng},           {"plural", kUsePlural},
    {"number", kClassNumber},   {"ordinal", kClassOrdinal}, {"clock", kClassClock},
    {"cap", kClassCapitalized}, {"word", kClassWord},       {"opaque", kClassOpaque},
    {"any", kClassAny}};

}  // namespace

bool IsNumberWord(std::string_view word) {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "one",       "two",      "three",    "four",    "five",     "six",      "seven",   "eight",
      "nine",      "ten",      "eleven",   "twelve",  "thirteen", "fourteen", "fifteen", "sixteen",
      "seventeen", "eighteen", "nineteen", "twenty",  "thirty",   "forty",    "fifty",   "sixty",
      "seventy",   "eighty",   "ninety",   "hundred", "thousand", "million",  "billion"};
  return set->contains(word);
}

bool IsOrdinalWord(std::string_view word) {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "first",      "second",    "third",     "fourth",    "fifth",      "sixth",
      "seventh",    "eighth",    "ninth",     "tenth",     "eleventh",   "twelfth",
      "nth",        "hundredth", "millionth", "umpteenth", "thousandth", "thirteenth",
      "fourteenth", "fifteenth", "twentieth", "billionth"};
  return set->contains(word);
}

std::optional<VerbForm> VerbFormFromName(std::string_view name) {
  if (name == "base") return VerbForm::kBase;
  if (name == "third") return VerbForm::kThird;
  if (name == "past") return VerbForm::kPast;
  if (name == "participle") return VerbForm::kParticiple;
  if (name == "ing") return VerbForm::kIng;
  return std::nullopt;
}

absl::Status RuleParser::Error(std::string_view what) const {
  return MakeError(Reason::kEngineFailure, absl::StrCat("line ", line_, ": ", what));
}

absl::Status RuleParser::Parse(std::string_view source) {
  std::vector<std::string> errors;
  for (const std::string_view raw : absl::StrSplit(source, '\n')) {
    ++line_;
    const std::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line[0] == '#') continue;
    if (absl::Status status = ParseLine(line); !status.ok()) {
      errors.emplace_back(status.message());
    }
  }
  if (errors.empty()) return absl::OkStatus();
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("The built-in rules are broken:\n", absl::StrJoin(errors, "\n")));
}

absl::Status RuleParser::ParseLine(std::string_view line) {
  if (absl::StartsWith(line, "set ")) return ParseSet(line.substr(4));
  if (absl::StartsWith(line, "@ ")) return ParseHeading(line.substr(2));
  return ParseRule(line);
}

absl::Status RuleParser::ParseSet(std::string_view line) {
  std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.size() < 2) return Error("a set needs a name and words");
  std::vector<std::string>& set = sets_[words[0]];
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i][0] == '@') {
      const auto other = sets_.find(words[i].substr(1));
      if (other == sets_.end()) return Error(absl::StrCat("no set ", words[i]));
      const std::vector<std::string> copy = other->second;
      set.insert(set.end(), copy.begin(), copy.end());
    } else {
      set.push_back(words[i]);
    }
  }
  return absl::OkStatus();
}

absl::Status RuleParser::ParseHeading(std::string_view line) {
  const std::vector<std::string_view> fields = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  RuleBook::Heading heading;
  if (fields.size() != 3 ||
      !::intelligence::engine::v1::CorrectionType_Parse(absl::StrCat("CORRECTION_TYPE_", fields[0]),
                                                        &heading.type) ||
      !absl::SimpleAtod(fields[1], &heading.confidence)) {
    return Error("a heading is \"@ TYPE CONFIDENCE Explanation.\"");
  }
  heading.explanation = std::string(fields[2]);
  book_->headings_.push_back(std::move(heading));
  return absl::OkStatus();
}

absl::Status RuleParser::ParseTerms(std::string_view text, std::vector<RuleBook::Term>& terms) {
  using Atom = RuleBook::Atom;
  if (text == "|") {
    terms.push_back({Atom::kWord, "|"});
    return absl::OkStatus();
  }
  for (const std::string_view part : absl::StrSplit(text, '|')) {
    if (part.empty()) return Error("an empty alternative");
    if (part == "^") {
      terms.push_back({Atom::kStart, ""});
    } else if (part == "$") {
      terms.push_back({Atom::kEnd, ""});
    } else if (part[0] == '@' && part.size() > 1) {
      const auto set = sets_.find(part.substr(1));
      if (set == sets_.end()) return Error(absl::StrCat("no set ", part));
      for (const std::string& word : set->second) {
        if (word.size() > 1 && (word[0] == '<' || word[0] == '{')) {
          if (absl::Status status = ParseTerms(word, terms); !status.ok()) return status;
        } else {
          terms.push_back({Atom::kWord, word});
        }
      }
    } else if (part[0] == '=' && part.size() > 1) {
      terms.push_back({Atom::kExact, std::string(part.substr(1))});
    } else if (part[0] == '<' && part.size() > 1) {
      if (part.back() != '>') return Error(absl::StrCat("no '>' in ", part));
      RuleBook::Term term{Atom::kUse, "", 0};
      for (const std::string_view name : absl::StrSplit(part.substr(1, part.size() - 2), '+')) {
        const auto* const use = std::find_if(std::begin(kUses), std::end(kUses),
                                             [&](const NamedUse& u) { return u.name == name; });
        if (use == std::end(kUses)) return Error(absl::StrCat("no use ", name));
        term.use |= use->use;
      }
      terms.push_back(std::move(term));
    } else if (part[0] == '{') {
      if (part.back() != '}') return Error(absl::StrCat("no '}' in ", part));
      const std::pair<std::string_view, std::string_view> fields =
          absl::StrSplit(part.substr(1, part.size() - 2), absl::MaxSplits(':', 1));
      if (fields.second.empty()) {
        for (std::string& form : lexicon_->AllForms(fields.first)) {
          terms.push_back({Atom::kWord, std::move(form)});
        }
      } else {
        for (const std::string_view name : absl::StrSplit(fields.second, ',')) {
          const std::optional<VerbForm> form = VerbFormFromName(name);
          if (!form.has_value()) return Error(absl::StrCat("no form ", name));
          terms.push_back({Atom::kWord, lexicon_->Inflect(fields.first, *form)});
        }
      }
    } else {
      terms.push_back({Atom::kWord, std::string(part)});
    }
  }
  return absl::OkStatus();
}

absl::Status RuleParser::ParseElement(std::string_view text, RuleBook::Element& element) {
  if (text.size() > 1 && text.back() == '?') {
    element.optional = true;
    text.remove_suffix(1);
  }
  const size_t negation = text.size() > 1 ? text.find('!') : std::string_view::npos;
  const std::string_view include = text.substr(0, negation);
  if (!include.empty()) {
    if (absl::Status status = ParseTerms(include, element.include); !status.ok()) return status;
  }
  if (negation != std::string_view::npos) {
    return ParseTerms(text.substr(negation + 1), element.exclude);
  }
  return absl::OkStatus();
}

absl::Status RuleParser::ParseReplacement(std::string_view text, RuleBook::Rule& rule) {
  using Piece = RuleBook::Piece;
  for (const std::string_view option : absl::StrSplit(text, " / ")) {
    std::vector<Piece> pieces;
    const std::string_view words = absl::StripAsciiWhitespace(option);
    if (words != "-") {
      for (const std::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) {
        Piece piece;
        if (word[0] == '$' && word.size() > 1 && absl::ascii_isdigit(word[1])) {
          const std::pair<std::string_view, std::string_view> fields =
              absl::StrSplit(word.substr(1), absl::MaxSplits(':', 1));
          int number = 0;
          if (!absl::SimpleAtoi(fields.first, &number) || number < 1 ||
              static_cast<size_t>(number) > rule.written_elements) {
            return Error(absl::StrCat("no element ", word));
          }
          piece.kind = Piece::Kind::kCopy;
          piece.element = static_cast<size_t>(number) - 1;
          piece.form = std::string(fields.second);
          if (!piece.form.empty() && piece.form != "plural" && piece.form != "singular" &&
              piece.form != "possessive" && !VerbFormFromName(piece.form).has_value()) {
            return Error(absl::StrCat("no form ", word));
          }
        } else if (word[0] == '{') {
          piece.kind = Piece::Kind::kVerb;
          piece.text = std::string(word.substr(1, word.size() - 2));
        } else {
          piece.text = std::string(word);
        }
        pieces.push_back(std::move(piece));
      }
    }
    rule.replacements.push_back(std::move(pieces));
  }
  return absl::OkStatus();
}

absl::Status RuleParser::ParseRule(std::string_view line) {
  if (book_->headings_.empty()) return Error("a rule before the first heading");
  const std::vector<std::string_view> parts = absl::StrSplit(line, " ;; ");
  const size_t arrow = parts[0].find("=>");
  if (arrow == std::string_view::npos) return Error("no => in the rule");
  if (parts.size() != 1 && parts.size() != 3) return Error("a rule has two examples or none");
  const std::string_view pattern = absl::StripAsciiWhitespace(parts[0].substr(0, arrow));
  const std::string_view replacement = absl::StripAsciiWhitespace(parts[0].substr(arrow + 2));
  RuleBook::Rule rule{.heading = static_cast<int>(book_->headings_.size()) - 1, .line = line_};
  std::optional<size_t> edit_begin, edit_end;
  for (std::string_view text : absl::StrSplit(pattern, ' ', absl::SkipEmpty())) {
    if (text == "[]") {
      edit_begin = edit_end = rule.elements.size();
      continue;
    }
    if (text.size() > 1 && text.front() == '[') {
      edit_begin = rule.elements.size();
      text.remove_prefix(1);
    }
    const bool closes = text.size() > 1 && text.back() == ']';
    if (closes) text.remove_suffix(1);
    RuleBook::Element element;
    if (absl::Status status = ParseElement(text, element); !status.ok()) return status;
    rule.elements.push_back(std::move(element));
    if (closes) edit_end = rule.elements.size();
  }
  rule.written_elements = rule.elements.size();
  if (edit_begin.has_value() != edit_end.has_value()) return Error("brackets do not pair");
  const auto is_edge = [](const RuleBook::Element& element) {
    return element.include.size() == 1 && (element.include[0].atom == RuleBook::Atom::kStart ||
                                           element.include[0].atom == RuleBook::Atom::kEnd);
  };
  rule.edit_begin = edit_begin.value_or(!rule.elements.empty() && is_edge(rule.elements.front()));
  rule.edit_end = edit_end.value_or(rule.elements.size() -
                                    (!rule.elements.empty() && is_edge(rule.elements.back())));
  if (absl::Status status = ParseReplacement(replacement, rule); !status.ok()) return status;
  AddVariants(rule);
  return AddExamples(pattern, replacement, parts.size() == 3 ? parts[1] : "",
                     parts.size() == 3 ? parts[2] : "");
}

// One rule for each choice of optional elements.
void RuleParser::AddVariants(const RuleBook::Rule& rule) {
  std::vector<size_t> optional;
  for (size_t i = 0; i < rule.elements.size(); ++i) {
    if (rule.elements[i].optional) optional.push_back(i);
  }
  for (size_t choice = 0; choice < (size_t{1} << optional.size()); ++choice) {
    RuleBook::Rule variant = rule;
    variant.elements.clear();
    for (size_t i = 0; i < rule.elements.size(); ++i) {
      const auto place = std::find(optional.begin(), optional.end(), i);
      const bool left_out =
          place != optional.end() && ((choice >> (place - optional.begin())) & 1) != 0;
      if (left_out) {
        if (i < rule.edit_begin) --variant.edit_begin;
        if (i < rule.edit_end) --variant.edit_end;
        continue;
      }
      variant.elements.push_back(rule.elements[i]);
      variant.original.push_back(i);
    }
    book_->rules_.push_back(std::move(variant));
    Index(book_->rules_.size() - 1);
  }
}

// Under the words of the element with the fewest of them.
void RuleParser::Index(size_t index) {
  const RuleBook::Rule& rule = book_->rules_[index];
  std::optional<size_t> best;
  for (size_t i = 0; i < rule.elements.size(); ++i) {
    const std::vector<RuleBook::Term>& terms = rule.elements[i].include;
    const bool words_only =
        !terms.empty() && std::all_of(terms.begin(), terms.end(), [](const RuleBook::Term& term) {
          return term.atom == RuleBook::Atom::kWord || term.atom == RuleBook::Atom::kExact;
        });
    if (!words_only) continue;
    // Short words are common words: a long one is worth a few alternatives.
    const auto cost = [&](size_t element) {
      size_t sum = 0;
      for (const RuleBook::Term& term : rule.elements[element].include) {
        sum += static_cast<size_t>(std::max(1, lexicon_->Frequency(term.word)));
      }
      return sum;
    };
    if (!best.has_value() || cost(i) < cost(*best)) best = i;
  }
  if (!best.has_value()) {
    book_->unanchored_.push_back(index);
    return;
  }
  for (const RuleBook::Term& term : rule.elements[*best].include) {
    auto& anchors = book_->anchors_[absl::AsciiStrToLower(term.word)];
    if (anchors.empty() || anchors.back().rule != index) anchors.push_back({index, *best});
  }
}

// For an element that only excludes: a word that it takes, where it does not take the edge of the
// sentence; else nothing.
std::string RuleParser::FillerFor(const RuleBook::Element& element) {
  const auto excludes = [&](std::string_view word) {
    return std::any_of(element.exclude.begin(), element.exclude.end(),
                       [&](const RuleBook::Term& term) {
                         return term.atom == RuleBook::Atom::kWord && term.word == word;
                       });
  };
  const bool needed =
      std::any_of(element.exclude.begin(), element.exclude.end(), [](const RuleBook::Term& term) {
        return term.atom == RuleBook::Atom::kStart || term.atom == RuleBook::Atom::kEnd;
      });
  if (!needed) return "";
  for (const char* const word : {"here", "they", "it"}) {
    if (!excludes(word)) return word;
  }
  return "";
}

absl::Status RuleParser::AddExamples(std::string_view pattern, std::string_view replacement,
                                     std::string_view wrong, std::string_view right) {
  RuleExamples examples{.line = line_};
  if (!wrong.empty()) {
    examples.wrong = std::string(wrong);
    examples.right = std::string(right);
    book_->examples_.push_back(std::move(examples));
    return absl::OkStatus();
  }
  // Words alone: take the first of each choice.
  std::vector<std::string> words;
  for (std::string_view text : absl::StrSplit(pattern, ' ', absl::SkipEmpty())) {
    text = absl::StripSuffix(absl::StripPrefix(text, "["), "]");
    if (text.empty() || text == "^" || text == "$") continue;
    if (text.size() > 1 && text.back() == '?') continue;
    RuleBook::Element element;
    if (absl::Status status = ParseElement(text, element); !status.ok()) return status;
    if (element.include.empty()) {
      // "!x": a word that is none of these, where one is needed.
      const std::string filler = FillerFor(element);
      if (!filler.empty()) words.push_back(filler);
      continue;
    }
    const RuleBook::Term& first_term = element.include[0];
    if (first_term.atom == RuleBook::Atom::kStart || first_term.atom == RuleBook::Atom::kEnd) {
      continue;
    }
    if (first_term.atom == RuleBook::Atom::kUse) {
      std::string sample = first_term.use == kClassNumber    ? "two"
                           : first_term.use == kClassOrdinal ? "third"
                           : first_term.use == kClassAny     ? "it"
                                                             : "";
      if (sample.empty()) return Error("a rule with uses needs examples");
      words.push_back(std::move(sample));
      continue;
    }
    words.push_back(element.include[0].word);
  }
  const std::string_view first =
      absl::StripAsciiWhitespace(replacement.substr(0, replacement.find(" / ")));
  examples.wrong = absl::StrJoin(words, " ");
  if (absl::StrContains(pattern, "[") || absl::StrContains(first, "$") ||
      absl::StrContains(first, "{") || first == "-") {
    // What it becomes depends on the context; that it becomes something is still checked.
    examples.corrected.clear();
  } else {
    examples.corrected = std::string(first);
    examples.right = std::string(first);
  }
  book_->examples_.push_back(std::move(examples));
  return absl::OkStatus();
}

}  // namespace intelligenced

#include "runtime/engines/text/rules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/rule_parser.h"

namespace intelligenced {

unsigned RuleBook::UsesOf(const Token& token) const {
  if (token.kind == TokenKind::kOpaque) return kClassOpaque;
  if (token.kind == TokenKind::kMark) return 0;
  unsigned uses = 0;
  if (token.kind == TokenKind::kNumber) {
    const char last = token.lower.back();
    if (absl::ascii_isdigit(last)) uses |= kClassNumber;
    if (absl::EndsWith(token.lower, "am") || absl::EndsWith(token.lower, "pm")) {
      uses |= kClassClock;
    }
    for (const std::string_view suffix : {"st", "nd", "rd", "th"}) {
      if (absl::EndsWith(token.lower, suffix)) uses |= kClassOrdinal;
    }
    return uses;
  }
  uses = lexicon_->Uses(token.lower) | kClassWord;
  if (token.letter_case != LetterCase::kLower) uses |= kClassCapitalized;
  if (IsNumberWord(token.lower)) uses |= kClassNumber;
  if (IsOrdinalWord(token.lower)) uses |= kClassOrdinal;
  return uses;
}

bool RuleBook::TermMatches(const Term& term, absl::Span<const Token> tokens, ptrdiff_t index,
                           size_t end) const {
  if (index < 0) return term.atom == Atom::kStart;
  if (static_cast<size_t>(index) >= end) {
    if (term.atom == Atom::kEnd) return true;
    // The closing mark itself can be asked for.
    return term.atom == Atom::kWord && static_cast<size_t>(index) < tokens.size() &&
           tokens[index].Is(term.word);
  }
  const Token& token = tokens[index];
  // A sentence that is quoted or in brackets starts behind the mark.
  if (term.atom == Atom::kStart) {
    return index == 0 && token.kind == TokenKind::kMark &&
           absl::StrContains("\"“‘(['", token.lower);
  }
  switch (term.atom) {
    case Atom::kWord:
      return token.Is(term.word);
    case Atom::kExact:
      // Exact writing is only ever asked for small letters and for one leading capital.
      return token.Is(absl::AsciiStrToLower(term.word)) &&
             token.letter_case == (absl::ascii_isupper(term.word[0]) ? LetterCase::kCapitalized
                                                                     : LetterCase::kLower);
    case Atom::kUse:
      return (term.use & kClassAny) != 0 || (UsesOf(token) & term.use) == term.use;
    case Atom::kStart:
    case Atom::kEnd:
      return false;
  }
  return false;
}

bool RuleBook::ElementMatches(const Element& element, absl::Span<const Token> tokens,
                              ptrdiff_t index, size_t end) const {
  const auto matches = [&](const Term& term) { return TermMatches(term, tokens, index, end); };
  if (std::any_of(element.exclude.begin(), element.exclude.end(), matches)) return false;
  return element.include.empty() ||
         std::any_of(element.include.begin(), element.include.end(), matches);
}

std::string RuleBook::Render(const Rule& rule, const std::vector<Piece>& pieces, ptrdiff_t first,
                             std::string_view text, absl::Span<const Token> tokens) const {
  std::string result;
  const auto token_of = [&](size_t element) -> const Token* {
    for (size_t i = 0; i < rule.original.size(); ++i) {
      if (rule.original[i] != element) continue;
      const ptrdiff_t index = first + static_cast<ptrdiff_t>(i);
      if (index >= 0 && static_cast<size_t>(index) < tokens.size()) return &tokens[index];
    }
    return nullptr;
  };
  for (const Piece& piece : pieces) {
    std::string word;
    switch (piece.kind) {
      case Piece::Kind::kText:
        word = piece.text;
        break;
      case Piece::Kind::kCopy: {
        const Token* token = token_of(piece.element);
        if (token == nullptr) break;
        const std::string_view base = lexicon_->VerbBase(token->lower);
        const std::string verb(base.empty() ? token->lower : base);
        if (piece.form.empty()) {
          word = std::string(token->span.In(text));
        } else if (piece.form == "plural") {
          word = lexicon_->Plural(lexicon_->Singular(token->lower));
        } else if (piece.form == "possessive") {
          word = absl::StrCat(lexicon_->Singular(token->lower), "'s");
        } else if (piece.form == "singular") {
          word = lexicon_->Singular(token->lower);
        } else {
          word = lexicon_->Inflect(verb, *VerbFormFromName(piece.form));
        }
        break;
      }
      case Piece::Kind::kVerb: {
        VerbForm form = VerbForm::kBase;
        for (size_t i = rule.edit_begin; i < rule.edit_end; ++i) {
          const ptrdiff_t index = first + static_cast<ptrdiff_t>(i);
          if (index < 0 || !tokens[index].IsWord()) continue;
          const std::string& lower = tokens[index].lower;
          if (!lexicon_->VerbBase(lower).empty()) {
            form = lexicon_->FormOf(lower);
            break;
          }
          // A verb too rare for the word list shows its form by its ending.
          if (absl::EndsWith(lower, "ing")) form = VerbForm::kIng;
          if (absl::EndsWith(lower, "ed")) form = VerbForm::kPast;
          if (absl::EndsWith(lower, "s") && !absl::EndsWith(lower, "ss")) form = VerbForm::kThird;
          if (form != VerbForm::kBase) break;
        }
        word = lexicon_->Inflect(piece.text, form);
        break;
      }
    }
    if (word.empty()) continue;
    // Marks that belong to the word before or tie two words take no blank.
    const bool tight = word == "-" || absl::EndsWith(result, "-") ||
                       (word.size() == 1 && absl::StrContains(",.;:!?", word));
    if (!result.empty() && !tight) result += ' ';
    result += word;
  }
  return result;
}

void RuleBook::TryRule(const Rule& rule, ptrdiff_t first, std::string_view text,
                       absl::Span<const Token> tokens, size_t end,
                       std::vector<RuleMatch>& matches) const {
  for (size_t i = 0; i < rule.elements.size(); ++i) {
    if (!ElementMatches(rule.elements[i], tokens, first + static_cast<ptrdiff_t>(i), end)) return;
  }
  const Heading& heading = headings_[rule.heading];
  RuleMatch match{.type = heading.type,
                  .confidence = heading.confidence,
                  .explanation = heading.explanation,
                  .line = rule.line};
  const ptrdiff_t begin = first + static_cast<ptrdiff_t>(rule.edit_begin);
  const ptrdiff_t stop = first + static_cast<ptrdiff_t>(rule.edit_end);
  if (begin < 0 || stop > static_cast<ptrdiff_t>(tokens.size())) return;
  const bool insertion = begin == stop;
  std::vector<std::string> words;
  for (const std::vector<Piece>& pieces : rule.replacements) {
    words.push_back(Render(rule, pieces, first, text, tokens));
  }
  if (insertion) {
    if (begin == static_cast<ptrdiff_t>(tokens.size()) ||
        (!tokens[begin].space_before && begin > 0)) {
      // Behind the word before ("hours" + " ago" + ".").
      if (begin == 0) return;
      match.span = {tokens[begin - 1].span.end, tokens[begin - 1].span.end};
      for (std::string& word : words) {
        word = absl::StrContains(",;:", word) ? word : absl::StrCat(" ", word);
      }
    } else if (!words.empty() && absl::StrContains(",;:", words[0]) && begin > 0) {
      match.span = {tokens[begin - 1].span.end, tokens[begin - 1].span.end};
    } else {
      match.span = {tokens[begin].span.start, tokens[begin].span.start};
      const bool shout = begin > 0 && tokens[begin - 1].letter_case == LetterCase::kUpper &&
                         tokens[begin].letter_case == LetterCase::kUpper;
      for (std::string& word : words) word = absl::StrCat(shout ? ToUpperUtf8(word) : word, " ");
      // The capital of the sentence's first word moves to the new one.
      if (begin == 0 && tokens[0].letter_case == LetterCase::kCapitalized) {
        match.span = tokens[0].span;
        for (std::string& word : words) {
          word = CapitalizeUtf8(absl::StrCat(word, ToLowerUtf8(tokens[0].span.In(text))));
        }
      }
    }
  } else {
    match.span = {tokens[begin].span.start, tokens[stop - 1].span.end};
    // What touches code or an address is part of it.
    for (ptrdiff_t i = begin; i < stop; ++i) {
      const Token& token = tokens[i];
      if (token.kind == TokenKind::kOpaque) return;
      // "AtLeast" is a name in code.
      if (token.letter_case == LetterCase::kMixed && !absl::StrContains(token.lower, '\'')) return;
    }
    // So is a part of "left-hand.x", unless the pattern has looked at what stands beside it.
    const auto ties = [](const Token& token) {
      return token.kind == TokenKind::kOpaque || token.Is("-") || token.Is(".") || token.Is("=");
    };
    if (rule.edit_begin == 0 && begin > 0 && !tokens[begin].space_before &&
        ties(tokens[begin - 1])) {
      return;
    }
    if (rule.edit_end == rule.elements.size() && static_cast<size_t>(stop) + 1 < tokens.size() &&
        !tokens[stop].space_before && !tokens[stop + 1].space_before && ties(tokens[stop]) &&
        tokens[stop + 1].kind != TokenKind::kMark) {
      return;
    }
    const std::string_view original = match.span.In(text);
    // "I" is a capital wherever it stands and says nothing of the word that takes its place.
    const bool capital_i =
        begin > 0 && (tokens[begin].lower == "i" || absl::StartsWith(tokens[begin].lower, "i'"));
    for (std::string& word : words) {
      if (!word.empty()) {
        if (!capital_i || (original.size() > 1 && original == ToUpperUtf8(original))) {
          word = MatchCase(original, word);
        }
        continue;
      }
      // A deletion takes the blank before it, or behind it at the start of the sentence.
      if (begin > 0) {
        match.span.start = tokens[begin - 1].span.end;
      } else if (static_cast<size_t>(stop) < tokens.size()) {
        match.span.end = tokens[stop].span.end;
        word = MatchCase(original.substr(0, 1), std::string(tokens[stop].span.In(text)));
      }
    }
  }
  if (words[0] == match.span.In(text)) return;
  match.replacement = words[0];
  match.alternatives.assign(words.begin() + 1, words.end());
  matches.push_back(std::move(match));
}

void RuleBook::FindMatches(std::string_view text, absl::Span<const Token> tokens,
                           std::vector<RuleMatch>& matches) const {
  // Closing marks are not part of what ^ … $ looks at.
  size_t end = tokens.size();
  while (end > 0 && tokens[end - 1].kind == TokenKind::kMark &&
         absl::StrContains(".!?…\"'”’)", tokens[end - 1].lower)) {
    --end;
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == TokenKind::kOpaque) continue;
    const auto found = anchors_.find(tokens[i].lower);
    if (found == anchors_.end()) continue;
    for (const Anchor& anchor : found->second) {
      const ptrdiff_t first = static_cast<ptrdiff_t>(i) - static_cast<ptrdiff_t>(anchor.offset);
      // Only ^ may lie before the first token.
      if (first < -1) continue;
      TryRule(rules_[anchor.rule], first, text, tokens, end, matches);
    }
  }
  for (const size_t rule : unanchored_) {
    for (ptrdiff_t first = -1; first < static_cast<ptrdiff_t>(tokens.size()); ++first) {
      TryRule(rules_[rule], first, text, tokens, end, matches);
    }
  }
}

absl::StatusOr<RuleBook> RuleBook::Parse(std::string_view source, const Lexicon* lexicon) {
  RuleBook book(lexicon);
  RuleParser parser(lexicon, &book);
  if (absl::Status status = parser.Parse(source); !status.ok()) return status;
  return book;
}

}  // namespace intelligenced

#include "runtime/engines/text/proofreader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/text/mechanics.h"
#include "runtime/engines/text/tokens.h"

namespace intelligenced {
namespace {

using ::intelligence::engine::v1::CORRECTION_TYPE_SPELLING;

// One correction can make way for the next ("dont" -> "don't" -> "doesn't"); more rounds than this
// no sentence needs.
constexpr int kRounds = 4;
// A sentence with more strange words than this share is not English prose.
constexpr double kMostUnknown = 0.4;
// How much likelier the best suggestion must be than the next, in natural logarithms.
constexpr double kSpellingMargin = 1.2;

constexpr size_t kShortestWord = 3;
constexpr double kSwap = 1.8;
constexpr int kVeryCommon = 15;

constexpr std::string_view kSpellingExplanation = "The dictionary does not have this word.";

// Part of a name of the machine's kind: "a/b", "x=y", "foo.bar", "--flag", "key:value".
bool IsGluedToCode(absl::Span<const Token> tokens, size_t i) {
  const auto glue = [](const Token& token) {
    return token.kind == TokenKind::kOpaque || token.kind == TokenKind::kNumber ||
           (token.kind == TokenKind::kMark &&
            absl::StrContains("./\\=<>|$~+_&%^{}[]:#@*", token.lower));
  };
  if (i > 0 && !tokens[i].space_before && glue(tokens[i - 1])) return true;
  if (i + 1 >= tokens.size() || tokens[i + 1].space_before || !glue(tokens[i + 1])) return false;
  // The stop at the end of a sentence is no glue.
  const bool stop = tokens[i + 1].Is(".") || tokens[i + 1].Is(":") || tokens[i + 1].Is("*");
  return !stop || (i + 2 < tokens.size() && !tokens[i + 2].space_before);
}

}  // namespace

void Proofreader::FindMisspellings(std::string_view text, absl::Span<const Token> tokens,
                                   std::vector<RuleMatch>& matches) const {
  size_t words = 0, unknown = 0, capitalized = 0;
  for (const Token& token : tokens) {
    if (!token.IsWord()) continue;
    ++words;
    if (!speller_->Knows(token.lower)) ++unknown;
    if (token.letter_case == LetterCase::kCapitalized) ++capitalized;
  }
  if (words == 0 || (unknown > 2 && static_cast<double>(unknown) > kMostUnknown * words)) return;
  const bool title = words > 3 && static_cast<double>(capitalized) > 0.7 * words;
  bool first_word = true;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (!token.IsWord()) continue;
    const bool first = std::exchange(first_word, false);
    const std::string_view written = token.span.In(text);
    if (token.letter_case == LetterCase::kMixed || token.letter_case == LetterCase::kUpper) {
      continue;
    }
    // A capital inside a sentence is a name until all the words have one.
    const bool name_like = token.letter_case == LetterCase::kCapitalized;
    if (name_like && !first && !title) continue;
    if (written.size() < kShortestWord || written.size() > 30) continue;
    if (written.find_first_of("0123456789") != std::string_view::npos) continue;
    if (std::any_of(written.begin(), written.end(),
                    [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
      continue;
    }
    if (IsGluedToCode(tokens, i) || speller_->Knows(written) || speller_->Knows(token.lower)) {
      continue;
    }
    // Apostrophes stand for sounds left out ("comin'", "e'en"), save in a slipped "n't".
    const bool dialect =
        absl::StrContains(token.lower, '\'') && !absl::EndsWith(token.lower, "n't");
    const bool clipped = i + 1 < tokens.size() && !tokens[i + 1].space_before &&
                         (tokens[i + 1].Is("'") || tokens[i + 1].Is("\u2019"));
    if (dialect || clipped) continue;
    // Words in quotes are mentioned, not used.
    const bool quoted = i > 0 && i + 1 < tokens.size() && !token.space_before &&
                        tokens[i - 1].kind == TokenKind::kMark &&
                        absl::StrContains("\"'“‘«`*_", tokens[i - 1].lower) &&
                        tokens[i + 1].kind == TokenKind::kMark;
    if (quoted) continue;
    std::vector<Suggestion> suggestions = speller_->Suggest(token.lower, 5);
    if (suggestions.empty()) continue;
    const Suggestion& best = suggestions[0];
    const bool clear =
        suggestions.size() == 1 || best.score - suggestions[1].score >= kSpellingMargin;
    const bool capital = absl::ascii_isupper(best.word[0]);
    // The longer the word, the more slips it takes to be another one.
    const double most_slip = written.size() <= 3   ? kSwap
                             : written.size() <= 4 ? 2.4
                             : written.size() <= 6 ? 4.3
                                                   : 6.5;
    const int common = lexicon_->Frequency(ToLowerUtf8(best.word));
    // Three letters are mostly short for something; only two swapped in a very common word are a
    // slip.
    const int least_common = written.size() <= 3 ? kVeryCommon : name_like ? 9 : 5;
    const bool sure = clear && best.slip <= most_slip && common >= least_common && !capital;
    if (!sure) continue;
    RuleMatch match{.span = token.span,
                    .replacement = MatchCase(written, best.word),
                    .type = CORRECTION_TYPE_SPELLING,
                    .confidence = std::clamp(0.95 - best.slip * 0.05, 0.5, 0.95),
                    .explanation = kSpellingExplanation};
    for (size_t s = 1; s < suggestions.size(); ++s) {
      match.alternatives.push_back(MatchCase(written, suggestions[s].word));
    }
    matches.push_back(std::move(match));
  }
}

std::vector<Edit> Proofreader::Check(std::string_view sentence,
                                     absl::Span<const ByteSpan> protected_spans,
                                     const SentenceContext& context) const {
  EditedText edited{std::string(sentence)};
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = edited.current();
    std::vector<ByteSpan> closed;
    for (const ByteSpan& span : protected_spans) closed.push_back(edited.ToCurrent(span));
    const std::vector<Token> tokens = Tokenize(text, closed);
    std::vector<RuleMatch> matches;
    rules_->FindMatches(text, tokens, matches);
    FindMechanicalErrors({.text = text,
                          .tokens = tokens,
                          .lexicon = lexicon_,
                          .speller = speller_,
                          .capitalize_start = context.capitalize_start},
                         matches);
    FindMisspellings(text, tokens, matches);
    std::erase_if(matches, [&](const RuleMatch& match) { return OverlapsAny(closed, match.span); });
    if (matches.empty()) break;
    // The surest first; of equals the longest, which has seen the most.
    std::sort(matches.begin(), matches.end(), [](const RuleMatch& a, const RuleMatch& b) {
      if (a.confidence != b.confidence) return a.confidence > b.confidence;
      if (a.span.size() != b.span.size()) return a.span.size() > b.span.size();
      return a.span.start != b.span.start ? a.span.start < b.span.start : a.line < b.line;
    });
    std::vector<RuleMatch> chosen;
    for (RuleMatch& match : matches) {
      const bool taken = std::any_of(chosen.begin(), chosen.end(), [&](const RuleMatch& other) {
        return match.span.start <= other.span.end && other.span.start <= match.span.end;
      });
      if (!taken) chosen.push_back(std::move(match));
    }
    std::sort(chosen.begin(), chosen.end(),
              [](const RuleMatch& a, const RuleMatch& b) { return a.span.start > b.span.start; });
    // From the last to the first, so that earlier places stay where they are.
    for (RuleMatch& match : chosen) {
      edited.Apply({.span = match.span,
                    .replacement = std::move(match.replacement),
                    .alternatives = std::move(match.alternatives),
                    .types = {match.type},
                    .explanation = std::string(match.explanation),
                    .confidence = match.confidence,
                    .line = match.line});
    }
    if (edited.current() == text) break;
  }
  return edited.edits();
}

}  // namespace intelligenced

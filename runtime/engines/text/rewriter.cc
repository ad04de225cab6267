#include "runtime/engines/text/rewriter.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/text/built_in_rules.h"
#include "runtime/engines/text/edited_text.h"
#include "runtime/engines/text/mechanics.h"
#include "runtime/engines/text/tokens.h"

namespace intelligenced {
namespace {

// Values of intelligence.v1, which this layer does not see.
enum Style : uint32_t {
  kRephrase = 1,
  kFriendly = 2,
  kProfessional = 3,
  kConcise = 4,
  kElaborate = 5,
  kEmojify = 6,
  kCustom = 7
};
enum Tone : uint32_t { kToneAsIs = 1, kMoreFormal = 2, kMoreCasual = 3 };
enum Length : uint32_t { kLengthAsIs = 1, kShorter = 2, kLonger = 3 };

absl::Status NeedsLanguageModel(std::string_view what) {
  return MakeError(
      Reason::kNoCapableModel,
      absl::StrCat("The built-in writing rules cannot ", what,
                   ". Install a language model: mlctl models list --catalogue shows "
                   "them, mlctl models install NAME installs one."),
      {.metadata = {{"capability", "writing.rewrite"}}, .retry_delay = {}, .field = ""});
}

// "A really good idea" has become "a excellent idea": the article follows the new word.
void MendArticles(absl::Span<const ByteSpan> protected_spans, EditedText& edited) {
  std::vector<ByteSpan> closed;
  for (const ByteSpan& span : protected_spans) closed.push_back(edited.ToCurrent(span));
  const std::string text = edited.current();
  absl::flat_hash_set<size_t> starts;
  ptrdiff_t shift = 0;
  for (const Edit& edit : edited.edits()) {
    starts.insert(static_cast<size_t>(static_cast<ptrdiff_t>(edit.span.start) + shift));
    shift +=
        static_cast<ptrdiff_t>(edit.replacement.size()) - static_cast<ptrdiff_t>(edit.span.size());
  }
  const std::vector<Token> tokens = Tokenize(text, closed);
  // From the last to the first, so that earlier places stay where they are.
  for (size_t i = tokens.size(); i-- > 1;) {
    const Token& article = tokens[i - 1];
    const bool an = article.Is("an");
    if ((!an && !article.Is("a")) || !starts.contains(tokens[i].span.start)) continue;
    const std::optional<bool> should = TakesAn(tokens[i], tokens[i].span.In(text));
    if (!should.has_value() || *should == an || OverlapsAny(closed, article.span)) continue;
    edited.Apply({.span = article.span,
                  .replacement = MatchCase(article.span.In(text), *should ? "an" : "a")});
  }
}

}  // namespace

absl::StatusOr<std::vector<RewriteBook>> BooksForRewrite(
    const ::intelligence::engine::v1::RewriteTask& task) {
  if (task.style() > kCustom) return FieldError("style", "This rewriting style is not known.");
  if (task.tone() > kMoreCasual) return FieldError("tone", "This tone is not known.");
  if (task.length() > kLonger) return FieldError("length", "This length is not known.");
  switch (task.style()) {
    case kRephrase:
      return NeedsLanguageModel("rephrase a text");
    case kElaborate:
      return NeedsLanguageModel("elaborate on a text");
    case kEmojify:
      return NeedsLanguageModel("add emoji to a text");
    case kCustom:
      return NeedsLanguageModel("follow an instruction");
    default:
      break;
  }
  if (task.length() == kLonger) return NeedsLanguageModel("make a text longer");
  std::vector<RewriteBook> books;
  if (task.style() == kConcise || task.length() == kShorter) books.push_back(RewriteBook::kConcise);
  // The tone is the more particular wish where it contradicts the style.
  const bool casual =
      task.tone() == kMoreCasual || (task.style() == kFriendly && task.tone() != kMoreFormal);
  const bool formal =
      task.tone() == kMoreFormal || (task.style() == kProfessional && task.tone() != kMoreCasual);
  if (casual) books.push_back(RewriteBook::kCasual);
  if (formal) books.push_back(RewriteBook::kFormal);
  if (books.empty()) return NeedsLanguageModel("rephrase a text");
  return books;
}

absl::StatusOr<std::unique_ptr<Rewriter>> Rewriter::Load(const Lexicon* lexicon) {
  auto rewriter = std::unique_ptr<Rewriter>(new Rewriter());
  for (const std::string_view source :
       {BuiltInConciseRules(), BuiltInFormalRules(), BuiltInCasualRules()}) {
    absl::StatusOr<RuleBook> book = RuleBook::Parse(source, lexicon);
    if (!book.ok()) return book.status();
    rewriter->books_.push_back(std::make_unique<RuleBook>(*std::move(book)));
  }
  return rewriter;
}

std::string Rewriter::Rewrite(std::string_view sentence, absl::Span<const ByteSpan> protected_spans,
                              absl::Span<const RewriteBook> books) const {
  EditedText edited{std::string(sentence)};
  for (const RewriteBook which : books) {
    // Twice: what one phrase leaves can be the beginning of another.
    for (int round = 0; round < 2; ++round) {
      const std::string text = edited.current();
      std::vector<ByteSpan> closed;
      for (const ByteSpan& span : protected_spans) closed.push_back(edited.ToCurrent(span));
      const std::vector<Token> tokens = Tokenize(text, closed);
      std::vector<RuleMatch> matches;
      book(which).FindMatches(text, tokens, matches);
      std::erase_if(matches,
                    [&](const RuleMatch& match) { return OverlapsAny(closed, match.span); });
      if (matches.empty()) break;
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
      for (const RuleMatch& match : chosen) {
        edited.Apply({.span = match.span, .replacement = match.replacement});
      }
    }
  }
  if (!edited.edits().empty()) MendArticles(protected_spans, edited);
  return edited.current();
}

}  // namespace intelligenced

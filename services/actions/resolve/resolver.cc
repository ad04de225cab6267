#include "services/actions/resolve/resolver.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <rapidfuzz/fuzz.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "services/actions/resolve/alignment.h"
#include "services/actions/resolve/english.h"

namespace intelligenced::resolve {
namespace {

constexpr size_t kShortlist = 96;
constexpr size_t kPerAction = 12;
// Less of a phrase's words than this is no phrase.
constexpr double kLeastSaid = 0.4;
constexpr double kLeastAnchor = 0.7;
constexpr double kSaidExponent = 1.3;
constexpr double kExplainedExponent = 1.4;
constexpr double kTitleShare = 0.93;
constexpr double kMissingShare = 0.97;
// The place has words, but none that is a value.
constexpr double kEmptyValueShare = 0.9;
constexpr double kUnknownEntityShare = 0.6;
constexpr double kLeastLikeness = 0.6;
constexpr double kNameMargin = 0.1;

struct Scored {
  Candidate candidate = {};
  double matched_weight = 0;
  const ActionSpec* action = nullptr;
};

bool IsEarly(const Sentence& sentence) {
  for (const Word& word : sentence.words) {
    if (english::IsIn(english::EarlyWords(), word.stem)) return true;
  }
  return false;
}

// Whether the sentence forbids what the phrase says: "don't add milk". Not where the phrase itself
// begins so ("don't forget to {task}"), nor where the speaker paused in between.
bool IsForbidden(const Sentence& sentence, size_t first_said) {
  const Words& words = sentence.words;
  size_t at = 0;
  while (at < words.size() && !english::IsIn(english::Negations(), words[at].text)) {
    const bool leads = english::IsIn(english::Fillers(), words[at].text) ||
                       english::IsIn(english::BeforeNegations(), words[at].text);
    if (!leads || words[at].quotation >= 0 || words[at].pause_after) return false;
    ++at;
  }
  if (at >= first_said || words[at].quotation >= 0) return false;
  for (size_t next = at; next < first_said; ++next) {
    if (words[next].pause_after || words[next].text == "forget") return false;
  }
  return true;
}

// Entities of a filled parameter; the share of confidence that is left.
double FillEntity(const EntityQuery& query, const ActionSpec& action, const ParameterSpec& spec,
                  Candidate& candidate, FilledParameter& filled, bool& keep) {
  std::vector<std::pair<double, EntityName>> found;
  for (EntityName& name : query(action, spec.entity_type, filled.value.title)) {
    const double likeness = NameLikeness(filled.value.title, name, action);
    if (likeness >= kLeastLikeness) found.emplace_back(likeness, std::move(name));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (found.empty()) return kUnknownEntityShare;
  size_t near = 1;
  while (near < found.size() && found[0].first < 1 &&
         found[near].first > found[0].first - kNameMargin) {
    ++near;
  }
  while (near < found.size() && found[near].first == 1) ++near;
  if (near > 1) {
    Ambiguity ambiguity{.parameter = spec.name, .span = filled.span, .text = filled.value.title};
    for (size_t index = 0; index < near; ++index) {
      ambiguity.choices.push_back(std::move(found[index].second));
    }
    candidate.ambiguities.push_back(std::move(ambiguity));
    keep = false;
    return 1;
  }
  filled.value.text = found[0].second.id;
  filled.value.title = found[0].second.title;
  filled.confidence = found[0].first;
  return 0.85 + 0.15 * found[0].first;
}

// A second time on the day of the first: "from 2 to 4 tomorrow".
void ShareDay(std::vector<FilledParameter>& parameters) {
  FilledParameter* with_day = nullptr;
  for (FilledParameter& filled : parameters) {
    if (filled.value.kind != ValueKind::kDateTime) continue;
    if (filled.value.date_time.has_date) {
      if (with_day == nullptr) with_day = &filled;
    } else if (with_day != nullptr) {
      DateTimeValue& value = filled.value.date_time;
      const absl::CivilDay day(with_day->value.date_time.civil);
      const absl::Duration moved = absl::Hours(24) * (day - absl::CivilDay(value.civil));
      value.civil = absl::CivilSecond(day.year(), day.month(), day.day(), value.civil.hour(),
                                      value.civil.minute(), value.civil.second());
      value.time += moved;
      value.has_date = true;
    }
  }
}

std::optional<Scored> Score(const ActionIndex& index, const IndexedPhrase& phrase,
                            const Sentence& sentence, ValueReader& reader) {
  const ActionSpec& action = index.actions()[phrase.action];
  const std::vector<Slot>& slots = index.slots(phrase.action);
  const PhraseAlignment alignment = Align(phrase, slots, sentence, reader);
  if (alignment.said < kLeastSaid || alignment.anchor < kLeastAnchor ||
      IsForbidden(sentence, alignment.first_said)) {
    return std::nullopt;
  }
  Scored scored{.matched_weight = alignment.matched_weight, .action = &action};
  Candidate& candidate = scored.candidate;
  candidate.action = action.id;
  double confidence =
      std::pow(alignment.said, kSaidExponent) * std::pow(alignment.explained, kExplainedExponent);
  if (phrase.is_title) confidence *= kTitleShare;
  candidate.confidence = confidence;
  for (const PhraseAlignment::Piece& piece : alignment.pieces) {
    FilledParameter filled{.name = action.parameters[piece.parameter].name};
    std::optional<SlotMatch> match = piece.match;
    if (slots[piece.parameter].open()) {
      match = reader.Read(slots[piece.parameter], piece.begin, piece.end, filled.span);
    } else {
      filled.span = SpanOf(sentence.words, piece.begin, piece.end);
    }
    if (!match) {
      candidate.confidence *= kEmptyValueShare;
      continue;
    }
    filled.value = std::move(match->value);
    filled.confidence = match->quality;
    candidate.parameters.push_back(std::move(filled));
  }
  ShareDay(candidate.parameters);
  return scored;
}

void Finish(const ActionSpec& action, const EntityQuery& query, Candidate& candidate) {
  std::vector<FilledParameter> kept;
  for (FilledParameter& filled : candidate.parameters) {
    const auto spec = std::find_if(
        action.parameters.begin(), action.parameters.end(),
        [&filled](const ParameterSpec& parameter) { return parameter.name == filled.name; });
    bool keep = true;
    if (spec->kind == ValueKind::kEntity && query) {
      candidate.confidence *= FillEntity(query, action, *spec, candidate, filled, keep);
    }
    if (keep) kept.push_back(std::move(filled));
  }
  candidate.parameters.clear();
  for (const ParameterSpec& parameter : action.parameters) {
    const auto found = std::find_if(
        kept.begin(), kept.end(),
        [&parameter](const FilledParameter& filled) { return filled.name == parameter.name; });
    if (found != kept.end()) {
      candidate.parameters.push_back(std::move(*found));
    } else if (parameter.required) {
      candidate.missing.push_back(parameter.name);
      const bool ambiguous =
          std::any_of(candidate.ambiguities.begin(), candidate.ambiguities.end(),
                      [&parameter](const Ambiguity& a) { return a.parameter == parameter.name; });
      if (!ambiguous) candidate.confidence *= kMissingShare;
    }
  }
}

bool Better(const Scored& a, const Scored& b) {
  if (a.candidate.confidence != b.candidate.confidence) {
    return a.candidate.confidence > b.candidate.confidence;
  }
  return a.matched_weight > b.matched_weight;
}

// Words that say something.
std::vector<std::string> SaidWords(std::string_view text) {
  std::vector<std::string> out;
  for (Word& word : SplitWords(text)) {
    if (Lexicon::WeightOf(word.text) == 1) out.push_back(std::move(word.text));
  }
  return out;
}

}  // namespace

absl::Status CheckUtterance(std::string_view utterance) {
  if (utterance.size() > kMaxUtteranceBytes) {
    ErrorFacts facts;
    facts.metadata = {{"limit_bytes", absl::StrCat(kMaxUtteranceBytes)},
                      {"bytes", absl::StrCat(utterance.size())}};
    facts.field = "utterance";
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("The sentence has ", utterance.size(), " bytes; at most ",
                                  kMaxUtteranceBytes, " are understood."),
                     std::move(facts));
  }
  if (!IsValidUtf8(utterance)) return FieldError("utterance", "The sentence is not UTF-8.");
  if (SplitWords(utterance).empty()) return FieldError("utterance", "There is no sentence.");
  return absl::OkStatus();
}

double NameLikeness(std::string_view said, const EntityName& name, const ActionSpec& action) {
  const std::string phrase = NormalizedPhrase(said);
  // Words of the action say what kind of thing it is, not which one: "the Lisbon note".
  std::vector<std::string> kind;
  for (const Word& word : SplitWords(action.title)) kind.push_back(word.stem);
  double best = 0;
  auto compare = [&](std::string_view title) {
    if (NormalizedPhrase(title) == phrase) {
      best = 1;
      return;
    }
    const std::vector<std::string> wanted = SaidWords(said);
    const std::vector<std::string> words = SaidWords(title);
    if (wanted.empty() || words.empty()) return;
    double found = 0;
    double total = 0;
    size_t named = 0;
    for (const std::string& word : wanted) {
      double likest = 0;
      for (const std::string& other : words) {
        const bool begins = word.size() >= 3 && absl::StartsWith(other, word);
        const double ratio = Stem(word) == Stem(other) ? 1
                             : begins                  ? 0.9
                                      : rapidfuzz::fuzz::ratio(word, other, 75) / 100;
        likest = std::max(likest, ratio);
      }
      const bool says_kind = std::find(kind.begin(), kind.end(), Stem(word)) != kind.end();
      const double weight = says_kind && likest < 1 ? 0.1 : 1;
      total += weight;
      found += weight * likest;
      if (likest > 0) ++named;
    }
    if (named == 0) return;
    const double covered =
        std::min(1.0, static_cast<double>(named) / static_cast<double>(words.size()));
    best = std::max(best, 0.99 * (0.75 * found / total + 0.25 * covered));
  };
  compare(name.title);
  for (const std::string& synonym : name.synonyms) compare(synonym);
  return best;
}

absl::StatusOr<Resolution> Resolve(const ActionIndex& index, std::string_view utterance,
                                   const ResolveOptions& options) {
  if (absl::Status status = CheckUtterance(utterance); !status.ok()) return status;
  const Sentence sentence = index.Read(utterance);
  Moment moment = options.moment;
  moment.early = moment.early || IsEarly(sentence);
  ValueReader reader(utterance, sentence.words, moment);
  auto allowed = [&options](const ActionSpec& action) {
    return !options.allowed || options.allowed(action);
  };
  std::vector<Scored> best;
  for (const IndexedPhrase* phrase : index.Shortlist(sentence, kShortlist, kPerAction, allowed)) {
    std::optional<Scored> scored = Score(index, *phrase, sentence, reader);
    if (!scored) continue;
    const auto same = std::find_if(best.begin(), best.end(), [&scored](const Scored& other) {
      return other.action == scored->action;
    });
    if (same == best.end()) {
      best.push_back(*std::move(scored));
    } else if (Better(*scored, *same)) {
      *same = *std::move(scored);
    }
  }
  std::erase_if(best, [&options](const Scored& scored) {
    return scored.candidate.confidence < options.min_confidence;
  });
  std::stable_sort(best.begin(), best.end(), Better);
  // Providers are asked for the likeliest only.
  if (best.size() > options.max_candidates + 2) best.resize(options.max_candidates + 2);
  for (Scored& scored : best) Finish(*scored.action, options.query, scored.candidate);
  std::erase_if(best, [&options](const Scored& scored) {
    return scored.candidate.confidence < options.min_confidence;
  });
  std::stable_sort(best.begin(), best.end(), Better);
  Resolution resolution;
  for (Scored& scored : best) {
    if (!resolution.candidates.empty() &&
        scored.candidate.confidence > resolution.candidates[0].confidence - kActionMargin) {
      resolution.rivals.push_back(scored.candidate.action);
    }
    if (resolution.candidates.size() < options.max_candidates) {
      resolution.candidates.push_back(std::move(scored.candidate));
    }
  }
  return resolution;
}

}  // namespace intelligenced::resolve

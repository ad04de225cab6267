#include "services/actions/resolve/action_index.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced::resolve {
namespace {

// Words of little weight are in nearly every phrase: they find nothing.
constexpr double kLeastIndexedWeight = 0.9;
constexpr double kConceptShare = 0.6;
// Similar words are looked for in a sentence's first words only: free text is not misspelled
// commands.
constexpr size_t kMaxSimilarWords = 24;

}  // namespace

absl::StatusOr<std::shared_ptr<const ActionIndex>> ActionIndex::Build(
    std::vector<ActionSpec> actions) {
  std::shared_ptr<ActionIndex> index(new ActionIndex());
  if (absl::Status status = index->AddActions(std::move(actions)); !status.ok()) return status;
  return index;
}

absl::Status ActionIndex::AddActions(std::vector<ActionSpec> actions) {
  actions_ = std::move(actions);
  for (size_t action = 0; action < actions_.size(); ++action) {
    const ActionSpec& spec = actions_[action];
    const std::string field = absl::StrCat("actions[", action, "]");
    if (!by_id_.try_emplace(spec.id, action).second) {
      return FieldError(absl::StrCat(field, ".id"), "Two actions have this identifier.");
    }
    if (spec.parameters.size() > kMaxParameters) {
      return FieldError(
          absl::StrCat(field, ".parameters"),
          absl::StrCat("An action can have at most ", kMaxParameters, " parameters."));
    }
    std::vector<std::string> names;
    std::vector<Slot> slots;
    for (const ParameterSpec& parameter : spec.parameters) {
      names.push_back(parameter.name);
      slots.emplace_back(parameter);
    }
    slots_.push_back(std::move(slots));
    for (size_t phrase = 0; phrase < spec.phrases.size(); ++phrase) {
      const absl::StatusOr<std::vector<PhraseVariant>> variants =
          ParsePhrase(spec.phrases[phrase], names, absl::StrCat(field, ".phrases[", phrase, "]"));
      if (!variants.ok()) return variants.status();
      for (const PhraseVariant& variant : *variants) AddPhrase(action, variant, false);
    }
    PhraseVariant title;
    for (Word& word : SplitWords(spec.title)) title.push_back({.word = std::move(word.text)});
    if (!title.empty()) AddPhrase(action, title, true);
  }
  return absl::OkStatus();
}

void ActionIndex::AddPhrase(size_t action, const PhraseVariant& variant, bool is_title) {
  IndexedPhrase phrase{.action = action, .is_title = is_title};
  // Places are words that nothing matches.
  Words words;
  for (const PhraseElement& element : variant) {
    Word word;
    if (element.parameter < 0) {
      word.text = element.word;
      word.stem = Stem(element.word);
    }
    words.push_back(std::move(word));
  }
  const auto number = static_cast<uint32_t>(phrases_.size());
  auto post = [number](std::vector<std::vector<uint32_t>>& postings, uint32_t key) {
    if (postings.size() <= key) postings.resize(key + 1);
    if (postings[key].empty() || postings[key].back() != number) postings[key].push_back(number);
  };
  for (size_t at = 0; at < variant.size(); ++at) {
    IndexedPhrase::Element element{.parameter = variant[at].parameter};
    std::vector<ConceptSpan> concepts;
    if (element.parameter < 0) {
      element.word = lexicon_.Add(words[at].stem);
      element.weight = Lexicon::WeightOf(words[at].text);
      phrase.weight += element.weight;
      concepts = lexicon_.ConceptsAt(words, at);
      if (element.weight >= kLeastIndexedWeight) post(by_word_, element.word);
      for (const ConceptSpan& span : concepts) post(by_concept_, span.concept_id);
    }
    phrase.elements.push_back(element);
    phrase.concepts.push_back(std::move(concepts));
  }
  phrases_.push_back(std::move(phrase));
}

const ActionSpec* ActionIndex::Find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &actions_[found->second];
}

Sentence ActionIndex::Read(std::string_view text) const {
  Sentence sentence{.text = text, .words = SplitWords(text)};
  size_t looked_up = 0;
  for (size_t at = 0; at < sentence.words.size(); ++at) {
    const Word& word = sentence.words[at];
    sentence.weights.push_back(Lexicon::WeightOf(word.text));
    sentence.numbers.push_back(lexicon_.Find(word.stem));
    sentence.concepts.push_back(lexicon_.ConceptsAt(sentence.words, at));
    std::vector<SimilarWord> similar;
    if (sentence.numbers.back() == kNoWord && looked_up < kMaxSimilarWords) {
      ++looked_up;
      similar = lexicon_.FindSimilar(word.stem);
    }
    sentence.similar.push_back(std::move(similar));
  }
  return sentence;
}

std::vector<const IndexedPhrase*> ActionIndex::Shortlist(
    const Sentence& sentence, size_t limit, size_t per_action,
    absl::FunctionRef<bool(const ActionSpec&)> allowed) const {
  std::vector<double> scores(phrases_.size(), 0);
  std::vector<uint32_t> touched;
  const auto total = static_cast<double>(phrases_.size());
  auto look_up = [&](const std::vector<std::vector<uint32_t>>& postings, uint32_t key,
                     double share) {
    if (key >= postings.size() || postings[key].empty()) return;
    const double rarity = std::log(1 + total / static_cast<double>(postings[key].size()));
    for (const uint32_t phrase : postings[key]) {
      if (scores[phrase] == 0) touched.push_back(phrase);
      scores[phrase] += share * rarity;
    }
  };
  // A word that is said twice counts once.
  std::vector<uint32_t> seen_words;
  std::vector<uint32_t> seen_concepts;
  auto first_time = [](std::vector<uint32_t>& seen, uint32_t key) {
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return false;
    seen.push_back(key);
    return true;
  };
  for (size_t at = 0; at < sentence.words.size(); ++at) {
    const uint32_t word = sentence.numbers[at];
    if (word != kNoWord && first_time(seen_words, word)) look_up(by_word_, word, 1);
    for (const SimilarWord& similar : sentence.similar[at]) {
      if (first_time(seen_words, similar.word)) look_up(by_word_, similar.word, similar.likeness);
    }
    for (const ConceptSpan& span : sentence.concepts[at]) {
      if (first_time(seen_concepts, span.concept_id)) {
        look_up(by_concept_, span.concept_id, kConceptShare);
      }
    }
  }
  for (const uint32_t phrase : touched) scores[phrase] /= std::sqrt(phrases_[phrase].weight + 1);
  std::sort(touched.begin(), touched.end(), [&scores](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  std::vector<const IndexedPhrase*> out;
  absl::flat_hash_map<size_t, size_t> taken;
  for (const uint32_t number : touched) {
    const IndexedPhrase& phrase = phrases_[number];
    if (taken[phrase.action] >= per_action || !allowed(actions_[phrase.action])) continue;
    ++taken[phrase.action];
    out.push_back(&phrase);
    if (out.size() == limit) break;
  }
  return out;
}

std::vector<const ActionSpec*> ActionIndex::ShortlistActions(
    const Sentence& sentence, size_t limit,
    absl::FunctionRef<bool(const ActionSpec&)> allowed) const {
  std::vector<const ActionSpec*> out;
  for (const IndexedPhrase* phrase : Shortlist(sentence, limit, 1, allowed)) {
    out.push_back(&actions_[phrase->action]);
  }
  // Few enough to be offered all: the ones that share no word as well.
  for (const ActionSpec& action : actions_) {
    if (out.size() >= limit) break;
    if (std::find(out.begin(), out.end(), &action) == out.end() && allowed(action)) {
      out.push_back(&action);
    }
  }
  return out;
}

}  // namespace intelligenced::resolve

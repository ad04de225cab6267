// Which actions a sentence could mean: phrases found by their words, not one by one.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ACTION_INDEX_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ACTION_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/actions/resolve/lexicon.h"
#include "services/actions/resolve/phrase_template.h"
#include "services/actions/resolve/slots.h"
#include "services/actions/resolve/types.h"

namespace intelligenced::resolve {

// A phrase as it is compared with sentences.
struct IndexedPhrase {
  struct Element {
    int parameter = -1;  // -1: a word
    uint32_t word = kNoWord;
    double weight = 0;
  };
  size_t action = 0;
  std::vector<Element> elements = {};
  // By element: which synonyms' phrases begin there.
  std::vector<std::vector<ConceptSpan>> concepts = {};
  // Of its words.
  double weight = 0;
  // The action's title: nobody promised that people say it.
  bool is_title = false;
};

// A sentence as it is compared with phrases.
struct Sentence {
  std::string_view text = {};
  Words words = {};
  std::vector<double> weights = {};
  std::vector<uint32_t> numbers = {};
  std::vector<std::vector<SimilarWord>> similar = {};  // of words that no phrase has
  std::vector<std::vector<ConceptSpan>> concepts = {};
};

// Immutable, thread-safe.
class ActionIndex {
 public:
  // FIELD_INVALID ("actions[3].phrases[1]") for phrases that ParsePhrase() refuses, for more than
  // kMaxParameters parameters and identifiers that come twice.
  static absl::StatusOr<std::shared_ptr<const ActionIndex>> Build(std::vector<ActionSpec> actions);

  static constexpr size_t kMaxParameters = 64;

  const std::vector<ActionSpec>& actions() const { return actions_; }
  const ActionSpec* Find(std::string_view id) const;
  const std::vector<Slot>& slots(size_t action) const { return slots_[action]; }

  // `text` outlives the result.
  Sentence Read(std::string_view text) const;

  // The phrases that share most with the sentence, best first, at most `limit` and `per_action` of
  // one action. Of actions that `allowed` takes.
  std::vector<const IndexedPhrase*> Shortlist(
      const Sentence& sentence, size_t limit, size_t per_action,
      absl::FunctionRef<bool(const ActionSpec&)> allowed) const;

  // The actions of a longer shortlist, best first: what a language model is offered.
  std::vector<const ActionSpec*> ShortlistActions(
      const Sentence& sentence, size_t limit,
      absl::FunctionRef<bool(const ActionSpec&)> allowed) const;

 private:
  ActionIndex() = default;
  absl::Status AddActions(std::vector<ActionSpec> actions);
  void AddPhrase(size_t action, const PhraseVariant& variant, bool is_title);

  Lexicon lexicon_;
  std::vector<ActionSpec> actions_;
  absl::flat_hash_map<std::string_view, size_t> by_id_;
  std::vector<std::vector<Slot>> slots_;
  std::vector<IndexedPhrase> phrases_;
  // Phrases by the numbers of their words and concepts.
  std::vector<std::vector<uint32_t>> by_word_;
  std::vector<std::vector<uint32_t>> by_concept_;
};

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ACTION_INDEX_H_

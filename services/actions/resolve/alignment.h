// One phrase laid along one sentence: which words are the phrase's, which are values. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ALIGNMENT_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ALIGNMENT_H_

#include <cstddef>
#include <vector>

#include "services/actions/resolve/action_index.h"
#include "services/actions/resolve/slots.h"

namespace intelligenced::resolve {

struct PhraseAlignment {
  struct Piece {
    int parameter = 0;
    // Words of the sentence.
    size_t begin = 0;
    size_t end = 0;
    // Empty for a parameter that is open.
    SlotMatch match = {};
  };
  // In the order of the sentence; a parameter at most once.
  std::vector<Piece> pieces = {};
  // Of the phrase's words, how many were said, by weight: 0 to 1.
  double said = 0;
  // Of the sentence, how much the phrase and its values explain: 0 to 1.
  double explained = 0;
  // The weight of the phrase's words that were said as such, not as synonyms' parts.
  double matched_weight = 0;
  // The heaviest word of the phrase that was said, as well as it was.
  double anchor = 0;
  // The first of the sentence's words that is the phrase's; the sentence's length: none is.
  size_t first_said = 0;
};

// The best way to lay `phrase` along `sentence`. Values that say what they are (days, links, cases
// of an enumeration) are taken wherever they stand; open parameters only where the phrase has
// them. O(elements × words).
PhraseAlignment Align(const IndexedPhrase& phrase, const std::vector<Slot>& slots,
                      const Sentence& sentence, ValueReader& reader);

}  // namespace intelligenced::resolve

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESOLVE_ALIGNMENT_H_

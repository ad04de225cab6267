// What is plainly wrong with a model's answer, whatever model it is: so that nothing of a text is
// lost, and nothing said again and again, without anybody being told. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_ANSWER_GUARD_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_ANSWER_GUARD_H_

#include <vector>

#include "services/translation/segment.h"

namespace intelligenced {

enum class AnswerFault {
  kNone,
  // Far less than the source says: at most a fifth of its letters, of 32 and more. A Chinese,
  // Japanese or Korean character counts as three letters.
  kLost,
  // Far more than it: four times as many letters and 120.
  kGrown,
  // The same one to eight words four times running or more often, eight words at the least, and
  // more than twice as often as the source says anything running.
  kRepeats,
};

// Takes time proportional to the texts.
AnswerFault FindFault(const KeptText& source, const TranslatedText& answer);

// Parts of the answer, sorted, that stand in the source word for word: six and more words running,
// four of them in lower case, or all of the answer where three are. Languages may share some words
// of a sentence, and names stay as they are: shorter parts say nothing. Kept spans are no words.
std::vector<ByteSpan> FindCopied(const KeptText& source, const TranslatedText& answer);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_ANSWER_GUARD_H_

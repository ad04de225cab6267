// How a language model is asked to translate, and what its answer is worth. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_PROMPT_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_PROMPT_H_

#include <string_view>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "services/translation/segment.h"

namespace intelligenced {

// The rules are shared between clients where both languages are on the list of names; the text is
// the user's message, never a request to the model. Kept spans are marks that are to be copied. The
// output is bounded by what a translation of the text can take. Greedy.
intelligence::engine::v1::GenerateTask TranslatePrompt(const KeptText& text,
                                                       std::string_view source_language,
                                                       std::string_view target_language);

// The answer as an engine that translates would give it: without what models put around it, the
// marks replaced by what they stand for, cut where it begins to repeat itself. `kept` is empty when
// a mark is missing or came twice.
intelligence::engine::v1::TranslatedSegment ReadTranslation(const KeptText& text,
                                                            std::string_view answer,
                                                            bool ended_by_length);

// Where `text` begins to say the same over and over: the end of the first time. Its size when it
// does not.
size_t RepetitionStart(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_PROMPT_H_

// Whether what an engine gave for a sentence can be used. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_CHECK_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_CHECK_H_

#include <optional>

#include "protos/intelligence/engine/v1/language.pb.h"
#include "services/translation/segment.h"

namespace intelligenced {

// The engine's answer for `source`, which has no white space at its ends; that of the answer is
// taken off, and line ends in it become spaces. Nothing when the answer cannot be used: it is empty
// or no UTF-8, a kept span is missing, changed, doubled or lies in another, or markup that opens
// and closes would no longer do so in this order, properly nested.
std::optional<TranslatedText> CheckTranslation(
    const KeptText& source, const intelligence::engine::v1::TranslatedSegment& answer);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_SEGMENT_CHECK_H_

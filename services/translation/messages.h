// What TranslateText and TranslateBatch say alike. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_MESSAGES_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_MESSAGES_H_

#include <string>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/engine/v1/language.pb.h"
#include "protos/intelligence/v1/common.pb.h"
#include "protos/intelligence/v1/translation.pb.h"
#include "runtime/base/byte_span.h"
#include "runtime/core/runtime.h"
#include "runtime/scheduler/job.h"
#include "services/translation/marks.h"
#include "services/translation/routes.h"
#include "services/translation/segment.h"

namespace intelligenced {

TextMarkup ToTextMarkup(intelligence::v1::TranslationFormat format);
std::vector<ByteSpan> ToSpans(
    const google::protobuf::RepeatedPtrField<intelligence::v1::TextRange>& ranges);
void ToMessage(TranslatedText translation, intelligence::v1::Translation* message);
void ToMessage(const QueuePlace& place, intelligence::v1::Queued* message);
// Reason and sentence of a text that has no translation.
intelligence::v1::ItemError ToItemError(const absl::Status& status);

// How a text goes into another language.
struct FoundRoute {
  // As asked for or found, normalized.
  std::string source;
  bool detected = false;
  // Empty: it is in the target language.
  Route route;
};

// For a source that was given, normalized as the others are.
absl::StatusOr<FoundRoute> RouteFor(const Runtime& runtime, const std::string& source,
                                    const std::string& target,
                                    intelligence::v1::TranslationStrategy strategy,
                                    const std::string& model);
// For what was found in a text: the likeliest language, or, where that is uncertain, the likeliest
// that can be translated. FIELD_INVALID (source_language) where none was found.
absl::StatusOr<FoundRoute> RouteForDetected(const Runtime& runtime,
                                            const intelligence::engine::v1::LanguagesResult& found,
                                            const std::string& target,
                                            intelligence::v1::TranslationStrategy strategy,
                                            const std::string& model);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_MESSAGES_H_

// Between the SDK's types of translation and their messages. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_TRANSLATION_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_TRANSLATION_H_

#include <intelligence/translation_types.h>

#include <optional>

#include "clients/cpp/src/convert.h"
#include "protos/intelligence/v1/translation.pb.h"

namespace intelligence {

v1::TranslateTextRequest ToProto(const TranslateTextRequest& request, const CallOptions& options);
v1::TranslateBatchStart ToProto(const TranslateBatchRequest& request, const CallOptions& options);
void ToProto(const TranslateItem& item, v1::TranslateItem* out);
v1::PrepareTranslationRequest ToProto(const PrepareTranslationRequest& request,
                                      const CallOptions& options);

// Nothing for an event that this version of the SDK does not know.
std::optional<TranslateTextEvent> FromProto(const v1::TranslateTextResponse& response);
std::optional<TranslateBatchEvent> FromProto(const v1::TranslateBatchResponse& response);
std::optional<PrepareTranslationEvent> FromProto(const v1::PrepareTranslationResponse& response);
DetectLanguageResult FromProto(const v1::DetectLanguageResponse& response);
ListLanguagePairsResult FromProto(const v1::ListLanguagePairsResponse& response);

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_TRANSLATION_H_

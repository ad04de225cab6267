// Checks requests against the limits that protos/intelligence/v1/translation.proto states. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_VALIDATE_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/translation.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::TranslateTextRequest& request);
absl::Status Validate(const intelligence::v1::TranslateBatchStart& start);
// What is wrong with an item is its own error.
absl::Status Validate(const intelligence::v1::TranslateItem& item);
absl::Status Validate(const intelligence::v1::DetectLanguageRequest& request);
absl::Status Validate(const intelligence::v1::ListLanguagePairsRequest& request);
absl::Status Validate(const intelligence::v1::PrepareTranslationRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_VALIDATE_H_

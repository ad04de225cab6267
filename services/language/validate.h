// What can be said of LanguageService's requests without their model. Pure.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_VALIDATE_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/language.pb.h"

namespace intelligenced {

// FIELD_INVALID, INPUT_TOO_LARGE.
absl::Status Validate(const intelligence::v1::SegmentTextRequest& request);
absl::Status Validate(const intelligence::v1::EmbedTextRequest& request);
absl::Status Validate(const intelligence::v1::ClassifyTextRequest& request);
absl::Status Validate(const intelligence::v1::FindEntitiesRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_VALIDATE_H_

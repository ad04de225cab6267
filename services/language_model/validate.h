// Checks the requests of the LanguageModelService against the bounds that the API states.
// Pure and thread-safe. Errors: FIELD_INVALID with the field, INPUT_TOO_LARGE.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_VALIDATE_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/language_model.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::GenerateTextRequest& request);
absl::Status Validate(const intelligence::v1::CountTokensRequest& request);
absl::Status Validate(const intelligence::v1::CreateSessionRequest& request);
absl::Status Validate(const intelligence::v1::GetSessionRequest& request);
absl::Status Validate(const intelligence::v1::ListSessionsRequest& request);
absl::Status Validate(const intelligence::v1::AppendToSessionRequest& request);
absl::Status Validate(const intelligence::v1::ForkSessionRequest& request);
absl::Status Validate(const intelligence::v1::PrewarmSessionRequest& request);
absl::Status Validate(const intelligence::v1::DeleteSessionRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_VALIDATE_H_

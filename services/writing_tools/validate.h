// Checks the requests of the WritingToolsService against the bounds that the API states.
// Pure and thread-safe. Errors: FIELD_INVALID with the field, INPUT_TOO_LARGE.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_VALIDATE_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_VALIDATE_H_

#include "absl/status/status.h"
#include "protos/intelligence/v1/writing_tools.pb.h"

namespace intelligenced {

absl::Status Validate(const intelligence::v1::ProofreadTextRequest& request);
absl::Status Validate(const intelligence::v1::RewriteTextRequest& request);
absl::Status Validate(const intelligence::v1::SummarizeTextRequest& request);
absl::Status Validate(const intelligence::v1::ComposeTextRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_VALIDATE_H_

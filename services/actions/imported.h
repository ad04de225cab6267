// What imported providers offered last time, on disk: so that their actions are known while they do
// not run. Reads and writes files.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_IMPORTED_H_
#define INTELLIGENCED_SERVICES_ACTIONS_IMPORTED_H_

#include <string>

#include "absl/status/status.h"
#include "services/actions/declaration.h"

namespace intelligenced {

// Fills in the declaration of a provider with `imports`. NOT_FOUND: nothing is remembered, or it
// was of another fingerprint; INVALID_ARGUMENT with words for the log: what is there is no such
// file. Either way the provider is left as it was.
absl::Status LoadImported(const std::string& folder, StaticProvider* provider);

absl::Status SaveImported(const std::string& folder, const std::string& fingerprint,
                          const intelligence::v1::ProviderDeclaration& declaration);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_IMPORTED_H_

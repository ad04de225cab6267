// What providers answer, checked, and what people are told of a run. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_RESULTS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_RESULTS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/values.h"

namespace intelligenced {

// FIELD_INVALID or INPUT_TOO_LARGE with the field ("result.value").
absl::Status CheckResult(const intelligence::v1::Action& action,
                         const intelligence::v1::ActionResult& result,
                         const intelligence::v1::ProviderDeclaration& provider);

// At most 64 of the asked type, keys unique.
absl::Status CheckEntities(std::string_view type, const intelligence::v1::EntityAnswer& answer,
                           const intelligence::v1::ProviderDeclaration& provider);

// "Delete a list in Notes: list “Shopping”?" for a person who is to confirm it. Values stand in
// quotation marks, which they cannot hold themselves, so that none passes for the daemon's words.
std::string DescribeRun(const intelligence::v1::Action& action,
                        const intelligence::v1::ProviderDeclaration& provider,
                        const ActionValues& values);

// Puts `from` at the place of a value: the value itself (item -1), or an item of its list.
void SetSlot(int item, const intelligence::v1::ActionValue& from,
             intelligence::v1::ActionValue* value);

void SetElapsed(absl::Duration duration, intelligence::v1::RunCompleted* completed);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_RESULTS_H_

// Values of actions as people write and read them, and as JSON. Pure, but for paths that are made
// absolute.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_ACTION_VALUES_H_
#define INTELLIGENCED_CLIENTS_MLCTL_ACTION_VALUES_H_

#include <intelligence/actions.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// "2026-11-24 09:00", "45m", "yes", a case's id or title, an entity's title or "id:KEY", items of a
// list with commas between them. INVALID_ARGUMENT with an example.
absl::StatusOr<intelligence::actions::Value> ParseActionValue(
    const intelligence::actions::ValueType& type, std::string_view text);

// Whether the daemon understands values of the type in a person's words ("tomorrow at 9") when it
// asks for one.
bool IsSayable(const intelligence::actions::ValueType& type);

// In one line.
std::string DescribeActionValue(const intelligence::actions::Value& value);

Json ToJson(const intelligence::actions::Value& value);
Json ToJson(const intelligence::actions::ActionInfo& action);
Json ToJson(const intelligence::actions::Candidate& candidate);

// "text", "number from 0 to 100 %", "one of: low, high", "list of texts".
std::string DescribeValueType(const intelligence::actions::ValueType& type);

std::string RenderActionList(const intelligence::actions::ListResult& list, int width,
                             const Palette& palette);
std::string RenderAction(const intelligence::actions::ActionInfo& action, const Palette& palette);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_ACTION_VALUES_H_

// The actions of apps as tools of the Model Context Protocol.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_MCP_ACTIONS_H_
#define INTELLIGENCED_CLIENTS_MLCTL_MCP_ACTIONS_H_

#include <intelligence/actions.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mlctl/mcp_server.h"

namespace intelligenced::mlctl {

// "org.example.Notes/create-note" as a tool's name: "org_example_Notes-create-note". At most 64
// characters; longer names keep their end and a number made of the whole.
std::string ActionToolName(std::string_view action);

// The JSON Schema of an action's arguments. Values are texts, numbers, true and false, and lists,
// as ActionArguments() reads them.
Json ActionInputSchema(const intelligence::actions::ActionInfo& action);

// INVALID_ARGUMENT for an argument that the action does not have, or of another type.
absl::StatusOr<intelligence::actions::Values> ActionArguments(
    const intelligence::actions::ActionInfo& action, const Json& arguments);

// Who the runs of a client are made for, as grants name it after the '#': "mcp:claude". Made of
// what the client says of itself, with nothing in it but [A-Za-z0-9._-].
std::string McpCaller(std::string_view client_name);

// One tool for each action of `list`. They run on behalf of the client, so that the daemon asks
// the person, and not the client, for what needs the person's word.
std::vector<McpTool> ActionTools(
    const intelligence::actions::ListResult& list,
    const std::function<absl::StatusOr<intelligence::Client>()>& connect);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_MCP_ACTIONS_H_

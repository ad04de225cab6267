// mlctl mcp
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_MCP_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_MCP_H_

#include "clients/mlctl/command_tree.h"

namespace intelligenced::mlctl {

void AddMcpCommands(CommandTree& tree);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_MCP_H_

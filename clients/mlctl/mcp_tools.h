// The daemon's services as tools of the Model Context Protocol.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_MCP_TOOLS_H_
#define INTELLIGENCED_CLIENTS_MLCTL_MCP_TOOLS_H_

#include <intelligence/client.h>

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mlctl/mcp_server.h"

namespace intelligenced::mlctl {

// proofread, rewrite, summarize, compose, translate, detect_language, read_picture and
// describe_picture. `connect` is called for each call, on its thread.
std::vector<McpTool> ServiceTools(std::function<absl::StatusOr<intelligence::Client>()> connect);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_MCP_TOOLS_H_

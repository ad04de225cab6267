// A server's tool as an action: what it is called and takes, and what comes back. Pure.
//
// Everything a server says is data: names become identifiers, words become plain lines, and nothing
// of it changes how the action is asked for. A tool that says of itself that it only reads runs
// without a question; one that says it destroys is asked for each time; one that says nothing is
// confirmed, since the protocol supposes the worst of it.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_IMPORTED_TOOL_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_IMPORTED_TOOL_H_

#include <intelligence/action_provider.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mcp_provider/value_shape.h"

namespace intelligenced::mcp {

// What the registry takes of one provider and one action.
inline constexpr size_t kMaxTools = 256;
inline constexpr size_t kMaxParameters = 32;

struct ImportedTool {
  struct Argument {
    // Of the action's parameter, and of the tool's own property.
    std::string parameter;
    std::string property;
    ValueShape shape;
  };
  // As the server calls it.
  std::string name;
  std::string id;
  std::string title;
  std::string description;
  bool requires_confirmation = false;
  bool is_destructive = false;
  std::vector<actions::ParameterInfo> parameters;
  std::vector<Argument> arguments;
  // How people may ask for it (tool_phrases.h).
  std::vector<std::string> phrases;
  // The text of the answer, or, with `result_property`, that property of its structured content.
  ValueShape result;
  std::string result_property;
};

struct ImportedTools {
  std::vector<ImportedTool> tools;
  // A sentence for each that was left out.
  std::vector<std::string> problems;
};

// `listed` holds what tools/list answered. `wanted`: only tools of these names; empty: all.
ImportedTools ImportTools(const std::vector<Json>& listed, const std::set<std::string>& wanted);

// The arguments of tools/call. INVALID_ARGUMENT with the parameter's title.
absl::StatusOr<Json> ArgumentsOf(const ImportedTool& tool, const actions::Values& values);

// What tools/call answered. ABORTED with the tool's words where it failed; INTERNAL where the
// answer is none of the protocol, is not of the declared shape or is too long to be passed on.
absl::StatusOr<actions::Result> ResultOf(const ImportedTool& tool, const Json& result);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_IMPORTED_TOOL_H_

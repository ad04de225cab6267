// How people may ask for a server's tool: phrases of the registry (packaging/actions/README.md),
// made of the tool's title, its name and what it says of itself. Pure.
//
//   get_current_weather(city), “Returns the weather for a city”
//     → "get current weather [of|for|in|…] {city}", "show current weather …", "show the weather …"
//
// A server's words become words of a phrase and nothing else: of brackets, braces and control
// characters nothing is left, a phrase cannot name what the tool has not, and what a description
// says counts only where it says a word of the tool's title or name, so that a tool is not found by
// the words of others.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_TOOL_PHRASES_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_TOOL_PHRASES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "clients/mcp_provider/imported_tool.h"

namespace intelligenced::mcp {

// Well below the registry's 64 of an action and 256 bytes of a phrase.
inline constexpr size_t kMaxPhrases = 8;
inline constexpr size_t kMaxPhraseBytes = 192;

// Of a tool that has everything else. Each passes the registry's rules.
std::vector<std::string> PhrasesOf(const ImportedTool& tool);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_TOOL_PHRASES_H_

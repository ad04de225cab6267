// A server's words made fit to be shown: data, never an instruction. Pure.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_PLAIN_TEXT_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_PLAIN_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace intelligenced::mcp {

// One line of at most `max_bytes`, cut at a character's border: line breaks and tabs become spaces,
// other control characters U+FFFD.
std::string PlainLine(std::string_view text, size_t max_bytes);

// The same text with its line breaks and tabs: "\r\n" becomes "\n", other control characters
// U+FFFD.
std::string PlainLines(std::string_view text);

// "readFile" → "read-file": [a-z0-9][a-z0-9_-]{0,63}, for anything. "x" for what has nothing of it.
std::string IdentifierOf(std::string_view name);

// "readFile", "read_file" → "Read file".
std::string TitleOf(std::string_view name);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_PLAIN_TEXT_H_

// JSON-RPC 2.0 as the Model Context Protocol uses it over a pipe: one message a line. What a server
// sends is bounded and checked here, before anything else looks at it. Pure.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_JSON_RPC_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_JSON_RPC_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace intelligenced::mcp {

// Properties stay in the order that their author gave them.
using Json = nlohmann::ordered_json;

inline constexpr size_t kMaxMessageBytes = size_t{8} << 20;
inline constexpr int kMaxJsonDepth = 64;

// INVALID_ARGUMENT for what is no JSON, deeper than kMaxJsonDepth or longer than kMaxMessageBytes.
// Deep values are refused before they are built: copying one would exhaust the stack.
absl::StatusOr<Json> ParseJson(std::string_view text);

// One line, without the line break. Bytes that are no UTF-8 become U+FFFD.
std::string DumpJson(const Json& json);

// The member, or null where `object` is no object or has none.
const Json& Member(const Json& object, std::string_view name);
// Its text; empty where it is none.
std::string TextMember(const Json& object, std::string_view name);

struct ServerMessage {
  enum class Kind { kResult, kError, kRequest, kNotification };
  Kind kind = Kind::kNotification;
  // Of an answer: which of our requests it is for.
  uint64_t request = 0;
  // Of a request: the server's own id, to be given back as it is.
  Json id = {};
  std::string method = {};
  // The result, the error's object or the parameters.
  Json body = {};
};

// INVALID_ARGUMENT for what is no message of the protocol.
absl::StatusOr<ServerMessage> ParseServerMessage(std::string_view line);

std::string RequestLine(uint64_t id, std::string_view method, Json params);
std::string NotificationLine(std::string_view method, Json params);
std::string ResultLine(const Json& id, Json result);
std::string ErrorLine(const Json& id, int code, std::string_view message);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_JSON_RPC_H_

#include "clients/mcp_provider/json_rpc.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/json_depth.h"

namespace intelligenced::mcp {
absl::StatusOr<Json> ParseJson(std::string_view text) {
  if (text.size() > kMaxMessageBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("It has ", text.size(), " bytes; at most ", kMaxMessageBytes, " are taken."));
  }
  if (JsonDepth(text) > kMaxJsonDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("It is nested more than ", kMaxJsonDepth, " deep."));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError("It is no JSON.");
  return json;
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& Member(const Json& object, std::string_view name) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(std::string(name));
  return found == object.end() ? kNothing : *found;
}

std::string TextMember(const Json& object, std::string_view name) {
  const Json& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : "";
}

absl::StatusOr<ServerMessage> ParseServerMessage(std::string_view line) {
  const absl::StatusOr<Json> json = ParseJson(line);
  if (!json.ok()) return json.status();
  if (TextMember(*json, "jsonrpc") != "2.0") {
    return absl::InvalidArgumentError("It is no message of JSON-RPC 2.0.");
  }
  const Json& id = Member(*json, "id");
  ServerMessage message;
  message.method = TextMember(*json, "method");
  if (!message.method.empty()) {
    if (json->contains("id")) {
      if (!id.is_string() && !id.is_number_integer()) {
        return absl::InvalidArgumentError("Its id is neither a text nor a whole number.");
      }
      message.kind = ServerMessage::Kind::kRequest;
      message.id = id;
    }
    message.body = Member(*json, "params");
    return message;
  }
  if (!id.is_number_unsigned()) {
    return absl::InvalidArgumentError("It answers no request of ours.");
  }
  message.request = id.get<uint64_t>();
  if (json->contains("error")) {
    message.kind = ServerMessage::Kind::kError;
    message.body = Member(*json, "error");
    return message;
  }
  if (!json->contains("result")) return absl::InvalidArgumentError("It says nothing.");
  message.kind = ServerMessage::Kind::kResult;
  message.body = Member(*json, "result");
  return message;
}

std::string RequestLine(uint64_t id, std::string_view method, Json params) {
  return DumpJson(
      {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
}
std::string NotificationLine(std::string_view method, Json params) {
  return DumpJson({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}
std::string ResultLine(const Json& id, Json result) {
  return DumpJson({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}});
}
std::string ErrorLine(const Json& id, int code, std::string_view message) {
  return DumpJson(
      {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}

}  // namespace intelligenced::mcp

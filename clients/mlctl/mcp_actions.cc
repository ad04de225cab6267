#include "clients/mlctl/mcp_actions.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/action_values.h"

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;
using Kind = actions::ValueType::Kind;

constexpr size_t kMaxToolName = 64;

// FNV-1a: the same in every run, so that a client's memory of a tool stays good.
uint32_t Number(std::string_view text) {
  uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
Json TypeSchema(const actions::ValueType& type) {
  Json schema = Json::object();
  switch (type.kind) {
    case Kind::kInteger:
    case Kind::kNumber:
      schema["type"] = type.kind == Kind::kInteger ? "integer" : "number";
      if (type.minimum.has_value()) schema["minimum"] = *type.minimum;
      if (type.maximum.has_value()) schema["maximum"] = *type.maximum;
      break;
    case Kind::kBoolean:
      schema["type"] = "boolean";
      break;
    case Kind::kEnumeration: {
      Json cases = Json::array();
      for (const actions::ValueType::Case& one : type.cases) cases.push_back(one.id);
      schema["type"] = "string";
      schema["enum"] = std::move(cases);
      break;
    }
    case Kind::kList:
      schema["type"] = "array";
      schema["items"] = type.item != nullptr ? TypeSchema(*type.item) : Json::object();
      break;
    default:
      schema["type"] = "string";
      break;
  }
  return schema;
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
absl::StatusOr<actions::Value> ReadArgument(const actions::ValueType& type, const Json& json) {
  const absl::Status wrong =
      absl::InvalidArgumentError(absl::StrCat("must be ", DescribeValueType(type), "."));
  switch (type.kind) {
    case Kind::kInteger:
      if (!json.is_number_integer()) return wrong;
      return actions::Value(json.get<int64_t>());
    case Kind::kNumber:
      if (!json.is_number()) return wrong;
      return actions::Value(json.get<double>());
    case Kind::kBoolean:
      if (!json.is_boolean()) return wrong;
      return actions::Value(json.get<bool>());
    case Kind::kString:
      if (!json.is_string()) return wrong;
      return actions::Value(json.get<std::string>());
    case Kind::kList: {
      if (!json.is_array() || type.item == nullptr) return wrong;
      actions::List items;
      for (const Json& item : json) {
        absl::StatusOr<actions::Value> value = ReadArgument(*type.item, item);
        if (!value.ok()) return value.status();
        items.push_back(*std::move(value));
      }
      return actions::Value(std::move(items));
    }
    default:
      if (!json.is_string()) return wrong;
      return ParseActionValue(type, json.get<std::string>());
  }
}

Json ResultJson(const actions::Result& result) {
  std::string text = result.dialog;
  if (!result.snippet.markdown.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n\n", result.snippet.markdown);
  }
  Json value = nullptr;
  if (!result.value.empty()) {
    value = {{"value", ToJson(result.value)}};
    if (text.empty()) text = DescribeActionValue(result.value);
  }
  return McpText(text.empty() ? "Done." : text, std::move(value));
}

}  // namespace

std::string ActionToolName(std::string_view action) {
  std::string name;
  for (const char c : action) {
    name += c == '/' ? '-' : absl::ascii_isalnum(c) || c == '-' || c == '_' ? c : '_';
  }
  if (name.size() <= kMaxToolName) return name;
  const std::string number = absl::StrCat(absl::Hex(Number(action), absl::kZeroPad8), "_");
  return number + name.substr(name.size() - (kMaxToolName - number.size()));
}

Json ActionInputSchema(const actions::ActionInfo& action) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const actions::ParameterInfo& parameter : action.parameters) {
    Json schema = TypeSchema(parameter.type);
    schema["description"] =
        absl::StrCat(parameter.title, parameter.description.empty() ? "" : ". ",
                     parameter.description, " (", DescribeValueType(parameter.type), ")");
    properties[parameter.id] = std::move(schema);
    if (!parameter.optional && parameter.default_value.empty()) required.push_back(parameter.id);
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

absl::StatusOr<actions::Values> ActionArguments(const actions::ActionInfo& action,
                                                const Json& arguments) {
  actions::Values values;
  for (const auto& [name, json] : arguments.items()) {
    const auto found =
        std::find_if(action.parameters.begin(), action.parameters.end(),
                     [&name = name](const actions::ParameterInfo& one) { return one.id == name; });
    if (found == action.parameters.end()) {
      return absl::InvalidArgumentError(absl::StrCat("There is no argument \"", name, "\"."));
    }
    if (json.is_null()) continue;
    absl::StatusOr<actions::Value> value = ReadArgument(found->type, json);
    if (!value.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", name, "\": ", value.status().message()));
    }
    values[name] = *std::move(value);
  }
  return values;
}

std::string McpCaller(std::string_view client_name) {
  std::string name;
  for (const char c : client_name.substr(0, 64)) {
    name += absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ? c : '_';
  }
  return absl::StrCat("mcp:", name.empty() ? "unnamed" : name);
}

std::vector<McpTool> ActionTools(
    const actions::ListResult& list,
    const std::function<absl::StatusOr<intelligence::Client>()>& connect) {
  std::vector<McpTool> tools;
  for (const actions::ActionInfo& action : list.actions) {
    McpTool tool{
        .name = ActionToolName(action.name),
        .title = action.title,
        .description = absl::StrCat(action.description, action.description.empty() ? "" : " ",
                                    "(An action of ", action.provider, ".)"),
        .input_schema = ActionInputSchema(action),
        .destructive = action.is_destructive};
    tool.run = [action, connect](McpCall& call, const Json& arguments) -> absl::StatusOr<Json> {
      const absl::StatusOr<actions::Values> values = ActionArguments(action, arguments);
      if (!values.ok()) return values.status();
      absl::StatusOr<intelligence::Client> client = connect();
      if (!client.ok()) return client.status();
      actions::RunHandlers handlers;
      handlers.provider_starting = [&call](const std::string&) {
        call.Progress(0, 0, "starting the app");
      };
      handlers.waiting_for_person = [&call] { call.Progress(0, 0, "waiting for the person"); };
      handlers.progress = [&call](const actions::Progress& progress) {
        call.Progress(progress.done, progress.total, progress.message);
      };
      const absl::StatusOr<actions::Result> result =
          actions::Caller(*std::move(client))
              .Run({.action = action.name,
                    .values = *values,
                    .on_behalf_of = McpCaller(call.client_name())},
                   handlers, {.cancellation = call.cancellation()});
      if (!result.ok()) return result.status();
      return ResultJson(*result);
    };
    tools.push_back(std::move(tool));
  }
  return tools;
}

}  // namespace intelligenced::mlctl

// JSON Schemas as types of the action registry, and values as the JSON that fits them. Pure.
#ifndef INTELLIGENCED_CLIENTS_MCP_PROVIDER_VALUE_SHAPE_H_
#define INTELLIGENCED_CLIENTS_MCP_PROVIDER_VALUE_SHAPE_H_

#include <intelligence/action_values.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "clients/mcp_provider/json_rpc.h"

namespace intelligenced::mcp {

namespace actions = ::intelligence::actions;

// What the values of a schema are here.
struct ValueShape {
  actions::ValueType type;
  // The schema is more than the registry's types say (an object, a choice of types): the value is a
  // text that holds JSON.
  bool json = false;
  // Of an enumeration: what its cases stand for.
  std::map<std::string, Json> cases = {};
  // Of a list.
  std::shared_ptr<const ValueShape> item = {};
};

// Any schema has a shape. A bound that makes no sense, or is none of the registry's, is left to the
// server.
ValueShape ShapeOf(const Json& schema);

// INVALID_ARGUMENT with words for a person where a text is to hold JSON and does not.
absl::StatusOr<Json> ToJson(const ValueShape& shape, const actions::Value& value);

// Nothing where the JSON is none of the shape.
std::optional<actions::Value> FromJson(const ValueShape& shape, const Json& json);

}  // namespace intelligenced::mcp

#endif  // INTELLIGENCED_CLIENTS_MCP_PROVIDER_VALUE_SHAPE_H_

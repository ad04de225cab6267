// JSON Schemas as grammars that an engine enforces while it generates. Pure functions.
//
// What a grammar lets through validates against its schema. Beyond the schema (schema_graph.h):
//  - properties come in the order of the schema, those that only `required` names last; an object
//    with named properties has no others;
//  - strings have at most kDefaultMaxLength characters where the schema does not say, names of
//    unnamed properties kMaxNameLength; numbers have the digits of decimal.h;
//  - between parts there is nothing, a space, or a line break with up to 20 spaces.
#ifndef INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAMMAR_H_
#define INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAMMAR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

// Bytes of a grammar's text. Beyond: FIELD_INVALID.
inline constexpr size_t kMaxGrammarBytes = 512 << 10;
inline constexpr int kMaxPatterns = 64;
inline constexpr unsigned kMaxNameLength = 256;
// Calls in one answer.
inline constexpr unsigned kMaxToolCalls = 8;

// The grammar of the values of `schema`. `field` is the request field that errors name. Errors:
// FIELD_INVALID, as SchemaGraph::Read() and CheckSchema() say.
absl::StatusOr<std::string> CompileSchema(std::string_view schema, std::string_view field);

struct ToolSchema {
  std::string name;
  // A JSON Schema of an object; empty: no arguments.
  std::string parameters;
  // The request field that errors name.
  std::string field;
};

// The grammar of an answer that calls tools:
//   {"tool_calls": [{"name": NAME, "arguments": {…}}, …]}
// with 1 to kMaxToolCalls calls. Unless `required`, any text that does not begin with "{" (after
// white space) is let through as well. At least one tool.
absl::StatusOr<std::string> CompileTools(const std::vector<ToolSchema>& tools, bool required);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAMMAR_H_

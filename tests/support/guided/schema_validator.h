// A small JSON Schema validator for tests, written apart from the compiler that it checks: it knows
// the keywords of the supported subset and follows the specification (2020-12), not our limits.
#ifndef INTELLIGENCED_TESTS_SUPPORT_GUIDED_SCHEMA_VALIDATOR_H_
#define INTELLIGENCED_TESTS_SUPPORT_GUIDED_SCHEMA_VALIDATOR_H_

#include <nlohmann/json.hpp>
#include <string>

namespace intelligenced {

// Why `value` does not validate; empty when it does. `root` is what references lead into.
std::string FindBreach(const nlohmann::json& root, const nlohmann::json& schema,
                       const nlohmann::json& value);
inline std::string FindBreach(const nlohmann::json& schema, const nlohmann::json& value) {
  return FindBreach(schema, schema, value);
}

// The same for a text, which must be one JSON value and nothing else.
std::string FindBreachInText(const std::string& schema, const std::string& text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_SUPPORT_GUIDED_SCHEMA_VALIDATOR_H_

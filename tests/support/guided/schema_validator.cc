#include "tests/support/guided/schema_validator.h"

#include <cmath>
#include <regex>
#include <set>

#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

bool HasType(const Json& value, const std::string& type) {
  if (type == "integer") {
    return value.is_number() && value.get<double>() == std::floor(value.get<double>());
  }
  return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
         (type == "string" && value.is_string()) || (type == "number" && value.is_number()) ||
         (type == "boolean" && value.is_boolean()) || (type == "null" && value.is_null());
}

// A unit for each character.
std::wstring Wide(const std::string& text) {
  std::wstring wide;
  for (size_t at = 0; at < text.size();) wide += static_cast<wchar_t>(DecodeChar(text, at));
  return wide;
}

std::string CheckString(const Json& schema, const std::string& text) {
  const size_t length = CountChars(text);
  if (schema.contains("minLength") && length < schema["minLength"]) return "too short";
  if (schema.contains("maxLength") && length > schema["maxLength"]) return "too long";
  if (schema.contains("pattern") &&
      !std::regex_search(Wide(text), std::wregex(Wide(schema["pattern"].get<std::string>())))) {
    return "does not match " + schema["pattern"].get<std::string>();
  }
  return "";
}

std::string CheckNumber(const Json& schema, double number) {
  if (schema.contains("minimum") && !(number >= schema["minimum"])) return "below minimum";
  if (schema.contains("maximum") && !(number <= schema["maximum"])) return "above maximum";
  if (schema.contains("exclusiveMinimum") && !(number > schema["exclusiveMinimum"])) {
    return "not above exclusiveMinimum";
  }
  if (schema.contains("exclusiveMaximum") && !(number < schema["exclusiveMaximum"])) {
    return "not below exclusiveMaximum";
  }
  return "";
}

std::string CheckArray(const Json& root, const Json& schema, const Json& value) {
  if (schema.contains("minItems") && value.size() < schema["minItems"]) return "too few items";
  if (schema.contains("maxItems") && value.size() > schema["maxItems"]) return "too many items";
  const size_t prefix = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
  for (size_t i = 0; i < value.size(); ++i) {
    std::string breach;
    if (i < prefix) {
      breach = FindBreach(root, schema["prefixItems"][i], value[i]);
    } else if (schema.contains("items")) {
      breach = FindBreach(root, schema["items"], value[i]);
    }
    if (!breach.empty()) return "[" + std::to_string(i) + "] " + breach;
  }
  return "";
}

std::string CheckObject(const Json& root, const Json& schema, const Json& value) {
  if (schema.contains("minProperties") && value.size() < schema["minProperties"]) return "too few";
  if (schema.contains("maxProperties") && value.size() > schema["maxProperties"]) return "too many";
  if (schema.contains("required")) {
    for (const Json& name : schema["required"]) {
      if (!value.contains(name.get<std::string>())) return "lacks " + name.get<std::string>();
    }
  }
  for (const auto& [name, member] : value.items()) {
    std::string breach;
    if (schema.contains("properties") && schema["properties"].contains(name)) {
      breach = FindBreach(root, schema["properties"][name], member);
    } else if (schema.contains("additionalProperties")) {
      breach = FindBreach(root, schema["additionalProperties"], member);
    }
    if (!breach.empty()) return "." + name + " " + breach;
  }
  return "";
}

std::string CheckBranches(const Json& root, const Json& schema, const Json& value) {
  for (const char* word : {"anyOf", "oneOf", "allOf"}) {
    if (!schema.contains(word)) continue;
    size_t matches = 0;
    for (const Json& branch : schema[word]) matches += FindBreach(root, branch, value).empty();
    const bool good = std::string(word) == "anyOf"   ? matches > 0
                      : std::string(word) == "oneOf" ? matches == 1
                                                     : matches == schema[word].size();
    if (!good) return std::string(word) + " is matched " + std::to_string(matches) + " times";
  }
  return "";
}

}  // namespace

std::string FindBreach(const Json& root, const Json& schema, const Json& value) {
  if (schema.is_boolean()) return schema.get<bool>() ? "" : "nothing is allowed";
  if (schema.contains("$ref")) {
    std::string reference = schema["$ref"];
    for (size_t at; (at = reference.find("%20")) != std::string::npos;)
      reference.replace(at, 3, " ");
    const std::string breach =
        FindBreach(root, root.at(Json::json_pointer(reference.substr(1))), value);
    if (!breach.empty()) return breach;
  }
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    bool fits = false;
    for (const Json& type : types) fits = fits || HasType(value, type);
    if (!fits) return value.dump() + " is not of type " + types.dump();
  }
  if (schema.contains("const") && value != schema["const"]) return "is not the const";
  if (schema.contains("enum")) {
    bool found = false;
    for (const Json& one : schema["enum"]) found = found || one == value;
    if (!found) return value.dump() + " is none of " + schema["enum"].dump();
  }
  std::string breach = CheckBranches(root, schema, value);
  if (!breach.empty()) return breach;
  if (value.is_string()) return CheckString(schema, value);
  if (value.is_number()) return CheckNumber(schema, value);
  if (value.is_array()) return CheckArray(root, schema, value);
  if (value.is_object()) return CheckObject(root, schema, value);
  return "";
}

std::string FindBreachInText(const std::string& schema, const std::string& text) {
  const Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return "not JSON";
  return FindBreach(Json::parse(schema), value);
}

}  // namespace intelligenced

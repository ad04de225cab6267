#include "services/guided/schema_graph.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/base/reasons.h"
#include "services/guided/schema_reader.h"

namespace intelligenced {
namespace {

using Json = SchemaReader::Json;

constexpr size_t kMaxLiterals = 1000;
constexpr size_t kMaxBranches = 64;

constexpr std::string_view kAnnotations[] = {
    "$schema", "$id",     "$comment", "$defs",    "definitions", "title",      "description",
    "default", "example", "examples", "readOnly", "writeOnly",   "deprecated", "discriminator"};
constexpr std::string_view kObjectWords[] = {"properties", "required", "additionalProperties",
                                             "minProperties", "maxProperties"};
constexpr std::string_view kArrayWords[] = {"items", "prefixItems", "minItems", "maxItems",
                                            "uniqueItems"};
constexpr std::string_view kStringWords[] = {"minLength", "maxLength", "pattern", "format"};
constexpr std::string_view kNumberWords[] = {"minimum", "maximum", "exclusiveMinimum",
                                             "exclusiveMaximum", "multipleOf"};
constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                       "integer", "boolean", "null"};

template <typename Words>
bool Contains(const Words& words, std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsAnnotation(std::string_view word) {
  return Contains(kAnnotations, word) || absl::StartsWith(word, "x-");
}

std::string_view TypeName(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_null()) return "null";
  return value.is_number_integer() ? "integer" : "number";
}

// How deep the brackets of a JSON text nest, without reading it.
int DepthOf(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

// One step of a reference: percent-encoding, then the escapes of JSON pointers.
bool Decode(std::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    std::string byte;
    if (!absl::HexStringToBytes(text.substr(at + 1, 2), &byte) || byte.size() != 1) return false;
    out += byte;
    at += 2;
  }
  out = absl::StrReplaceAll(out, {{"~1", "/"}, {"~0", "~"}});
  return true;
}

}  // namespace

std::string PointerStep(std::string_view pointer, std::string_view token) {
  return absl::StrCat(pointer, "/", absl::StrReplaceAll(token, {{"~", "~0"}, {"/", "~1"}}));
}

std::string_view TypeOfKeyword(std::string_view word) {
  if (Contains(kObjectWords, word)) return "object";
  if (Contains(kArrayWords, word)) return "array";
  if (Contains(kStringWords, word)) return "string";
  return Contains(kNumberWords, word) ? "number" : "";
}

absl::Status SchemaError(std::string_view field, std::string_view pointer,
                         std::string_view message) {
  ErrorFacts facts;
  facts.field = field;
  facts.metadata = {{"pointer", std::string(pointer)}};
  return MakeError(Reason::kFieldInvalid, absl::StrCat(field, ", at ", pointer, ": ", message),
                   std::move(facts));
}

absl::StatusOr<int> SchemaReader::Read(std::string_view text) {
  if (text.size() > kMaxSchemaBytes) {
    return Error("#", absl::StrCat("The schema has ", text.size(), " bytes; the most is ",
                                   kMaxSchemaBytes, "."));
  }
  if (DepthOf(text) > kMaxSchemaDepth) {
    return Error("#", absl::StrCat("The schema nests more than ", kMaxSchemaDepth, " deep."));
  }
  root_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root_.is_discarded()) return Error("#", "The schema is not JSON.");
  const int root = NodeAt("#", root_);
  while (!queue_.empty()) {
    if (graph_.size() > kMaxSchemaNodes) {
      return Error("#", absl::StrCat("The schema has more than ", kMaxSchemaNodes, " parts."));
    }
    const auto [node, schema] = queue_.front();
    queue_.pop_front();
    // A copy: the graph may grow meanwhile.
    SchemaNode filled = graph_.nodes_[node];
    if (absl::Status status = Fill(*schema, filled); !status.ok()) return status;
    graph_.nodes_[node] = std::move(filled);
  }
  return root;
}

int SchemaReader::NodeAt(const std::string& pointer, const Json& schema) {
  const auto [found, added] = known_.try_emplace(pointer, graph_.size());
  if (added) {
    SchemaNode node;
    node.pointer = pointer;
    graph_.Add(std::move(node));
    queue_.emplace_back(found->second, &schema);
  }
  return found->second;
}

absl::Status SchemaReader::Fill(const Json& schema, SchemaNode& node) {
  if (schema.is_boolean()) {
    node.kind = schema.get<bool>() ? SchemaNode::Kind::kAny : SchemaNode::Kind::kNothing;
    return absl::OkStatus();
  }
  if (!schema.is_object()) return Error(node.pointer, "A schema is an object, true or false.");
  std::string_view alone;
  for (const std::string_view word : {"$ref", "anyOf", "oneOf", "allOf", "const", "enum"}) {
    if (schema.contains(word)) {
      alone = word;
      break;
    }
  }
  bool asserts = false;
  for (const auto& [word, value] : schema.items()) {
    if (IsAnnotation(word) || word == alone) continue;
    const bool typed = word == "type" || !TypeOfKeyword(word).empty();
    if (!typed && alone.empty()) {
      return Error(PointerStep(node.pointer, word), "This keyword is not supported.");
    }
    const bool beside_values = (alone == "const" || alone == "enum") && word == "type";
    if (!alone.empty() && !beside_values) {
      return Error(PointerStep(node.pointer, word),
                   absl::StrCat("This keyword cannot stand beside ", alone, "."));
    }
    asserts = true;
  }
  if (alone == "$ref") return FillReference(schema, node);
  if (alone == "const" || alone == "enum") return FillLiterals(schema, alone, node);
  if (!alone.empty()) return FillUnion(schema, alone, node);
  if (!asserts) return absl::OkStatus();
  return FillTyped(schema, node);
}

absl::Status SchemaReader::FillReference(const Json& schema, SchemaNode& node) {
  const std::string place = PointerStep(node.pointer, "$ref");
  if (!schema["$ref"].is_string()) return Error(place, "A reference is a string.");
  std::string_view text = schema["$ref"].get_ref<const std::string&>();
  if (!absl::StartsWith(text, "#") || (text.size() > 1 && text[1] != '/')) {
    return Error(place, "Only references into the same schema are followed (#, #/$defs/NAME).");
  }
  const Json* target = &root_;
  std::string pointer = "#";
  const std::vector<std::string> steps = absl::StrSplit(text.substr(1), '/');
  for (size_t i = 1; i < steps.size(); ++i) {
    std::string token;
    if (!Decode(steps[i], token)) return Error(place, "The reference is not a JSON pointer.");
    const Json* next = nullptr;
    if (target->is_object()) {
      const auto found = target->find(token);
      if (found != target->end()) next = &*found;
    } else if (target->is_array()) {
      for (size_t index = 0; index < target->size(); ++index) {
        if (absl::StrCat(index) == token) next = &(*target)[index];
      }
    }
    if (next == nullptr) return Error(place, "The reference leads to nothing.");
    target = next;
    pointer = PointerStep(pointer, token);
  }
  node.kind = SchemaNode::Kind::kReference;
  node.target = NodeAt(pointer, *target);
  return absl::OkStatus();
}

absl::Status SchemaReader::FillLiterals(const Json& schema, std::string_view word,
                                        SchemaNode& node) {
  const std::string place = PointerStep(node.pointer, word);
  std::vector<const Json*> values;
  if (word == "const") {
    values.push_back(&schema["const"]);
  } else {
    if (!schema["enum"].is_array()) return Error(place, "enum is a list of values.");
    for (const Json& value : schema["enum"]) values.push_back(&value);
  }
  if (values.size() > kMaxLiterals) {
    return Error(place, absl::StrCat("There may be at most ", kMaxLiterals, " values."));
  }
  std::vector<std::string> types;
  if (absl::Status status = ReadTypes(schema, node.pointer, types); !status.ok()) return status;
  for (const Json* value : values) {
    const std::string_view type = TypeName(*value);
    const bool whole =
        value->is_number_float() && value->get<double>() == std::floor(value->get<double>());
    const bool fits = types.empty() || Contains(types, type) ||
                      (value->is_number() && Contains(types, "number")) ||
                      (whole && Contains(types, "integer"));
    if (!fits) continue;
    std::string text = value->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (!Contains(node.literals, text)) node.literals.push_back(std::move(text));
  }
  if (node.literals.empty()) return Error(place, "No value can match.");
  node.kind = SchemaNode::Kind::kLiterals;
  return absl::OkStatus();
}

absl::Status SchemaReader::FillUnion(const Json& schema, std::string_view word, SchemaNode& node) {
  const std::string place = PointerStep(node.pointer, word);
  const Json& branches = schema[word];
  if (!branches.is_array() || branches.empty()) {
    return Error(place, absl::StrCat(word, " is a list of at least one schema."));
  }
  if (word == "allOf" && branches.size() > 1) {
    return Error(place, "allOf is only supported with one schema; merge them.");
  }
  if (branches.size() > kMaxBranches) {
    return Error(place, absl::StrCat("There may be at most ", kMaxBranches, " branches."));
  }
  node.kind = SchemaNode::Kind::kUnion;
  node.exclusive = word == "oneOf";
  for (size_t i = 0; i < branches.size(); ++i) {
    node.branches.push_back(NodeAt(PointerStep(place, absl::StrCat(i)), branches[i]));
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::ReadTypes(const Json& schema, const std::string& pointer,
                                     std::vector<std::string>& types) const {
  if (!schema.contains("type")) return absl::OkStatus();
  const Json& type = schema["type"];
  const std::string place = PointerStep(pointer, "type");
  if (type.is_array() && type.empty()) return Error(place, "No value can match.");
  for (const Json& name : type.is_array() ? type : Json::array({type})) {
    if (!name.is_string() || !Contains(kTypes, name.get_ref<const std::string&>())) {
      return Error(place, "A type is object, array, string, number, integer, boolean or null.");
    }
    if (!Contains(types, name.get_ref<const std::string&>())) types.push_back(name);
  }
  if (Contains(types, "number")) std::erase(types, "integer");
  return absl::OkStatus();
}

absl::Status SchemaReader::FillTyped(const Json& schema, SchemaNode& node) {
  std::vector<std::string> types;
  if (absl::Status status = ReadTypes(schema, node.pointer, types); !status.ok()) return status;
  if (types.empty()) {
    // The types that the keywords are about.
    for (const auto& [word, value] : schema.items()) {
      const std::string_view type = TypeOfKeyword(word);
      if (!type.empty() && !Contains(types, type)) types.emplace_back(type);
    }
  }
  if (types.size() == 1) return FillType(schema, types[0], node);
  node.kind = SchemaNode::Kind::kUnion;
  for (const std::string& type : types) {
    SchemaNode part;
    part.pointer = node.pointer;
    if (absl::Status status = FillType(schema, type, part); !status.ok()) return status;
    node.branches.push_back(graph_.Add(std::move(part)));
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::FillType(const Json& schema, std::string_view type, SchemaNode& node) {
  if (type == "object") return FillObject(schema, node);
  if (type == "array") return FillArray(schema, node);
  if (type == "string") return FillString(schema, node);
  if (type == "number" || type == "integer") return FillNumber(schema, type, node);
  node.kind = SchemaNode::Kind::kLiterals;
  node.literals =
      type == "null" ? std::vector<std::string>{"null"} : std::vector<std::string>{"true", "false"};
  return absl::OkStatus();
}

absl::StatusOr<int> SchemaGraph::Read(std::string_view text, std::string_view field) {
  return SchemaReader(*this, field).Read(text);
}

int SchemaGraph::Resolve(int index) const {
  while (nodes_[index].kind == SchemaNode::Kind::kReference) index = nodes_[index].target;
  return index;
}

}  // namespace intelligenced

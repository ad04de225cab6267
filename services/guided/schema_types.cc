// The keywords of each type of value.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/guided/decimal.h"
#include "services/guided/schema_reader.h"

namespace intelligenced {
namespace {

constexpr std::string_view kTime =
    "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
constexpr std::string_view kDate =
    "[12]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|"
    "02-(0[1-9]|1\\d|2[0-8]))";

std::optional<std::string> FormatPattern(std::string_view format) {
  if (format == "date") return absl::StrCat("^", kDate, "$");
  if (format == "time") return absl::StrCat("^", kTime, "$");
  if (format == "date-time") return absl::StrCat("^", kDate, "T", kTime, "$");
  if (format == "uuid") return "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
  if (format == "ipv4") {
    constexpr std::string_view kOctet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
    return absl::StrCat("^", kOctet, "(\\.", kOctet, "){3}$");
  }
  return std::nullopt;
}

}  // namespace

absl::Status SchemaReader::ReadCount(const Json& schema, std::string_view word,
                                     const SchemaNode& node, uint32_t limit,
                                     std::optional<uint32_t>& count) const {
  if (!schema.contains(word)) return absl::OkStatus();
  const Json& value = schema[word];
  const std::string place = PointerStep(node.pointer, word);
  const double number = value.is_number() ? value.get<double>() : -1;
  if (!(number >= 0) || (number <= limit && number != static_cast<uint32_t>(number))) {
    return Error(place, absl::StrCat(word, " is a whole number from 0."));
  }
  if (number > limit) return Error(place, absl::StrCat(word, " may be at most ", limit, "."));
  count = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

absl::Status SchemaReader::ReadCounts(const Json& schema, std::string_view low_word,
                                      std::string_view high_word, const SchemaNode& node,
                                      uint32_t limit, uint32_t& low,
                                      std::optional<uint32_t>& high) const {
  std::optional<uint32_t> least;
  absl::Status status = ReadCount(schema, low_word, node, limit, least);
  if (status.ok()) status = ReadCount(schema, high_word, node, limit, high);
  if (!status.ok()) return status;
  low = least.value_or(0);
  if (high && *high < low) {
    return Error(PointerStep(node.pointer, low_word),
                 absl::StrCat("No value can match: ", low_word, " is above ", high_word, "."));
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::FillObject(const Json& schema, SchemaNode& node) {
  node.kind = SchemaNode::Kind::kObject;
  std::optional<uint32_t> most;
  absl::Status status = ReadCounts(schema, "minProperties", "maxProperties", node, kMaxSchemaItems,
                                   node.min_members, most);
  if (!status.ok()) return status;

  const bool has_additional = schema.contains("additionalProperties");
  node.closed = has_additional && schema["additionalProperties"] == false;
  const std::string additional = PointerStep(node.pointer, "additionalProperties");
  const auto additional_node = [&] {
    if (has_additional) return NodeAt(additional, schema["additionalProperties"]);
    return NodeAt(additional, any_);
  };

  std::set<std::string> required;
  const std::string required_place = PointerStep(node.pointer, "required");
  std::vector<std::string> names;
  if (schema.contains("required")) {
    if (!schema["required"].is_array())
      return Error(required_place, "required is a list of names.");
    for (const Json& name : schema["required"]) {
      if (!name.is_string()) return Error(required_place, "required is a list of names.");
      if (required.insert(name).second) names.push_back(name);
    }
  }
  const std::string place = PointerStep(node.pointer, "properties");
  if (schema.contains("properties")) {
    if (!schema["properties"].is_object()) return Error(place, "properties is an object.");
    for (const auto& [name, property] : schema["properties"].items()) {
      const bool needed = required.erase(name) > 0;
      if (property == false && !needed) continue;
      node.members.push_back(
          {.name = name, .node = NodeAt(PointerStep(place, name), property), .required = needed});
    }
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!required.contains(names[i])) continue;
    if (node.closed) {
      return Error(PointerStep(required_place, absl::StrCat(i)),
                   "No value can match: the property is required, and additionalProperties being "
                   "false forbids it.");
    }
    node.members.push_back({.name = names[i], .node = additional_node(), .required = true});
  }
  if (node.members.size() > kMaxSchemaProperties) {
    return Error(place,
                 absl::StrCat("An object may have at most ", kMaxSchemaProperties, " properties."));
  }
  if (node.members.empty()) {
    const bool open = has_additional ? !node.closed : !schema.contains("properties");
    if (open) node.additional = additional_node();
    if (open && node.min_members <= 1) {
      node.max_members = most;
      return absl::OkStatus();
    }
  }
  const size_t needed = std::count_if(node.members.begin(), node.members.end(),
                                      [](const SchemaNode::Member& m) { return m.required; });
  if (node.min_members > needed) {
    return Error(PointerStep(node.pointer, "minProperties"),
                 "Name the properties that must be there under required; minProperties itself is "
                 "only supported up to 1, for objects without named properties.");
  }
  if (most && *most < node.members.size()) {
    return Error(PointerStep(node.pointer, "maxProperties"),
                 "maxProperties is only supported for objects without named properties.");
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::FillArray(const Json& schema, SchemaNode& node) {
  node.kind = SchemaNode::Kind::kArray;
  absl::Status status = ReadCounts(schema, "minItems", "maxItems", node, kMaxSchemaItems,
                                   node.min_items, node.max_items);
  if (!status.ok()) return status;
  if (schema.contains("uniqueItems") && schema["uniqueItems"] != false) {
    return Error(PointerStep(node.pointer, "uniqueItems"), "uniqueItems is not supported.");
  }
  if (schema.contains("prefixItems")) {
    const std::string place = PointerStep(node.pointer, "prefixItems");
    const Json& prefix = schema["prefixItems"];
    if (!prefix.is_array()) return Error(place, "prefixItems is a list of schemas.");
    if (prefix.size() > kMaxSchemaProperties) {
      return Error(place, absl::StrCat("There may be at most ", kMaxSchemaProperties, " of them."));
    }
    for (size_t i = 0; i < prefix.size(); ++i) {
      node.prefix.push_back(NodeAt(PointerStep(place, absl::StrCat(i)), prefix[i]));
    }
  }
  const std::string place = PointerStep(node.pointer, "items");
  if (schema.contains("items") && schema["items"].is_array()) {
    return Error(place, "items is one schema; a list of them is called prefixItems.");
  }
  if (!schema.contains("items")) {
    node.items = NodeAt(place, any_);
  } else if (schema["items"] != false) {
    node.items = NodeAt(place, schema["items"]);
  }
  if (node.items < 0 && node.min_items > node.prefix.size()) {
    return Error(PointerStep(node.pointer, "minItems"),
                 "No value can match: there are fewer prefixItems, and items is false.");
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::FillString(const Json& schema, SchemaNode& node) {
  node.kind = SchemaNode::Kind::kString;
  absl::Status status = ReadCounts(schema, "minLength", "maxLength", node, kMaxSchemaLength,
                                   node.min_length, node.max_length);
  if (!status.ok()) return status;
  for (const std::string_view word : {"pattern", "format"}) {
    if (!schema.contains(word)) continue;
    const std::string place = PointerStep(node.pointer, word);
    if (!schema[word].is_string()) return Error(place, absl::StrCat(word, " is a string."));
    if (node.pattern) return Error(place, "format cannot stand beside pattern.");
    node.pattern = schema[word].get<std::string>();
    if (word == "pattern") continue;
    node.pattern = FormatPattern(*node.pattern);
    if (!node.pattern) {
      return Error(place,
                   "Of the formats date, time, date-time, uuid and ipv4 are supported; others can "
                   "be written as a pattern.");
    }
  }
  return absl::OkStatus();
}

absl::Status SchemaReader::FillNumber(const Json& schema, std::string_view type, SchemaNode& node) {
  bool integer = type == "integer";
  if (schema.contains("multipleOf")) {
    if (schema["multipleOf"] != 1) {
      return Error(PointerStep(node.pointer, "multipleOf"), "multipleOf is only supported as 1.");
    }
    integer = true;
  }
  node.kind = integer ? SchemaNode::Kind::kInteger : SchemaNode::Kind::kNumber;
  NumberBounds& bounds = node.bounds;
  for (const std::string_view word :
       {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
    if (!schema.contains(word)) continue;
    const std::string place = PointerStep(node.pointer, word);
    if (!schema[word].is_number()) return Error(place, absl::StrCat(word, " is a number."));
    const std::optional<Decimal> bound = ParseDecimal(schema[word].dump());
    if (!bound) {
      return Error(place,
                   absl::StrCat("A bound may have at most ", kMaxSignificantDigits, " digits, ",
                                kMaxFractionDigits, " of them behind the point."));
    }
    const bool exclusive = absl::StartsWith(word, "exclusive");
    const bool low = absl::EndsWithIgnoreCase(word, "minimum");
    std::optional<Decimal>& end = low ? bounds.low : bounds.high;
    bool& end_exclusive = low ? bounds.low_exclusive : bounds.high_exclusive;
    // Of two, the narrower one.
    if (end && *end == *bound) {
      end_exclusive = end_exclusive || exclusive;
    } else if (!end || (low ? *end < *bound : *end > *bound)) {
      end = bound;
      end_exclusive = exclusive;
    }
  }
  if (IsEmpty(bounds, integer)) return Error(node.pointer, "No number can match the bounds.");
  return absl::OkStatus();
}

}  // namespace intelligenced

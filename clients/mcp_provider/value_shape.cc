#include "clients/mcp_provider/value_shape.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "clients/mcp_provider/plain_text.h"

namespace intelligenced::mcp {
namespace {

using Kind = actions::ValueType::Kind;

// As deep as the registry's lists nest.
constexpr int kMaxListDepth = 2;
constexpr size_t kMaxCases = 256;
constexpr size_t kMaxItems = 1000;
// Exact as a double and inside of an int64.
constexpr double kMaxWhole = 9007199254740991;

ValueShape JsonShape() {
  return {.type = {.kind = Kind::kString, .multiline = true}, .json = true};
}

std::optional<double> Bound(const Json& schema, const char* name, double limit) {
  const Json& bound = Member(schema, name);
  if (!bound.is_number()) return std::nullopt;
  const auto value = bound.get<double>();
  if (!std::isfinite(value) || std::abs(value) > limit) return std::nullopt;
  return value;
}

void SetBounds(const Json& schema, const char* low, const char* high, double least, double most,
               actions::ValueType* type) {
  type->minimum = Bound(schema, low, most);
  type->maximum = Bound(schema, high, most);
  if (type->minimum.has_value() && *type->minimum < least) type->minimum.reset();
  if (type->maximum.has_value() && *type->maximum < least) type->maximum.reset();
  if (type->minimum.has_value() && type->maximum.has_value() && *type->minimum > *type->maximum) {
    type->minimum.reset();
    type->maximum.reset();
  }
}

std::optional<ValueShape> Enumeration(const Json& values) {
  if (!values.is_array() || values.empty() || values.size() > kMaxCases) return std::nullopt;
  ValueShape shape{.type = {.kind = Kind::kEnumeration}};
  for (const Json& value : values) {
    if (value.is_structured() || value.is_null()) return std::nullopt;
    const std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
    std::string id = IdentifierOf(text);
    // "a b" and "a-b": both keep an identifier of their own.
    for (int number = 2; shape.cases.contains(id); ++number) {
      const std::string tail = absl::StrCat("-", number);
      id = absl::StrCat(IdentifierOf(text).substr(0, 64 - tail.size()), tail);
    }
    shape.cases[id] = value;
    shape.type.cases.push_back({.id = id, .title = PlainLine(text, 128)});
  }
  return shape;
}

ValueShape StringShape(const Json& schema) {
  const std::string format = TextMember(schema, "format");
  if (format == "date-time") return {.type = {.kind = Kind::kDateTime}};
  if (format == "date") return {.type = {.kind = Kind::kDate}};
  if (format == "uri" || format == "url") return {.type = {.kind = Kind::kUrl}};
  ValueShape shape{.type = {.kind = Kind::kString, .multiline = true}};
  SetBounds(schema, "minLength", "maxLength", 0, 1e6, &shape.type);
  // A maximum of nothing at all is none in the registry.
  if (shape.type.maximum == 0) shape.type.maximum.reset();
  return shape;
}

// The schema without the choice of null beside it; null: there is none to take away.
const Json* WithoutNull(const Json& schema) {
  for (const char* name : {"anyOf", "oneOf"}) {
    const Json& choices = Member(schema, name);
    if (!choices.is_array()) continue;
    const Json* only = nullptr;
    int others = 0;
    for (const Json& choice : choices) {
      if (TextMember(choice, "type") == "null") continue;
      only = &choice;
      ++others;
    }
    return others == 1 ? only : nullptr;
  }
  return nullptr;
}

std::string TypeName(const Json& schema) {
  const Json& type = Member(schema, "type");
  if (type.is_string()) return type.get<std::string>();
  if (!type.is_array()) return "";
  std::string only;
  for (const Json& one : type) {
    if (!one.is_string() || one == "null") continue;
    if (!only.empty()) return "";
    only = one.get<std::string>();
  }
  return only;
}

// NOLINTNEXTLINE(misc-no-recursion): kMaxListDepth and kMaxJsonDepth bound it.
ValueShape ShapeAt(const Json& schema, int list_depth) {
  if (const Json* inner = WithoutNull(schema); inner != nullptr) return ShapeAt(*inner, list_depth);
  if (!Member(schema, "enum").is_null()) {
    return Enumeration(Member(schema, "enum")).value_or(JsonShape());
  }
  const std::string type = TypeName(schema);
  if (type == "string") return StringShape(schema);
  if (type == "boolean") return {.type = {.kind = Kind::kBoolean}};
  if (type == "integer" || type == "number") {
    const bool whole = type == "integer";
    ValueShape shape{.type = {.kind = whole ? Kind::kInteger : Kind::kNumber}};
    SetBounds(schema, "minimum", "maximum", -kMaxWhole, kMaxWhole, &shape.type);
    if (whole && shape.type.minimum) shape.type.minimum = std::ceil(*shape.type.minimum);
    if (whole && shape.type.maximum) shape.type.maximum = std::floor(*shape.type.maximum);
    if (shape.type.minimum && shape.type.maximum && *shape.type.minimum > *shape.type.maximum) {
      return JsonShape();
    }
    return shape;
  }
  if (type == "array" && list_depth < kMaxListDepth) {
    const Json& items = Member(schema, "items");
    if (!items.is_object()) return JsonShape();
    ValueShape item = ShapeAt(items, list_depth + 1);
    if (item.json) return JsonShape();
    ValueShape shape{.type = {.kind = Kind::kList}};
    SetBounds(schema, "minItems", "maxItems", 0, kMaxItems, &shape.type);
    if (shape.type.maximum == 0) shape.type.maximum.reset();
    shape.type.item = std::make_shared<const actions::ValueType>(item.type);
    shape.item = std::make_shared<const ValueShape>(std::move(item));
    return shape;
  }
  return JsonShape();
}

std::string Timestamp(const actions::DateTime& when) {
  const absl::CivilSecond civil(when.date.year, when.date.month, when.date.day, when.time.hours,
                                when.time.minutes, when.time.seconds);
  const absl::TimeZone zone = when.utc_offset_seconds.has_value()
                                  ? absl::FixedTimeZone(*when.utc_offset_seconds)
                                  : absl::LocalTimeZone();
  return absl::FormatTime(absl::RFC3339_sec, absl::FromCivil(civil, zone), zone);
}

}  // namespace

ValueShape ShapeOf(const Json& schema) { return ShapeAt(schema, 0); }

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
absl::StatusOr<Json> ToJson(const ValueShape& shape, const actions::Value& value) {
  if (const auto* text = value.As<std::string>()) {
    if (!shape.json) return Json(*text);
    absl::StatusOr<Json> json = ParseJson(*text);
    if (json.ok()) return json;
    return absl::InvalidArgumentError(absl::StrCat("must be JSON. ", json.status().message()));
  }
  if (const auto* number = value.As<int64_t>()) return Json(*number);
  if (const auto* number = value.As<double>()) return Json(*number);
  if (const auto* flag = value.As<bool>()) return Json(*flag);
  if (const auto* when = value.As<actions::DateTime>()) return Json(Timestamp(*when));
  if (const auto* date = value.As<actions::Date>()) {
    return Json(absl::StrFormat("%04d-%02d-%02d", date->year, date->month, date->day));
  }
  if (const auto* url = value.As<actions::Url>()) return Json(url->text);
  if (const auto* choice = value.As<actions::Choice>()) {
    const auto found = shape.cases.find(choice->id);
    if (found != shape.cases.end()) return found->second;
  }
  if (const auto* list = value.As<actions::List>(); list != nullptr && shape.item != nullptr) {
    Json items = Json::array();
    for (const actions::Value& one : *list) {
      absl::StatusOr<Json> item = ToJson(*shape.item, one);
      if (!item.ok()) return item.status();
      items.push_back(*std::move(item));
    }
    return items;
  }
  return absl::InvalidArgumentError("is of a kind that the server does not take.");
}

// NOLINTNEXTLINE(misc-no-recursion): lists nest at most twice.
std::optional<actions::Value> FromJson(const ValueShape& shape, const Json& json) {
  switch (shape.type.kind) {
    case Kind::kString:
      if (shape.json) return actions::Value(PlainLines(DumpJson(json)));
      if (!json.is_string()) return std::nullopt;
      return actions::Value(PlainLines(json.get<std::string>()));
    case Kind::kInteger:
      if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX}) {
        return std::nullopt;
      }
      if (!json.is_number_integer()) return std::nullopt;
      return actions::Value(json.get<int64_t>());
    case Kind::kNumber:
      if (!json.is_number()) return std::nullopt;
      return actions::Value(json.get<double>());
    case Kind::kBoolean:
      if (!json.is_boolean()) return std::nullopt;
      return actions::Value(json.get<bool>());
    case Kind::kEnumeration:
      for (const auto& [id, value] : shape.cases) {
        if (value == json) return actions::Value(actions::Choice{id});
      }
      return std::nullopt;
    case Kind::kList: {
      if (!json.is_array() || json.size() > kMaxItems || shape.item == nullptr) {
        return std::nullopt;
      }
      actions::List items;
      for (const Json& one : json) {
        std::optional<actions::Value> item = FromJson(*shape.item, one);
        if (!item.has_value()) return std::nullopt;
        items.push_back(*std::move(item));
      }
      return actions::Value(std::move(items));
    }
    default:
      // Times come in too many ways to be read here.
      return std::nullopt;
  }
}

}  // namespace intelligenced::mcp

#include "tests/support/guided/random_schema.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace intelligenced {
namespace {

using Json = nlohmann::ordered_json;

class Painter {
 public:
  explicit Painter(std::mt19937_64& random) : random_(random) {}

  Json Root() {
    Json schema = Value(3);
    if (uses_node_) {
      schema["$defs"]["node"] = {
          {"type", "object"},
          {"properties",
           {{"v", Scalar()},
            {"next", {{"anyOf", {{{"$ref", "#/$defs/node"}}, {{"type", "null"}}}}}}}},
          {"required", {"v"}},
          {"additionalProperties", false}};
    }
    return schema;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  Json Value(int depth) {
    const int kind = depth == 0 ? Below(6) : Below(12);
    switch (kind) {
      case 6:
      case 7:
        return Object(depth);
      case 8:
        return Array(depth);
      case 9:
        return Union(depth);
      case 10:
        return Map(depth);
      case 11:
        uses_node_ = true;
        return {{"type", "object"},
                {"properties", {{"head", {{"$ref", "#/$defs/node"}}}}},
                {"required", {"head"}}};
      default:
        return Scalar();
    }
  }

  Json Scalar() {
    switch (Below(8)) {
      case 0:
        return {{"type", "boolean"}};
      case 1:
        return {{"type", "null"}};
      case 2:
        return Number("integer");
      case 3:
        return Number("number");
      case 4:
        return Enum();
      case 5:
        return {{"type", {"string", "null"}}, {"maxLength", Below(6)}};
      default:
        return String();
    }
  }

  Json String() {
    static constexpr const char* kPatterns[] = {
        "^[A-Z]{3}-\\d{2,4}$",
        "^(red|green|blue)( (dark|light))?$",
        "^\\w+@[a-z]+\\.(com|org)$",
        "^[^\"\\\\]{1,5}$",
        "^\"[\\\\a]*\"$",
        "ab+c",
        "^x",
        "y$",
        "^(a|b)*c$|^d?$",
    };
    Json schema = {{"type", "string"}};
    if (OneIn(3)) {
      schema["pattern"] = kPatterns[Below(std::size(kPatterns))];
      schema["maxLength"] = 12 + Below(60);
      return schema;
    }
    const int low = OneIn(2) ? 0 : Below(80);
    if (low > 0) schema["minLength"] = low;
    schema["maxLength"] = low + Below(OneIn(4) ? 200 : 8);
    return schema;
  }

  Json Bound(bool whole) {
    static constexpr double kNumbers[] = {0,   1,     -1,   0.5,  -0.25, 7,      10,
                                          -99, 100.5, 3.14, 1e-6, 999,   123456, -4096.125};
    const double number = kNumbers[Below(std::size(kNumbers))];
    if (whole && OneIn(2)) return static_cast<int64_t>(number);
    return number;
  }

  Json Number(const char* type) {
    Json schema = {{"type", type}};
    const bool whole = type[0] == 'i';
    Json low = Bound(whole);
    Json high = Bound(whole);
    if (low.get<double>() > high.get<double>()) std::swap(low, high);
    if (high.get<double>() - low.get<double>() < 2) high = low.get<double>() + 2;
    if (OneIn(2)) schema[OneIn(3) ? "exclusiveMinimum" : "minimum"] = low;
    if (OneIn(2)) schema[OneIn(3) ? "exclusiveMaximum" : "maximum"] = high;
    return schema;
  }

  Json Enum() {
    static const Json values = Json::parse(
        R"(["red", "redder", "", "\"quoted\"", "line\nbreak", "\u00e9\ud83d\ude00", 1, -2.5, 1e3,
            true, null, [], {"a": [1]}, "re"])");
    Json schema;
    schema["enum"] = Json::array();
    const int count = 1 + Below(5);
    for (int i = 0; i < count; ++i) {
      schema["enum"].push_back(values[Below(static_cast<int>(values.size()))]);
    }
    if (OneIn(4)) return {{"const", schema["enum"][0]}};
    return schema;
  }

  Json Object(int depth) {
    static constexpr const char* kNames[] = {"name", "n", "a b", "\"", "caf\u00e9", "x/y~z", ""};
    std::vector<std::string> names(std::begin(kNames), std::end(kNames));
    std::shuffle(names.begin(), names.end(), random_);
    names.resize(Below(5));
    Json schema = {{"type", "object"}, {"properties", Json::object()}};
    for (const std::string& name : names) {
      schema["properties"][name] = Value(depth - 1);
      if (OneIn(2)) schema["required"].push_back(name);
    }
    if (OneIn(6)) schema["required"].push_back("unnamed");
    if (OneIn(3)) schema["additionalProperties"] = {{"type", "integer"}};
    if (OneIn(3) &&
        schema.value("required", Json::array()).dump().find("unnamed") == std::string::npos) {
      schema["additionalProperties"] = false;
    }
    return schema;
  }

  Json Map(int depth) {
    Json schema = {{"type", "object"}, {"additionalProperties", Value(depth - 1)}};
    schema["maxProperties"] = 1 + Below(3);
    if (OneIn(3)) schema["minProperties"] = 1;
    return schema;
  }

  Json Array(int depth) {
    Json schema = {{"type", "array"}};
    const int low = Below(3);
    if (low > 0) schema["minItems"] = low;
    schema["maxItems"] = low + Below(3);
    if (OneIn(3)) {
      schema["prefixItems"] = {Value(depth - 1), Value(depth - 1)};
      if (low < 3 && OneIn(2)) {
        schema["items"] = false;
        return schema;
      }
    }
    schema["items"] = Value(depth - 1);
    return schema;
  }

  Json Union(int depth) {
    if (OneIn(2)) {
      return {{"anyOf", {Value(depth - 1), Scalar(), {{"type", "boolean"}}}}};
    }
    // Told apart by a const.
    Json schema;
    for (const char* kind : {"circle", "square"}) {
      schema["oneOf"].push_back(
          {{"type", "object"},
           {"properties", {{"kind", {{"const", kind}}}, {"size", Value(depth - 1)}}},
           {"required", {"kind", "size"}}});
    }
    return schema;
  }

  std::mt19937_64& random_;
  bool uses_node_ = false;
};

}  // namespace

Json DrawSchema(std::mt19937_64& random) { return Painter(random).Root(); }

}  // namespace intelligenced

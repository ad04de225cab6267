// A JSON Schema, read into a graph: what a value may be, with every reference resolved.
//
// The subset (protos/intelligence/v1/language_model.proto has it in words for clients):
//   type (a name or several), enum, const, anyOf, oneOf (branches that cannot match the same
//   value), allOf with one branch, $ref into the same schema (recursive too), $defs and
//   definitions; objects:  properties, required, additionalProperties, minProperties,
//   maxProperties; arrays:   items, prefixItems, minItems, maxItems; strings:  minLength,
//   maxLength, pattern, format (date, time, date-time, uuid, ipv4); numbers:  minimum, maximum,
//   exclusiveMinimum, exclusiveMaximum, multipleOf 1.
// Annotations (title, description, default, examples, …) are passed over; anything else is refused.
#ifndef INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAPH_H_
#define INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/guided/decimal.h"

namespace intelligenced {

// Of one schema. Beyond: FIELD_INVALID.
inline constexpr size_t kMaxSchemaBytes = 64 << 10;
inline constexpr int kMaxSchemaDepth = 64;
inline constexpr int kMaxSchemaNodes = 4000;
inline constexpr int kMaxSchemaProperties = 200;  // of one object
inline constexpr uint32_t kMaxSchemaItems = 1024;
inline constexpr uint32_t kMaxSchemaLength = 65'536;
// Of a string whose schema names no maxLength, pattern or format.
inline constexpr uint32_t kDefaultMaxLength = 4096;
// How deep arrays and objects nest in a value of which the schema says nothing.
inline constexpr int kAnyValueDepth = 4;

struct SchemaNode {
  enum class Kind {
    kAny,      // any JSON value, kAnyValueDepth deep
    kNothing,  // `false`: no value
    kLiterals,
    kString,
    kInteger,
    kNumber,
    kArray,
    kObject,
    kUnion,
    kReference,
  };
  struct Member {
    std::string name;
    int node = -1;
    bool required = false;
  };

  Kind kind = Kind::kAny;
  // Where it stands in its schema: a JSON pointer as a URI fragment ("#/properties/name").
  std::string pointer;

  // kLiterals: the values, as JSON. At least one.
  std::vector<std::string> literals;

  // kString: lengths in characters; a pattern (ECMA 262) where one was given.
  uint32_t min_length = 0;
  std::optional<uint32_t> max_length;
  std::optional<std::string> pattern;

  // kInteger, kNumber.
  NumberBounds bounds;

  // kArray: `prefix`, then `items` (-1: no more).
  std::vector<int> prefix;
  int items = -1;
  uint32_t min_items = 0;
  std::optional<uint32_t> max_items;

  // kObject. `additional` is what members with other names hold (-1: there are none); it is only
  // used where `members` is empty.
  std::vector<Member> members;
  int additional = -1;
  uint32_t min_members = 0;
  std::optional<uint32_t> max_members;
  // Members with other names break the schema (additionalProperties is false).
  bool closed = false;

  // kUnion; `exclusive`: from oneOf.
  std::vector<int> branches;
  bool exclusive = false;

  // kReference.
  int target = -1;
};

// Not thread-safe.
class SchemaGraph {
 public:
  // Adds the schema in `text` and returns its root. `field` is the request field that errors name.
  // FIELD_INVALID with the pointer of the offending place, in the message and as the metadata
  // "pointer": not JSON, outside the subset or its limits, a value that nothing can match.
  absl::StatusOr<int> Read(std::string_view text, std::string_view field);

  int Add(SchemaNode node) {
    nodes_.push_back(std::move(node));
    return static_cast<int>(nodes_.size()) - 1;
  }
  const SchemaNode& operator[](int index) const { return nodes_[index]; }
  int size() const { return static_cast<int>(nodes_.size()); }
  // Follows references. Only for graphs that passed CheckSchema().
  int Resolve(int index) const;

 private:
  friend class SchemaReader;

  std::vector<SchemaNode> nodes_;
};

// FIELD_INVALID about a place in a schema.
absl::Status SchemaError(std::string_view field, std::string_view pointer,
                         std::string_view message);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_SCHEMA_GRAPH_H_

// Reads a JSON Schema into a SchemaGraph. An implementation detail of schema_graph.h.
#ifndef INTELLIGENCED_SERVICES_GUIDED_SCHEMA_READER_H_
#define INTELLIGENCED_SERVICES_GUIDED_SCHEMA_READER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/guided/schema_graph.h"

namespace intelligenced {

// Reads one schema, once. Subschemas wait in a queue, so that no nesting deepens the stack.
class SchemaReader {
 public:
  using Json = nlohmann::ordered_json;

  SchemaReader(SchemaGraph& graph, std::string_view field) : graph_(graph), field_(field) {}

  absl::StatusOr<int> Read(std::string_view text);

 private:
  absl::Status Error(std::string_view pointer, std::string_view message) const {
    return SchemaError(field_, pointer, message);
  }

  // The node of the subschema at `pointer`, which waits in the queue when it is new.
  int NodeAt(const std::string& pointer, const Json& schema);

  // Each fills `node`, whose pointer is set, with what `schema` says.
  absl::Status Fill(const Json& schema, SchemaNode& node);
  absl::Status FillReference(const Json& schema, SchemaNode& node);
  absl::Status FillLiterals(const Json& schema, std::string_view word, SchemaNode& node);
  absl::Status FillUnion(const Json& schema, std::string_view word, SchemaNode& node);
  absl::Status FillTyped(const Json& schema, SchemaNode& node);
  absl::Status FillType(const Json& schema, std::string_view type, SchemaNode& node);
  absl::Status FillObject(const Json& schema, SchemaNode& node);
  absl::Status FillArray(const Json& schema, SchemaNode& node);
  absl::Status FillString(const Json& schema, SchemaNode& node);
  absl::Status FillNumber(const Json& schema, std::string_view type, SchemaNode& node);

  absl::Status ReadTypes(const Json& schema, const std::string& pointer,
                         std::vector<std::string>& types) const;
  absl::Status ReadCount(const Json& schema, std::string_view word, const SchemaNode& node,
                         uint32_t limit, std::optional<uint32_t>& count) const;
  absl::Status ReadCounts(const Json& schema, std::string_view low_word, std::string_view high_word,
                          const SchemaNode& node, uint32_t limit, uint32_t& low,
                          std::optional<uint32_t>& high) const;

  SchemaGraph& graph_;
  const std::string field_;
  Json root_;
  const Json any_ = true;
  std::map<std::string, int> known_;
  std::deque<std::pair<int, const Json*>> queue_;
};

// A JSON pointer one step further down.
std::string PointerStep(std::string_view pointer, std::string_view token);

// The type of a keyword's values ("object", "array", "string", "number"); empty for others.
std::string_view TypeOfKeyword(std::string_view word);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_SCHEMA_READER_H_

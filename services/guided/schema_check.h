// What a schema graph must be before a grammar is made of it.
#ifndef INTELLIGENCED_SERVICES_GUIDED_SCHEMA_CHECK_H_
#define INTELLIGENCED_SERVICES_GUIDED_SCHEMA_CHECK_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/guided/schema_graph.h"

namespace intelligenced {

// Ways to read the same beginning of a value that the grammar may have open at once; each costs the
// engine the same again for every token.
inline constexpr int kMaxParallelReadings = 32;

// FIELD_INVALID with the pointer of the place:
//  - `false` where a value is needed, a reference that leads back to itself without anything in
//    between, a value that needs another one inside without end: nothing can match;
//  - two branches of a oneOf that the same value could match;
//  - more than kMaxParallelReadings (two branches of an anyOf begin in the same way and nest).
absl::Status CheckSchema(const SchemaGraph& graph, int root, std::string_view field);

// The nodes that `root` leads to, itself first.
std::vector<int> ReachableNodes(const SchemaGraph& graph, int root);

// The nodes that a value of `node` can be, references and unions followed. For graphs without
// references that lead back to themselves.
std::vector<int> Leaves(const SchemaGraph& graph, int node);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_GUIDED_SCHEMA_CHECK_H_

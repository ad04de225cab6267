#include "runtime/engines/onnx/measure/profile.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxNodes = 100'000;

// Empty for what is not there or no text.
std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  std::string text = found->get<std::string>();
  return IsValidUtf8(text) ? text : "";
}

double Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_number() ? 0 : found->get<double>();
}

struct Runs {
  NodeTime node;
  uint64_t seen = 0;
};

}  // namespace

absl::StatusOr<std::vector<NodeTime>> ReadProfile(std::string_view json, uint64_t warm_up) {
  const Json events = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!events.is_array()) {
    return MakeError(Reason::kEngineFailure, "ONNX Runtime's profile cannot be read.");
  }
  std::vector<Runs> nodes;
  std::map<std::string, size_t> places;
  for (const Json& event : events) {
    if (!event.is_object() || Text(event, "cat") != "Node") continue;
    std::string name = Text(event, "name");
    std::string_view stem = name;
    const auto args = event.find("args");
    // Other events of a node (fences) take part of its time a second time.
    if (!absl::ConsumeSuffix(&stem, "_kernel_time") || args == event.end() || !args->is_object()) {
      continue;
    }
    // Nodes may lack names of their own; their places tell them apart.
    const std::string key = absl::StrCat(Text(*args, "node_index"), " ", stem);
    const auto [place, added] = places.try_emplace(key, nodes.size());
    if (added) {
      if (nodes.size() >= kMaxNodes) break;
      nodes.push_back({.node = {.name = std::string(stem),
                                .operation = Text(*args, "op_name"),
                                .provider = Text(*args, "provider")},
                       .seen = 0});
    }
    Runs& runs = nodes[place->second];
    if (++runs.seen <= warm_up) continue;
    runs.node.microseconds += Number(event, "dur");
    ++runs.node.count;
  }
  std::vector<NodeTime> times;
  for (Runs& runs : nodes) times.push_back(std::move(runs.node));
  if (times.empty()) {
    return MakeError(Reason::kEngineFailure, "ONNX Runtime's profile names no operations.");
  }
  return times;
}

}  // namespace intelligenced

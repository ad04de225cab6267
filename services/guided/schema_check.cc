#include "services/guided/schema_check.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

using Kind = SchemaNode::Kind;

constexpr size_t kMaxLeaves = 64;
// Nested objects that tell the branches of a oneOf apart.
constexpr int kMaxDisjointDepth = 4;

// The nodes that a value of `node` may hold or be.
std::vector<int> Children(const SchemaNode& node) {
  std::vector<int> out = node.branches;
  out.insert(out.end(), node.prefix.begin(), node.prefix.end());
  for (const SchemaNode::Member& member : node.members) out.push_back(member.node);
  for (const int index : {node.items, node.additional, node.target}) {
    if (index >= 0) out.push_back(index);
  }
  return out;
}

// How values begin, as bits.
enum : unsigned {
  kObjects = 1,
  kArrays = 2,
  kStrings = 4,
  kNumbers = 8,
  kWords = 16,
  kEverything = 31,
};

unsigned KindOfLiteral(char first) {
  switch (first) {
    case '{':
      return kObjects;
    case '[':
      return kArrays;
    case '"':
      return kStrings;
    case 't':
    case 'f':
    case 'n':
      return kWords;
    default:
      return kNumbers;
  }
}

unsigned KindsOf(const SchemaNode& node) {
  switch (node.kind) {
    case Kind::kLiterals: {
      unsigned kinds = 0;
      for (const std::string& literal : node.literals) kinds |= KindOfLiteral(literal[0]);
      return kinds;
    }
    case Kind::kString:
      return kStrings;
    case Kind::kInteger:
    case Kind::kNumber:
      return kNumbers;
    case Kind::kArray:
      return kArrays;
    case Kind::kObject:
      return kObjects;
    default:
      return kEverything;
  }
}

bool LiteralsApart(const SchemaNode& a, const SchemaNode& b) {
  if (a.kind != Kind::kLiterals || b.kind != Kind::kLiterals) return false;
  for (const std::string& one : a.literals) {
    // 1 and 1.0 are the same value.
    const nlohmann::json value = nlohmann::json::parse(one, nullptr, false);
    for (const std::string& other : b.literals) {
      if (value == nlohmann::json::parse(other, nullptr, false)) return false;
    }
  }
  return true;
}

const SchemaNode::Member* FindMember(const SchemaNode& node, const std::string& name) {
  const auto found = std::find_if(node.members.begin(), node.members.end(),
                                  [&](const auto& member) { return member.name == name; });
  return found == node.members.end() ? nullptr : &*found;
}

class Checker {
 public:
  Checker(const SchemaGraph& graph, int root, std::string_view field)
      : graph_(graph), field_(field), nodes_(ReachableNodes(graph, root)) {}

  absl::Status Check() {
    absl::Status status = CheckAliases();
    if (status.ok()) status = CheckFinite();
    if (status.ok()) status = CheckLeaves();
    if (status.ok()) status = CheckExclusive();
    if (status.ok()) status = CheckParallel();
    return status;
  }

 private:
  absl::Status Error(int node, std::string_view message) const {
    return SchemaError(field_, graph_[node].pointer, message);
  }

  bool IsAlias(int node) const {
    return graph_[node].kind == Kind::kReference || graph_[node].kind == Kind::kUnion;
  }

  absl::Status CheckAliases() const {
    enum : uint8_t { kNew, kOpen, kDone };
    std::vector<uint8_t> state(graph_.size(), kNew);
    for (const int start : nodes_) {
      std::vector<int> stack = {start};
      while (!stack.empty()) {
        const int node = stack.back();
        if (state[node] != kNew || !IsAlias(node)) {
          state[node] = kDone;
          stack.pop_back();
          continue;
        }
        state[node] = kOpen;
        for (const int child : Children(graph_[node])) {
          if (state[child] == kOpen) {
            return Error(child, "It refers back to itself without anything in between.");
          }
          if (state[child] == kNew) stack.push_back(child);
        }
      }
    }
    return absl::OkStatus();
  }

  // Whether a value can end, given which others can.
  bool CanEnd(const SchemaNode& node, const std::vector<bool>& ends) const {
    switch (node.kind) {
      case Kind::kNothing:
        return false;
      case Kind::kReference:
        return ends[node.target];
      case Kind::kUnion:
        return std::any_of(node.branches.begin(), node.branches.end(),
                           [&](int branch) { return ends[branch]; });
      case Kind::kArray: {
        const size_t fixed = std::min<size_t>(node.min_items, node.prefix.size());
        return std::all_of(node.prefix.begin(), node.prefix.begin() + static_cast<long>(fixed),
                           [&](int part) { return ends[part]; }) &&
               (node.min_items <= fixed || ends[node.items]);
      }
      case Kind::kObject:
        return std::all_of(
                   node.members.begin(), node.members.end(),
                   [&](const auto& member) { return !member.required || ends[member.node]; }) &&
               (node.min_members == 0 || node.additional < 0 || ends[node.additional]);
      default:
        return true;
    }
  }

  absl::Status CheckFinite() const {
    for (const int node : nodes_) {
      if (graph_[node].kind == Kind::kNothing) return Error(node, "No value can match.");
    }
    std::vector<bool> ends(graph_.size());
    for (bool changed = true; changed;) {
      changed = false;
      // From the leaves up, as they were added last.
      for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        if (ends[*node] || !CanEnd(graph_[*node], ends)) continue;
        ends[*node] = changed = true;
      }
    }
    for (const int node : nodes_) {
      if (!ends[node]) {
        return Error(node,
                     "No value can match: it would need another one inside, without end. Make the "
                     "recursive part optional, or give it a branch without recursion.");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckLeaves() const {
    for (const int node : nodes_) {
      if (graph_[node].kind == Kind::kUnion && Leaves(graph_, node).size() > kMaxLeaves) {
        return Error(node, absl::StrCat("It has more than ", kMaxLeaves,
                                        " branches, those of its branches counted."));
      }
    }
    return absl::OkStatus();
  }

  // Whether no value can match both.
  bool Disjoint(int a, int b, int depth) const {
    for (const int one : Leaves(graph_, a)) {
      for (const int other : Leaves(graph_, b)) {
        if (!LeavesDisjoint(graph_[one], graph_[other], depth)) return false;
      }
    }
    return true;
  }
  bool LeavesDisjoint(const SchemaNode& a, const SchemaNode& b, int depth) const {
    if ((KindsOf(a) & KindsOf(b)) == 0) return true;
    // Words are told apart only as literals.
    if (LiteralsApart(a, b)) return true;
    if (a.kind != Kind::kObject || b.kind != Kind::kObject || depth == 0) return false;
    return MembersApart(a, b, depth) || MembersApart(b, a, depth);
  }
  bool MembersApart(const SchemaNode& a, const SchemaNode& b, int depth) const {
    for (const SchemaNode::Member& member : a.members) {
      if (!member.required) continue;
      const SchemaNode::Member* other = FindMember(b, member.name);
      if (other == nullptr ? b.closed
                           : other->required && Disjoint(member.node, other->node, depth - 1)) {
        return true;
      }
    }
    return false;
  }

  absl::Status CheckExclusive() const {
    for (const int node : nodes_) {
      const std::vector<int>& branches = graph_[node].branches;
      if (!graph_[node].exclusive) continue;
      for (size_t i = 0; i < branches.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
          if (Disjoint(branches[i], branches[j], kMaxDisjointDepth)) continue;
          return Error(branches[i],
                       absl::StrCat("A value could match this branch of the oneOf and branch ", j,
                                    " too. Use anyOf, or tell them apart by type or by a required "
                                    "property with a const."));
        }
      }
    }
    return absl::OkStatus();
  }

  // Whether two objects differ before anything can nest in them: in the name or the text of
  // whatever member comes first.
  bool BeginApart(const SchemaNode& a, const SchemaNode& b) const {
    if (a.kind != Kind::kObject || b.kind != Kind::kObject) return false;
    if (a.additional >= 0 || b.additional >= 0) return a.additional < 0 && a.members.empty();
    for (const SchemaNode::Member& one : a.members) {
      for (const SchemaNode::Member& other : b.members) {
        if (one.name == other.name &&
            !LiteralsApart(graph_[graph_.Resolve(one.node)], graph_[graph_.Resolve(other.node)])) {
          return false;
        }
        if (other.required) break;
      }
      if (one.required) break;
    }
    return true;
  }

  int Parallel(int node, const std::vector<int>& readings) const {
    const SchemaNode& self = graph_[node];
    int inside = self.kind == Kind::kAny || self.kind == Kind::kString ? 3 : 1;
    if (self.kind != Kind::kUnion) {
      for (const int child : Children(self)) inside = std::max(inside, readings[child]);
      return inside;
    }
    const std::vector<int> leaves = Leaves(graph_, node);
    int most = 1;
    for (const unsigned kind : {kObjects, kArrays, kStrings, kNumbers, kWords}) {
      std::vector<int> same;
      for (const int leaf : leaves) {
        if ((KindsOf(graph_[leaf]) & kind) != 0) same.push_back(leaf);
      }
      bool apart = kind == kObjects;
      for (size_t i = 0; i < same.size() && apart; ++i) {
        for (size_t j = 0; j < i && apart; ++j) {
          apart = BeginApart(graph_[same[i]], graph_[same[j]]);
        }
      }
      int sum = 0;
      for (const int leaf : same) {
        sum = apart ? std::max(sum, readings[leaf]) : sum + readings[leaf];
      }
      most = std::max(most, sum);
    }
    return most;
  }

  absl::Status CheckParallel() const {
    std::vector<int> readings(graph_.size(), 1);
    for (bool changed = true; changed;) {
      changed = false;
      for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        const int now = Parallel(*node, readings);
        if (now > kMaxParallelReadings) {
          return Error(*node,
                       "Its branches begin in the same way and go on too long before they differ. "
                       "Begin each with a required property that has a const of its own.");
        }
        if (now == readings[*node]) continue;
        readings[*node] = now;
        changed = true;
      }
    }
    return absl::OkStatus();
  }

  const SchemaGraph& graph_;
  const std::string field_;
  const std::vector<int> nodes_;
};

}  // namespace

std::vector<int> ReachableNodes(const SchemaGraph& graph, int root) {
  std::vector<bool> seen(graph.size());
  std::vector<int> nodes = {root};
  seen[root] = true;
  for (size_t at = 0; at < nodes.size(); ++at) {
    for (const int child : Children(graph[nodes[at]])) {
      if (seen[child]) continue;
      seen[child] = true;
      nodes.push_back(child);
    }
  }
  return nodes;
}

std::vector<int> Leaves(const SchemaGraph& graph, int node) {
  std::vector<bool> seen(graph.size());
  std::vector<int> leaves;
  std::vector<int> todo = {node};
  while (!todo.empty()) {
    const int next = todo.back();
    todo.pop_back();
    if (seen[next]) continue;
    seen[next] = true;
    if (graph[next].kind == Kind::kReference) {
      todo.push_back(graph[next].target);
    } else if (graph[next].kind == Kind::kUnion) {
      todo.insert(todo.end(), graph[next].branches.rbegin(), graph[next].branches.rend());
    } else {
      leaves.push_back(next);
    }
  }
  return leaves;
}

absl::Status CheckSchema(const SchemaGraph& graph, int root, std::string_view field) {
  return Checker(graph, root, field).Check();
}

}  // namespace intelligenced

#include "services/guided/schema_grammar.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"
#include "services/guided/decimal.h"
#include "services/guided/grammar_builder.h"
#include "services/guided/pattern.h"
#include "services/guided/schema_check.h"
#include "services/guided/schema_graph.h"

namespace intelligenced {
namespace {

using Kind = SchemaNode::Kind;

GrammarSequence Join(std::initializer_list<std::string_view> items) {
  return GrammarBuilder::Join(items);
}

class Compiler {
 public:
  Compiler(const SchemaGraph& graph, std::string_view field) : graph_(graph), field_(field) {}

  // The text whose root is `start(rule of the node)`.
  template <typename Start>
  absl::StatusOr<std::string> Compile(int root, const Start& start) {
    const std::vector<int> nodes = ReachableNodes(graph_, root);
    for (const int node : nodes) {
      if (graph_[node].kind != Kind::kReference) rules_[node] = grammar_.Declare();
    }
    for (const int node : nodes) {
      if (graph_[node].kind == Kind::kReference) continue;
      absl::StatusOr<std::vector<GrammarSequence>> alternatives = Write(graph_[node]);
      if (!alternatives.ok()) return alternatives.status();
      grammar_.Define(rules_[node], *alternatives);
      if (grammar_.bytes() > kMaxGrammarBytes) {
        return SchemaError(field_, graph_[node].pointer,
                           "The schema is too large: up to here it already takes more rules than a "
                           "model's output can be checked against.");
      }
    }
    return grammar_.Text(start(RuleOf(root), grammar_));
  }

 private:
  using Alternatives = std::vector<GrammarSequence>;

  const GrammarRule& RuleOf(int node) { return rules_[graph_.Resolve(node)]; }

  absl::StatusOr<Alternatives> Write(const SchemaNode& node) {
    switch (node.kind) {
      case Kind::kAny:
        return Alternatives{AnyValue(kAnyValueDepth)};
      case Kind::kLiterals:
        return Literals(node.literals);
      case Kind::kString:
        return String(node);
      case Kind::kInteger:
        return Alternatives{AddInteger(node.bounds, grammar_)};
      case Kind::kNumber:
        return Alternatives{AddNumber(node.bounds, grammar_)};
      case Kind::kArray:
        return Array(node);
      case Kind::kObject:
        return node.additional >= 0 ? Map(node) : Object(node);
      case Kind::kUnion: {
        Alternatives out;
        for (const int branch : node.branches) {
          if (std::find(out.begin(), out.end(), RuleOf(branch)) == out.end()) {
            out.push_back(RuleOf(branch));
          }
        }
        return out;
      }
      case Kind::kNothing:
      case Kind::kReference:
        break;
    }
    return SchemaError(field_, node.pointer, "No value can match.");
  }

  // The values share rules for what they begin with, so that there is only one way to read them.
  Alternatives Literals(const std::vector<std::string>& values) {
    std::vector<std::u32string> texts;
    for (const std::string& value : values) {
      std::u32string text;
      for (size_t at = 0; at < value.size();) text += DecodeChar(value, at);
      texts.push_back(std::move(text));
    }
    std::sort(texts.begin(), texts.end());
    return Branches(texts, 0, texts.size(), 0);
  }
  Alternatives Branches(const std::vector<std::u32string>& texts, size_t begin, size_t end,
                        size_t depth) {
    Alternatives out;
    while (begin < end) {
      if (texts[begin].size() == depth) {
        out.push_back(GrammarBuilder::Literal(""));
        ++begin;
        continue;
      }
      size_t next = begin;
      while (next < end && texts[next][depth] == texts[begin][depth]) ++next;
      // As far as all of them agree.
      size_t common = depth + 1;
      while (common < texts[begin].size() && common < texts[next - 1].size() &&
             texts[begin][common] == texts[next - 1][common]) {
        ++common;
      }
      std::string shared;
      for (size_t at = depth; at < common; ++at) AppendChar(texts[begin][at], shared);
      GrammarSequence sequence = GrammarBuilder::Literal(shared);
      if (next > begin + 1) {
        sequence = Join({sequence, grammar_.Add(Branches(texts, begin, next, common))});
      } else if (common < texts[begin].size()) {
        std::string rest;
        for (size_t at = common; at < texts[begin].size(); ++at) AppendChar(texts[begin][at], rest);
        sequence = Join({sequence, GrammarBuilder::Literal(rest)});
      }
      out.push_back(std::move(sequence));
      begin = next;
    }
    return out;
  }

  // What one character of a string looks like.
  GrammarRule Character() {
    return grammar_.Add({GrammarBuilder::Class({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}),
                         Join({GrammarBuilder::Literal("\\"), "[\\x22\\\\bfnrt]"})});
  }
  GrammarSequence FreeString(uint32_t low, uint32_t high) {
    const GrammarSequence quote = GrammarBuilder::Literal("\"");
    return Join({quote, grammar_.RepeatCharacter(Character(), low, high, quote)});
  }

  absl::StatusOr<Alternatives> String(const SchemaNode& node) {
    if (!node.pattern) {
      const uint32_t high =
          node.max_length.value_or(std::max<uint32_t>(kDefaultMaxLength, node.min_length));
      return Alternatives{FreeString(node.min_length, high)};
    }
    if (++patterns_ > kMaxPatterns) {
      return SchemaError(field_, node.pointer,
                         absl::StrCat("There may be at most ", kMaxPatterns,
                                      " patterns and formats in one schema."));
    }
    absl::StatusOr<GrammarRule> rule =
        AddPattern(*node.pattern, node.min_length, node.max_length, grammar_);
    if (!rule.ok()) {
      return SchemaError(
          field_, node.pointer,
          absl::StrCat("The pattern cannot be used: ", rule.status().message(), "."));
    }
    return Alternatives{*std::move(rule)};
  }

  // `rest[n]`, n from 1: how a list goes on that has n elements. With the last of them repeating
  // itself where there is no upper bound.
  template <typename Element>
  Alternatives List(std::string_view open, std::string_view close, uint32_t low,
                    std::optional<uint32_t> high, uint32_t differing, const Element& element) {
    const GrammarRule space = grammar_.Space();
    const GrammarSequence comma = GrammarBuilder::Literal(",");
    const GrammarSequence end = Join({space, GrammarBuilder::Literal(close)});
    GrammarSequence rest;
    uint32_t at = 0;
    if (high) {
      at = *high;
      rest = end;
    } else {
      at = std::max({low, differing, 1U});
      rest = grammar_.Declare();
      grammar_.Define(rest, {Join({comma, space, element(at), rest}), end});
    }
    for (; at > 1; --at) {
      Alternatives next = {Join({comma, space, element(at - 1), rest})};
      if (at - 1 >= low) next.push_back(end);
      rest = grammar_.Add(next);
    }
    Alternatives out;
    if (!high || *high > 0) {
      out.push_back(Join({GrammarBuilder::Literal(open), space, element(0), rest}));
    }
    if (low == 0) out.push_back(GrammarBuilder::Literal(absl::StrCat(open, close)));
    return out;
  }

  Alternatives Array(const SchemaNode& node) {
    const auto prefix = static_cast<uint32_t>(node.prefix.size());
    std::optional<uint32_t> high = node.max_items;
    if (node.items < 0) high = std::min(high.value_or(prefix), prefix);
    return List("[", "]", node.min_items, high, prefix, [&](uint32_t index) {
      return RuleOf(index < prefix ? node.prefix[index] : node.items);
    });
  }

  GrammarSequence MapMember(const GrammarRule& value) {
    return Join(
        {FreeString(0, kMaxNameLength), GrammarBuilder::Literal(":"), grammar_.Space(), value});
  }
  Alternatives Map(const SchemaNode& node) {
    const GrammarRule member = grammar_.Add({MapMember(RuleOf(node.additional))});
    return List("{", "}", node.min_members, node.max_members, 0, [&](uint32_t) { return member; });
  }

  Alternatives Object(const SchemaNode& node) {
    const GrammarRule space = grammar_.Space();
    const GrammarSequence close = GrammarBuilder::Literal("}");
    // How the object goes on at this member: when it has none yet, and when it has some.
    GrammarSequence first = close;
    GrammarSequence more = Join({space, close});
    for (auto member = node.members.rbegin(); member != node.members.rend(); ++member) {
      const std::string name = nlohmann::json(member->name)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      const GrammarSequence text = Join(
          {GrammarBuilder::Literal(absl::StrCat(name, ":")), space, RuleOf(member->node), more});
      Alternatives begin = {Join({space, text})};
      Alternatives go_on = {Join({GrammarBuilder::Literal(","), space, text})};
      if (!member->required) {
        begin.push_back(first);
        go_on.push_back(more);
      }
      first = grammar_.Add(begin);
      more = grammar_.Add(go_on);
    }
    return {Join({GrammarBuilder::Literal("{"), first})};
  }

  GrammarRule AnyValue(int depth) {
    Alternatives out = {FreeString(0, kDefaultMaxLength), AddNumber({}, grammar_),
                        GrammarBuilder::Literal("true"), GrammarBuilder::Literal("false"),
                        GrammarBuilder::Literal("null")};
    if (depth > 0) {
      const GrammarRule inner = AnyValue(depth - 1);
      const GrammarRule member = grammar_.Add({MapMember(inner)});
      for (const Alternatives& list :
           {List("[", "]", 0, std::nullopt, 0, [&](uint32_t) { return inner; }),
            List("{", "}", 0, std::nullopt, 0, [&](uint32_t) { return member; })}) {
        out.insert(out.end(), list.begin(), list.end());
      }
    }
    return grammar_.Add(out);
  }

  const SchemaGraph& graph_;
  const std::string field_;
  GrammarBuilder grammar_;
  std::map<int, GrammarRule> rules_;
  int patterns_ = 0;
};

int AddLiteral(const std::string& text, SchemaGraph& graph) {
  SchemaNode node;
  node.kind = Kind::kLiterals;
  node.literals = {nlohmann::json(text).dump()};
  return graph.Add(std::move(node));
}

}  // namespace

absl::StatusOr<std::string> CompileSchema(std::string_view schema, std::string_view field) {
  SchemaGraph graph;
  const absl::StatusOr<int> root = graph.Read(schema, field);
  if (!root.ok()) return root.status();
  if (absl::Status status = CheckSchema(graph, *root, field); !status.ok()) return status;
  return Compiler(graph, field).Compile(*root, [](const GrammarRule& rule, GrammarBuilder&) {
    return rule;
  });
}

absl::StatusOr<std::string> CompileTools(const std::vector<ToolSchema>& tools, bool required) {
  SchemaGraph graph;
  SchemaNode calls;
  calls.kind = Kind::kUnion;
  for (const ToolSchema& tool : tools) {
    absl::StatusOr<int> arguments =
        graph.Read(tool.parameters.empty() ? R"({"type":"object","properties":{}})"
                                           : std::string_view(tool.parameters),
                   tool.field);
    if (!arguments.ok()) return arguments.status();
    if (absl::Status status = CheckSchema(graph, *arguments, tool.field); !status.ok()) {
      return status;
    }
    for (const int leaf : Leaves(graph, *arguments)) {
      if (graph[leaf].kind != Kind::kObject) {
        return SchemaError(tool.field, graph[leaf].pointer,
                           "The arguments of a tool are an object.");
      }
    }
    SchemaNode call;
    call.kind = Kind::kObject;
    call.members = {{.name = "name", .node = AddLiteral(tool.name, graph), .required = true},
                    {.name = "arguments", .node = *arguments, .required = true}};
    calls.branches.push_back(graph.Add(std::move(call)));
  }
  SchemaNode list;
  list.kind = Kind::kArray;
  list.items = graph.Add(std::move(calls));
  list.min_items = 1;
  list.max_items = kMaxToolCalls;
  SchemaNode answer;
  answer.kind = Kind::kObject;
  answer.members = {{.name = "tool_calls", .node = graph.Add(std::move(list)), .required = true}};
  const int root = graph.Add(std::move(answer));
  if (absl::Status status = CheckSchema(graph, root, "tools"); !status.ok()) return status;
  return Compiler(graph, "tools").Compile(root, [&](const GrammarRule& rule, GrammarBuilder& to) {
    if (required) return rule;
    const GrammarRule rest = to.Declare();
    to.Define(rest,
              {Join({GrammarBuilder::Class({{0, 0x10FFFF}}), rest}), GrammarBuilder::Literal("")});
    const GrammarSequence free =
        Join({GrammarBuilder::Class({{0x21, 0x7A}, {0x7C, 0x10FFFF}}), rest});
    // Vocabularies that put a space before every word may begin with one.
    return to.Add({rule, free, Join({GrammarBuilder::Literal(" "), rule}),
                   Join({GrammarBuilder::Literal(" "), free})});
  });
}

}  // namespace intelligenced

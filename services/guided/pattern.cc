#include "services/guided/pattern.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/guided/pattern_tree.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxNfaStates = 500;
constexpr size_t kMaxDfaStates = 500;
constexpr size_t kMaxAtoms = 128;

absl::Status Wrong(std::string_view message) { return absl::InvalidArgumentError(message); }

// Thompson's construction.
struct Nfa {
  struct State {
    std::vector<int> free;
    int set = -1;  // of `sets`; then the one edge goes to `next`
    int next = -1;
  };
  std::vector<State> states;
  std::vector<CharacterSet> sets;

  int NewState() {
    states.emplace_back();
    return static_cast<int>(states.size()) - 1;
  }
};

// Adds `tree` between `from` and the state that is returned. -1: too many states.
int Build(const PatternTree& tree, int from, Nfa& nfa) {
  if (nfa.states.size() > kMaxNfaStates) return -1;
  switch (tree.kind) {
    case PatternTree::Kind::kSet: {
      const int to = nfa.NewState();
      const auto found = std::find(nfa.sets.begin(), nfa.sets.end(), tree.set);
      const int set = static_cast<int>(found - nfa.sets.begin());
      if (found == nfa.sets.end()) nfa.sets.push_back(tree.set);
      // A state has one edge, so that the edge gets one of its own.
      const int edge = nfa.NewState();
      nfa.states[from].free.push_back(edge);
      nfa.states[edge].set = set;
      nfa.states[edge].next = to;
      return to;
    }
    case PatternTree::Kind::kSequence:
      for (const PatternTree& part : tree.parts) {
        from = Build(part, from, nfa);
        if (from < 0) return -1;
      }
      return from;
    case PatternTree::Kind::kChoice: {
      const int to = nfa.NewState();
      for (const PatternTree& part : tree.parts) {
        const int begin = nfa.NewState();
        nfa.states[from].free.push_back(begin);
        const int end = Build(part, begin, nfa);
        if (end < 0) return -1;
        nfa.states[end].free.push_back(to);
      }
      return to;
    }
    case PatternTree::Kind::kRepeat:
      break;
  }
  for (uint32_t i = 0; i < tree.low; ++i) {
    from = Build(tree.parts[0], from, nfa);
    if (from < 0) return -1;
  }
  const int to = nfa.NewState();
  if (!tree.high) {
    const int loop = nfa.NewState();
    nfa.states[from].free.push_back(loop);
    const int end = Build(tree.parts[0], loop, nfa);
    if (end < 0) return -1;
    nfa.states[end].free.push_back(loop);
    nfa.states[loop].free.push_back(to);
    return to;
  }
  for (uint32_t i = tree.low; i < *tree.high; ++i) {
    nfa.states[from].free.push_back(to);
    const int begin = nfa.NewState();
    nfa.states[from].free.push_back(begin);
    from = Build(tree.parts[0], begin, nfa);
    if (from < 0) return -1;
  }
  nfa.states[from].free.push_back(to);
  return to;
}

struct Dfa {
  struct State {
    bool accepts = false;
    std::map<int, CharacterSet> edges;  // by the state they lead to
  };
  std::vector<State> states;
};

void Close(const Nfa& nfa, std::vector<int>& subset) {
  std::set<int> seen(subset.begin(), subset.end());
  std::vector<int> todo = subset;
  while (!todo.empty()) {
    const int state = todo.back();
    todo.pop_back();
    for (const int next : nfa.states[state].free) {
      if (seen.insert(next).second) todo.push_back(next);
    }
  }
  // Only states with an edge, and the last one, tell subsets apart; the rest keeps them correct.
  subset.assign(seen.begin(), seen.end());
}

absl::StatusOr<Dfa> Determinize(const Nfa& nfa, int accepting) {
  // The smallest sets of characters that no edge tells apart.
  std::set<char32_t> cuts;
  for (const CharacterSet& set : nfa.sets) {
    for (const auto& [low, high] : set) {
      cuts.insert(low);
      cuts.insert(high + 1);
    }
  }
  if (cuts.size() > kMaxAtoms) return Wrong("it tells too many kinds of characters apart");
  const std::vector<char32_t> starts(cuts.begin(), cuts.end());

  Dfa dfa;
  std::map<std::vector<int>, int> known;
  std::vector<std::vector<int>> subsets;
  const auto state_of = [&](std::vector<int> subset) {
    Close(nfa, subset);
    const auto [found, added] = known.try_emplace(subset, static_cast<int>(subsets.size()));
    if (added) {
      dfa.states.emplace_back().accepts =
          std::binary_search(subset.begin(), subset.end(), accepting);
      subsets.push_back(std::move(subset));
    }
    return found->second;
  };
  state_of({0});
  for (size_t index = 0; index < subsets.size(); ++index) {
    if (subsets.size() > kMaxDfaStates) return Wrong("it is too complicated");
    std::vector<std::vector<int>> next(starts.size());
    for (const int state : subsets[index]) {
      if (nfa.states[state].set < 0) continue;
      for (const auto& [low, high] : nfa.sets[nfa.states[state].set]) {
        auto atom = std::lower_bound(starts.begin(), starts.end(), low) - starts.begin();
        for (; starts[atom] <= high; ++atom) next[atom].push_back(nfa.states[state].next);
      }
    }
    for (size_t atom = 0; atom + 1 < starts.size(); ++atom) {
      if (next[atom].empty()) continue;
      const int target = state_of(next[atom]);
      dfa.states[index].edges[target].emplace_back(starts[atom], starts[atom + 1] - 1);
    }
  }
  for (Dfa::State& state : dfa.states) {
    for (auto& [target, set] : state.edges) set = Normalized(std::move(set));
  }
  return dfa;
}

// The same texts, but only those of the right length.
absl::StatusOr<Dfa> Count(const Dfa& dfa, uint32_t low, std::optional<uint32_t> high) {
  if (low == 0 && !high) return dfa;
  Dfa counted;
  std::map<std::pair<int, uint32_t>, int> known;
  std::vector<std::pair<int, uint32_t>> states;
  const auto state_of = [&](int state, uint32_t count) {
    const auto [found, added] = known.try_emplace({state, count}, static_cast<int>(states.size()));
    if (added) {
      counted.states.emplace_back().accepts = dfa.states[state].accepts && count >= low;
      states.emplace_back(state, count);
    }
    return found->second;
  };
  state_of(0, 0);
  for (size_t index = 0; index < states.size(); ++index) {
    if (states.size() > kMaxPatternStates) {
      return Wrong("with these lengths it is too complicated");
    }
    const auto [state, count] = states[index];
    if (high && count == *high) continue;
    // Without an upper bound only "enough" counts from the lower one on.
    const uint32_t more = high ? count + 1 : std::min(count + 1, low);
    for (const auto& [target, set] : dfa.states[state].edges) {
      const int to = state_of(target, more);
      CharacterSet& edge = counted.states[index].edges[to];
      edge.insert(edge.end(), set.begin(), set.end());
      edge = Normalized(std::move(edge));
    }
  }
  return counted;
}

// How the characters of `set` are written in a JSON string.
std::vector<GrammarSequence> Written(const CharacterSet& set) {
  static constexpr std::pair<char32_t, std::string_view> kEscapes[] = {
      {'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"},
      {'\n', "\\n"}, {'\r', "\\r"},  {'\t', "\\t"}};
  std::vector<GrammarSequence> out;
  const CharacterSet plain =
      Intersection(set, {{0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, 0x10FFFF}});
  if (!plain.empty()) out.push_back(GrammarBuilder::Class(plain));
  for (const auto& [character, escape] : kEscapes) {
    if (!Intersection(set, {{character, character}}).empty()) {
      out.push_back(GrammarBuilder::Literal(escape));
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<GrammarRule> AddPattern(std::string_view pattern, uint32_t min_length,
                                       std::optional<uint32_t> max_length,
                                       GrammarBuilder& grammar) {
  if (pattern.size() > kMaxPatternBytes) {
    return Wrong(absl::StrCat("it has ", pattern.size(), " bytes; the most is ", kMaxPatternBytes));
  }
  const absl::StatusOr<PatternTree> tree = ParsePattern(pattern);
  if (!tree.ok()) return tree.status();
  Nfa nfa;
  nfa.NewState();
  const int accepting = Build(*tree, 0, nfa);
  if (accepting < 0) return Wrong("it is too complicated");
  absl::StatusOr<Dfa> dfa = Determinize(nfa, accepting);
  if (dfa.ok()) dfa = Count(*dfa, min_length, max_length);
  if (!dfa.ok()) return dfa.status();

  // States from which a text can still end, found backwards.
  const int count = static_cast<int>(dfa->states.size());
  std::vector<std::vector<int>> sources(count);
  std::vector<bool> alive(count);
  std::vector<int> todo;
  for (int state = 0; state < count; ++state) {
    for (const auto& [target, set] : dfa->states[state].edges) {
      if (!Written(set).empty()) sources[target].push_back(state);
    }
    if (!dfa->states[state].accepts) continue;
    alive[state] = true;
    todo.push_back(state);
  }
  while (!todo.empty()) {
    const int state = todo.back();
    todo.pop_back();
    for (const int source : sources[state]) {
      if (alive[source]) continue;
      alive[source] = true;
      todo.push_back(source);
    }
  }
  if (!alive[0]) return Wrong("no text matches it");

  std::vector<GrammarRule> rules(count);
  for (int state = 0; state < count; ++state) {
    if (alive[state]) rules[state] = grammar.Declare();
  }
  for (int state = 0; state < count; ++state) {
    if (!alive[state]) continue;
    std::vector<GrammarSequence> alternatives;
    for (const auto& [target, set] : dfa->states[state].edges) {
      if (!alive[target]) continue;
      for (const GrammarSequence& written : Written(set)) {
        alternatives.push_back(GrammarBuilder::Join({written, rules[target]}));
      }
    }
    if (dfa->states[state].accepts) alternatives.push_back(GrammarBuilder::Literal("\""));
    grammar.Define(rules[state], alternatives);
  }
  return grammar.Add({GrammarBuilder::Join({GrammarBuilder::Literal("\""), rules[0]})});
}

}  // namespace intelligenced

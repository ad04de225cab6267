#include "runtime/engines/llama/grammar_check.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status Wrong(std::string_view message) {
  return FieldError("grammar", absl::StrCat("The grammar cannot be used: ", message));
}

// An item that reads at least one character, or none.
constexpr int kReads = -1;
constexpr int kNothing = -2;

struct Rule {
  // Items: the index of a rule, or one of the above.
  std::vector<std::vector<int>> alternatives;
};

bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

class Checker {
 public:
  absl::Status Check(std::string_view grammar) {
    if (grammar.size() > kMaxGrammarTextBytes) return Wrong("it is too long.");
    if (!absl::ConsumeSuffix(&grammar, "\n")) return Wrong("its last line does not end.");
    std::vector<std::string_view> bodies;
    for (const std::string_view line : absl::StrSplit(grammar, '\n')) {
      const std::pair<std::string_view, std::string_view> parts =
          absl::StrSplit(line, absl::MaxSplits(" ::= ", 1));
      if (!IsName(parts.first) || parts.second.empty()) return Wrong("a line is no rule.");
      if (bodies.empty() && parts.first != "root") return Wrong("the first rule is not root.");
      if (!names_.try_emplace(parts.first, static_cast<int>(bodies.size())).second) {
        return Wrong("a rule is defined twice.");
      }
      bodies.push_back(parts.second);
    }
    rules_.resize(bodies.size());
    for (size_t index = 0; index < bodies.size(); ++index) {
      if (absl::Status status = ReadRule(bodies[index], rules_[index]); !status.ok()) return status;
    }
    FindUses();
    if (!AllTrue(Spread([](int item) { return item < 0; }))) return Wrong("a rule never ends.");
    nullable_ = Spread([](int item) { return item == kNothing; });
    return CheckDepth();
  }

 private:
  absl::Status ReadRule(std::string_view text, Rule& rule) {
    rule.alternatives.emplace_back();
    while (true) {
      int item = kNothing;
      if (absl::Status status = ReadItem(text, item); !status.ok()) return status;
      rule.alternatives.back().push_back(item);
      if (text.empty()) return absl::OkStatus();
      if (absl::ConsumePrefix(&text, " | ")) {
        rule.alternatives.emplace_back();
      } else if (!absl::ConsumePrefix(&text, " ")) {
        return Wrong("two items are not apart.");
      }
    }
  }

  absl::Status ReadItem(std::string_view& text, int& item) {
    if (absl::ConsumePrefix(&text, "\"")) {
      while (!absl::ConsumePrefix(&text, "\"")) {
        uint32_t character = 0;
        if (!ReadCharacter(text, character)) return Wrong("a literal is wrong.");
        item = kReads;
      }
      return absl::OkStatus();
    }
    if (absl::ConsumePrefix(&text, "[")) {
      while (!absl::ConsumePrefix(&text, "]")) {
        uint32_t low = 0;
        if (text.empty() || text.find_first_of("^[-\"") == 0) return Wrong("a class is wrong.");
        if (!ReadCharacter(text, low)) return Wrong("a class is wrong.");
        uint32_t high = low;
        if (absl::ConsumePrefix(&text, "-") && (!ReadCharacter(text, high) || high < low)) {
          return Wrong("a class has a wrong range.");
        }
        item = kReads;
      }
      return item == kReads ? absl::OkStatus() : Wrong("a class is empty.");
    }
    const std::string_view name = text.substr(0, text.find(' '));
    const auto found = names_.find(name);
    if (found == names_.end()) return Wrong("a rule is not defined.");
    item = found->second;
    text.remove_prefix(name.size());
    return absl::OkStatus();
  }

  static bool ReadCharacter(std::string_view& text, uint32_t& character) {
    if (text.empty()) return false;
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      character = static_cast<uint8_t>(c);
      return c >= 0x20 && c < 0x7F;
    }
    if (text.empty()) return false;
    const char escape = text.front();
    text.remove_prefix(1);
    if (escape == '\\' || escape == 'n') {
      character = escape == 'n' ? '\n' : '\\';
      return true;
    }
    const size_t digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
    if (digits == 0 || text.size() < digits) return false;
    character = 0;
    for (const char digit : text.substr(0, digits)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(digit))) return false;
      const int value = absl::ascii_isdigit(static_cast<unsigned char>(digit))
                            ? digit - '0'
                            : (digit | 0x20) - 'a' + 10;
      character = character * 16 + static_cast<uint32_t>(value);
    }
    text.remove_prefix(digits);
    return character <= 0x10FFFF;
  }

  void FindUses() {
    uses_.resize(rules_.size());
    for (size_t index = 0; index < rules_.size(); ++index) {
      for (const std::vector<int>& alternative : rules_[index].alternatives) {
        for (const int item : alternative) {
          if (item >= 0) uses_[item].push_back(static_cast<int>(index));
        }
      }
    }
  }

  // The rules with an alternative of which every item `holds`, or is such a rule itself.
  template <typename Holds>
  std::vector<bool> Spread(const Holds& holds) const {
    std::vector<bool> result(rules_.size());
    std::vector<int> todo;
    for (size_t index = 0; index < rules_.size(); ++index) todo.push_back(static_cast<int>(index));
    while (!todo.empty()) {
      const int rule = todo.back();
      todo.pop_back();
      if (result[rule]) continue;
      for (const std::vector<int>& alternative : rules_[rule].alternatives) {
        if (!std::all_of(alternative.begin(), alternative.end(),
                         [&](int item) { return item >= 0 ? result[item] : holds(item); })) {
          continue;
        }
        result[rule] = true;
        todo.insert(todo.end(), uses_[rule].begin(), uses_[rule].end());
        break;
      }
    }
    return result;
  }

  static bool AllTrue(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), false) == flags.end();
  }

  // The rules that `rule` may enter before it has read a character.
  std::vector<int> Entered(int rule) const {
    std::vector<int> out;
    for (const std::vector<int>& alternative : rules_[rule].alternatives) {
      for (const int item : alternative) {
        if (item >= 0) out.push_back(item);
        if (item == kReads || (item >= 0 && !nullable_[item])) break;
      }
    }
    return out;
  }

  absl::Status CheckDepth() const {
    enum : uint8_t { kNew, kOpen, kDone };
    std::vector<uint8_t> state(rules_.size(), kNew);
    std::vector<int> depth(rules_.size(), 1);
    for (size_t start = 0; start < rules_.size(); ++start) {
      std::vector<int> stack = {static_cast<int>(start)};
      while (!stack.empty()) {
        const int rule = stack.back();
        if (state[rule] == kDone) {
          stack.pop_back();
          continue;
        }
        const std::vector<int> entered = Entered(rule);
        if (state[rule] == kOpen) {
          for (const int next : entered) depth[rule] = std::max(depth[rule], depth[next] + 1);
          if (depth[rule] > kMaxGrammarDepth) return Wrong("its rules lie too deep.");
          state[rule] = kDone;
          stack.pop_back();
          continue;
        }
        state[rule] = kOpen;
        for (const int next : entered) {
          if (state[next] == kOpen) return Wrong("a rule begins with itself.");
          if (state[next] == kNew) stack.push_back(next);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::flat_hash_map<std::string_view, int> names_;
  std::vector<Rule> rules_;
  std::vector<std::vector<int>> uses_;
  std::vector<bool> nullable_;
};

}  // namespace

absl::Status CheckGrammar(std::string_view grammar) { return Checker().Check(grammar); }

}  // namespace intelligenced

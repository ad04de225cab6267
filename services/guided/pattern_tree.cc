#include "services/guided/pattern_tree.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr int kMaxGroupDepth = 32;
constexpr uint32_t kMaxRepeat = 1000;

absl::Status Wrong(std::string_view message) { return absl::InvalidArgumentError(message); }

// Every character but the surrogates.
CharacterSet AnyCharacter() { return {{0, 0xD7FF}, {0xE000, 0x10FFFF}}; }

CharacterSet Complement(const CharacterSet& set) {
  CharacterSet gaps;
  char32_t next = 0;
  for (const auto& [low, high] : Normalized(set)) {
    if (low > next) gaps.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= 0x10FFFF) gaps.emplace_back(next, 0x10FFFF);
  return Intersection(gaps, AnyCharacter());
}

PatternTree SetTree(CharacterSet set) {
  PatternTree tree;
  tree.kind = PatternTree::Kind::kSet;
  tree.set = Intersection(Normalized(std::move(set)), AnyCharacter());
  return tree;
}

PatternTree RepeatTree(PatternTree part, uint32_t low, std::optional<uint32_t> high) {
  PatternTree tree;
  tree.kind = PatternTree::Kind::kRepeat;
  tree.parts.push_back(std::move(part));
  tree.low = low;
  tree.high = high;
  return tree;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {}

  absl::StatusOr<PatternTree> Parse() {
    absl::StatusOr<PatternTree> tree = Choice(0);
    if (tree.ok() && at_ < text_.size()) return Wrong("it closes a group that was not opened");
    return tree;
  }

 private:
  bool Done() const { return at_ >= text_.size(); }
  bool Take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  absl::StatusOr<PatternTree> Choice(int depth) {
    if (depth > kMaxGroupDepth) return Wrong("its groups are nested too deep");
    PatternTree choice;
    choice.kind = PatternTree::Kind::kChoice;
    do {
      absl::StatusOr<PatternTree> sequence = Sequence(depth);
      if (!sequence.ok()) return sequence;
      choice.parts.push_back(*std::move(sequence));
    } while (Take("|"));
    return choice;
  }

  absl::StatusOr<PatternTree> Sequence(int depth) {
    PatternTree sequence;
    // On the top level a text may go on before and behind the match.
    const bool open_start = depth == 0 && !Take("^");
    if (open_start) sequence.parts.push_back(RepeatTree(SetTree(AnyCharacter()), 0, std::nullopt));
    bool open_end = depth == 0;
    while (!Done() && text_[at_] != '|' && text_[at_] != ')') {
      if (Take("$")) {
        if (depth > 0 || (!Done() && text_[at_] != '|')) {
          return Wrong("$ may only stand at its end");
        }
        open_end = false;
        break;
      }
      absl::StatusOr<PatternTree> atom = Atom(depth);
      if (!atom.ok()) return atom;
      absl::StatusOr<PatternTree> repeated = Repeated(*std::move(atom));
      if (!repeated.ok()) return repeated;
      sequence.parts.push_back(*std::move(repeated));
    }
    if (open_end) sequence.parts.push_back(RepeatTree(SetTree(AnyCharacter()), 0, std::nullopt));
    return sequence;
  }

  absl::StatusOr<PatternTree> Repeated(PatternTree atom) {
    uint32_t low = 1;
    std::optional<uint32_t> high = 1;
    if (Take("*")) {
      low = 0;
      high.reset();
    } else if (Take("+")) {
      high.reset();
    } else if (Take("?")) {
      low = 0;
    } else if (Take("{")) {
      if (!Number(low)) return Wrong("{ must be followed by a count, or be written \\{");
      high = low;
      if (Take(",")) {
        high.reset();
        if (uint32_t number = 0; Number(number)) high = number;
      }
      if (!Take("}")) return Wrong("a count must be closed by }");
      if (low > kMaxRepeat || high.value_or(0) > kMaxRepeat) {
        return Wrong(absl::StrCat("counts may be at most ", kMaxRepeat));
      }
      if (high && *high < low) return Wrong("a count has its bounds in the wrong order");
    } else {
      return atom;
    }
    Take("?");  // Lazy: the same texts.
    if (!Done() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')) {
      return Wrong("there is nothing that the second of two repetitions could repeat");
    }
    return RepeatTree(std::move(atom), low, high);
  }

  bool Number(uint32_t& number) {
    const size_t begin = at_;
    number = 0;
    while (!Done() && text_[at_] >= '0' && text_[at_] <= '9') {
      number = std::min<uint32_t>(number * 10 + (text_[at_++] - '0'), 1'000'000);
    }
    return at_ > begin;
  }

  absl::StatusOr<PatternTree> Atom(int depth) {
    if (Take("(")) {
      if (Take("?") && !Take(":")) return Wrong("of the (?…) forms only (?:…) is known");
      absl::StatusOr<PatternTree> inner = Choice(depth + 1);
      if (inner.ok() && !Take(")")) return Wrong("a group is not closed");
      return inner;
    }
    if (Take(".")) {
      return SetTree(Complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
    }
    if (Take("[")) return CharacterClass();
    if (text_.find_first_of("*+?{", at_) == at_) return Wrong("there is nothing to repeat");
    if (text_.find_first_of("^]}", at_) == at_) {
      return Wrong("^ may only stand at its beginning; write ^, ] and } as \\^, \\] and \\}");
    }
    CharacterSet set;
    if (absl::Status status = OneCharacter(set); !status.ok()) return status;
    return SetTree(std::move(set));
  }

  // A character, or one of the escapes that stand for several.
  absl::Status OneCharacter(CharacterSet& set) {
    if (!Take("\\")) {
      const char32_t character = DecodeChar(text_, at_);
      set.emplace_back(character, character);
      return absl::OkStatus();
    }
    if (Done()) return Wrong("it ends in a backslash");
    const char escape = text_[at_++];
    switch (escape) {
      case 'd':
      case 'D':
        return AddClass({{'0', '9'}}, escape == 'D', set);
      case 'w':
      case 'W':
        return AddClass({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, escape == 'W', set);
      case 's':
      case 'S':
        return AddClass({{'\t', '\r'},
                         {' ', ' '},
                         {0xA0, 0xA0},
                         {0x1680, 0x1680},
                         {0x2000, 0x200A},
                         {0x2028, 0x2029},
                         {0x202F, 0x202F},
                         {0x205F, 0x205F},
                         {0x3000, 0x3000},
                         {0xFEFF, 0xFEFF}},
                        escape == 'S', set);
      case 't':
        return AddOne('\t', set);
      case 'n':
        return AddOne('\n', set);
      case 'r':
        return AddOne('\r', set);
      case 'f':
        return AddOne('\f', set);
      case 'v':
        return AddOne('\v', set);
      case '0':
        return AddOne(0, set);
      case 'x':
        return Hexadecimal(2, 2, set);
      case 'u':
        if (!Take("{")) return Hexadecimal(4, 4, set);
        if (absl::Status status = Hexadecimal(1, 6, set); !status.ok()) return status;
        return Take("}") ? absl::OkStatus() : Wrong("\\u{ must be closed by }");
      default:
        if (!absl::ascii_ispunct(static_cast<unsigned char>(escape))) {
          return Wrong(absl::StrCat("\\", std::string_view(&escape, 1), " is not known"));
        }
        return AddOne(static_cast<char32_t>(escape), set);
    }
  }

  static absl::Status AddOne(char32_t character, CharacterSet& set) {
    set.emplace_back(character, character);
    return absl::OkStatus();
  }

  static absl::Status AddClass(CharacterSet named, bool negated, CharacterSet& set) {
    if (negated) named = Complement(named);
    set.insert(set.end(), named.begin(), named.end());
    return absl::OkStatus();
  }

  absl::Status Hexadecimal(int least, int most, CharacterSet& set) {
    char32_t value = 0;
    int count = 0;
    for (; count < most && !Done(); ++count, ++at_) {
      const char digit = text_[at_];
      if (digit >= '0' && digit <= '9') {
        value = value * 16 + (digit - '0');
      } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
        value = value * 16 + ((digit | 0x20) - 'a' + 10);
      } else {
        break;
      }
    }
    if (count < least) return Wrong("\\x and \\u need hexadecimal digits");
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      return Wrong("an escape names no character");
    }
    return AddOne(value, set);
  }

  absl::StatusOr<PatternTree> CharacterClass() {
    const bool negated = Take("^");
    CharacterSet set;
    while (!Take("]")) {
      if (Done()) return Wrong("a class is not closed");
      CharacterSet first;
      if (absl::Status status = OneCharacter(first); !status.ok()) return status;
      const bool range = text_.substr(at_, 1) == "-" && text_.substr(at_, 2) != "-]";
      if (range) {
        ++at_;
        CharacterSet last;
        if (Done()) return Wrong("a class is not closed");
        if (absl::Status status = OneCharacter(last); !status.ok()) return status;
        if (first.size() != 1 || last.size() != 1 || first[0].first != first[0].second ||
            last[0].first != last[0].second || last[0].first < first[0].first) {
          return Wrong("a class holds a range without a first and a last character");
        }
        first[0].second = last[0].first;
      }
      set.insert(set.end(), first.begin(), first.end());
    }
    PatternTree tree = SetTree(negated ? Complement(set) : set);
    if (tree.set.empty()) return Wrong("a class matches nothing");
    return tree;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

CharacterSet Normalized(CharacterSet set) {
  std::sort(set.begin(), set.end());
  CharacterSet out;
  for (const auto& [low, high] : set) {
    if (!out.empty() && low <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, high);
    } else {
      out.emplace_back(low, high);
    }
  }
  return out;
}

CharacterSet Intersection(const CharacterSet& a, const CharacterSet& b) {
  CharacterSet out;
  for (const auto& [a_low, a_high] : a) {
    for (const auto& [b_low, b_high] : b) {
      const char32_t low = std::max(a_low, b_low);
      const char32_t high = std::min(a_high, b_high);
      if (low <= high) out.emplace_back(low, high);
    }
  }
  return Normalized(std::move(out));
}

absl::StatusOr<PatternTree> ParsePattern(std::string_view pattern) {
  return Parser(pattern).Parse();
}

}  // namespace intelligenced

#include "tests/support/guided/grammar_walk.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr uint64_t kEndless = std::numeric_limits<uint32_t>::max();

char32_t ReadCharacter(std::string_view& text) {
  char32_t c = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (c != '\\') return c;
  const char escape = text.front();
  text.remove_prefix(1);
  const size_t digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
  if (digits == 0) return escape == 'n' ? U'\n' : static_cast<char32_t>(escape);
  c = static_cast<char32_t>(std::stoul(std::string(text.substr(0, digits)), nullptr, 16));
  text.remove_prefix(digits);
  return c;
}

}  // namespace

GrammarWalk::GrammarWalk(const std::string& grammar) {
  for (const std::string_view line : absl::StrSplit(grammar, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(" ::= ", 1));
    std::string_view text = parts.second;
    std::vector<Sequence>& alternatives = rules_[parts.first];
    alternatives.emplace_back();
    while (!text.empty()) {
      Item item;
      if (absl::ConsumePrefix(&text, "\"")) {
        while (!absl::ConsumePrefix(&text, "\"")) item.literal += ReadCharacter(text);
      } else if (absl::ConsumePrefix(&text, "[")) {
        while (!absl::ConsumePrefix(&text, "]")) {
          const char32_t low = ReadCharacter(text);
          const char32_t high = absl::ConsumePrefix(&text, "-") ? ReadCharacter(text) : low;
          item.ranges.emplace_back(low, high);
        }
      } else {
        item.rule = std::string(text.substr(0, text.find(' ')));
        text.remove_prefix(item.rule.size());
      }
      alternatives.back().push_back(std::move(item));
      if (absl::ConsumePrefix(&text, " | ")) {
        alternatives.emplace_back();
      } else {
        absl::ConsumePrefix(&text, " ");
      }
    }
  }
  Measure();
}

void GrammarWalk::Measure() {
  for (const auto& [name, alternatives] : rules_) shortest_[name] = kEndless;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [name, alternatives] : rules_) {
      for (const Sequence& sequence : alternatives) {
        uint64_t length = 0;
        for (const Item& item : sequence) {
          length += item.rule.empty() ? std::max<size_t>(item.literal.size(), !item.ranges.empty())
                                      : shortest_[item.rule];
        }
        length = std::min(length, kEndless);
        if (length >= shortest_[name]) continue;
        shortest_[name] = length;
        changed = true;
      }
    }
  }
}

std::string GrammarWalk::Draw(std::mt19937_64& random, size_t target) const {
  std::string text;
  const Item root = {.rule = "root", .ranges = {}, .literal = {}};
  std::vector<const Item*> todo = {&root};
  while (!todo.empty()) {
    const Item& item = *todo.back();
    todo.pop_back();
    if (item.rule.empty()) {
      for (const char32_t c : item.literal) AppendChar(c, text);
      if (item.ranges.empty()) continue;
      const auto& [low, high] = item.ranges[random() % item.ranges.size()];
      char32_t c = low + static_cast<char32_t>(random() % (high - low + 1));
      // Sequences of bytes for these are not UTF-8, so that an engine cannot write them.
      if (c >= 0xD800 && c <= 0xDFFF) c = low;
      AppendChar(c, text);
      continue;
    }
    const std::vector<Sequence>& alternatives = rules_.at(item.rule);
    const Sequence* chosen = &alternatives[random() % alternatives.size()];
    if (text.size() > target) {
      uint64_t best = kEndless + 1;
      for (const Sequence& sequence : alternatives) {
        uint64_t length = 0;
        for (const Item& part : sequence) {
          length += part.rule.empty() ? part.literal.size() + !part.ranges.empty()
                                      : shortest_.at(part.rule);
        }
        if (length < best) {
          best = length;
          chosen = &sequence;
        }
      }
    }
    for (auto part = chosen->rbegin(); part != chosen->rend(); ++part) todo.push_back(&*part);
  }
  return text;
}

}  // namespace intelligenced

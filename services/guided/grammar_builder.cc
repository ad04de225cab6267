#include "services/guided/grammar_builder.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr uint32_t kBlock = 64;

void AppendEscaped(char32_t character, bool in_class, std::string& out) {
  const bool plain =
      character >= 0x20 && character < 0x7F && character != '"' && character != '\\' &&
      (!in_class || (character != '[' && character != ']' && character != '^' && character != '-'));
  if (plain) {
    out.push_back(static_cast<char>(character));
  } else if (character < 0x100) {
    absl::StrAppendFormat(&out, "\\x%02X", static_cast<uint32_t>(character));
  } else if (character < 0x10000) {
    absl::StrAppendFormat(&out, "\\u%04X", static_cast<uint32_t>(character));
  } else {
    absl::StrAppendFormat(&out, "\\U%08X", static_cast<uint32_t>(character));
  }
}

}  // namespace

GrammarSequence GrammarBuilder::Literal(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) AppendEscaped(DecodeChar(text, at), false, out);
  out += '"';
  return out;
}

GrammarSequence GrammarBuilder::Class(const CharacterSet& characters) {
  std::string out = "[";
  for (const auto& [low, high] : characters) {
    AppendEscaped(low, true, out);
    if (high == low) continue;
    if (high > low + 1) out += '-';
    AppendEscaped(high, true, out);
  }
  out += ']';
  return out;
}

GrammarSequence GrammarBuilder::Join(std::initializer_list<std::string_view> items) {
  std::string out;
  for (const std::string_view item : items) {
    if (!item.empty()) absl::StrAppend(&out, out.empty() ? "" : " ", item);
  }
  return out;
}

GrammarRule GrammarBuilder::Add(const std::vector<GrammarSequence>& alternatives) {
  const std::string body = absl::StrJoin(alternatives, " | ");
  const auto found = known_.find(body);
  if (found != known_.end()) return found->second;
  GrammarRule rule = Declare();
  Define(rule, alternatives);
  known_.emplace(body, rule);
  return rule;
}

GrammarRule GrammarBuilder::Declare() {
  bodies_.emplace_back();
  bytes_ += 16;
  return absl::StrCat("r", bodies_.size() - 1);
}

void GrammarBuilder::Define(const GrammarRule& rule,
                            const std::vector<GrammarSequence>& alternatives) {
  size_t index = 0;
  if (!absl::SimpleAtoi(std::string_view(rule).substr(1), &index)) return;
  bodies_[index] = absl::StrJoin(alternatives, " | ");
  bytes_ += bodies_[index].size();
}

GrammarRule GrammarBuilder::Block(const GrammarSequence& item, int level) {
  const GrammarSequence part = level == 1 ? item : Block(item, level - 1);
  return Add({absl::StrJoin(std::vector<std::string>(kBlock, part), " ")});
}

GrammarSequence GrammarBuilder::UpTo(const GrammarSequence& item, uint32_t count,
                                     const GrammarSequence& end) {
  // The count is written with digits of base 64, the lowest first here. Each digit is a chain: one
  // more block of its size, or on to smaller blocks, of which there may then be any number.
  GrammarSequence rest = end;  // as many more as the digits below allow
  GrammarSequence free = end;  // up to 64^level - 1 more
  for (int level = 0; count > 0; ++level, count /= kBlock) {
    const GrammarSequence part = level == 0 ? item : Block(item, level);
    GrammarSequence chain = rest;
    for (uint32_t i = 0; i < count % kBlock; ++i) chain = Add({Join({part, chain}), free});
    rest = chain;
    if (count < kBlock) break;
    chain = free;
    for (uint32_t i = 0; i + 1 < kBlock; ++i) chain = Add({Join({part, chain}), free});
    free = chain;
  }
  return rest;
}

GrammarSequence GrammarBuilder::RepeatCharacter(const GrammarSequence& item, uint32_t low,
                                                uint32_t high, const GrammarSequence& end) {
  GrammarSequence sequence = UpTo(item, high - low, end);
  uint32_t rest = low;
  for (int level = 0; rest > 0; rest /= kBlock, ++level) {
    const GrammarSequence part = level == 0 ? item : Block(item, level);
    for (uint32_t i = 0; i < rest % kBlock; ++i) sequence = Join({part, sequence});
  }
  return sequence;
}

const GrammarRule& GrammarBuilder::Space() {
  if (space_.empty()) {
    const GrammarSequence indent = UpTo("\" \"", 20, "\"\"");
    space_ = Add({"\"\"", "\" \"", Join({"\"\\n\"", indent})});
  }
  return space_;
}

std::string GrammarBuilder::Text(const GrammarSequence& start) const {
  std::string text = absl::StrCat("root ::= ", start, "\n");
  for (size_t index = 0; index < bodies_.size(); ++index) {
    absl::StrAppend(&text, "r", index, " ::= ", bodies_[index], "\n");
  }
  return text;
}

}  // namespace intelligenced

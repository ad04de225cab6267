#include "services/translation/marks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kLongestPlaceholder = 80;

bool IsNameByte(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// The end of the placeholder in braces that begins at `i`; 0: none does.
size_t BraceEnd(std::string_view text, size_t i) {
  const std::string_view rest = text.substr(i, kLongestPlaceholder);
  if (absl::StartsWith(rest, "{{")) {
    const size_t close = rest.find("}}", 2);
    if (close != kNone && rest.substr(2, close - 2).find_first_of("{\n") == kNone) {
      return i + close + 2;
    }
  }
  for (size_t j = 1; j < rest.size(); ++j) {
    const char c = rest[j];
    if (c == '}') return i + j + 1;
    if (!IsNameByte(c) && !absl::StrContains(".:,#!<>^+-%$|'[]", c)) return 0;
  }
  return 0;
}

// "%s", "%1$d", "%-5.2f", "%(name)s", "%{name}", "%1", "%%".
size_t PercentEnd(std::string_view text, size_t i) {
  const auto at = [&](size_t j) { return j < text.size() ? text[j] : '\0'; };
  size_t j = i + 1;
  if (at(j) == '%') return j + 1;
  if (at(j) == '{') {
    return BraceEnd(text, j);
  }
  if (at(j) == '(') {
    const size_t limit = std::min(text.size(), i + kLongestPlaceholder);
    while (j < limit && at(j) != ')' && at(j) != '\n') ++j;
    if (at(j) != ')') return 0;
    ++j;
  }
  const size_t digits = j;
  while (absl::ascii_isdigit(at(j)) && j < i + kLongestPlaceholder) ++j;
  const size_t after_digits = j;
  if (at(j) == '$') ++j;
  while (at(j) != '\0' && absl::StrContains("-+#0", at(j)) && j < i + kLongestPlaceholder) ++j;
  while ((absl::ascii_isdigit(at(j)) || at(j) == '.' || at(j) == '*') &&
         j < i + kLongestPlaceholder) {
    ++j;
  }
  while (at(j) != '\0' && absl::StrContains("hlLqjzt", at(j)) && j < i + kLongestPlaceholder) ++j;
  if (at(j) != '\0' && absl::StrContains("diouxXeEfFgGaAcsSpn@", at(j)) &&
      !absl::ascii_isalnum(at(j + 1))) {
    return j + 1;
  }
  // Qt's.
  if (after_digits > digits && after_digits - digits <= 2 && !IsNameByte(at(after_digits))) {
    return after_digits;
  }
  return 0;
}

size_t DollarEnd(std::string_view text, size_t i) {
  if (i + 1 >= text.size()) return 0;
  if (text[i + 1] == '{') {
    const std::string_view rest = text.substr(i, kLongestPlaceholder);
    const size_t close = rest.find_first_of("}\n", 2);
    return close != kNone && rest[close] == '}' ? i + close + 1 : 0;
  }
  size_t j = i + 1;
  while (j < text.size() &&
         (absl::ascii_isupper(text[j]) || absl::ascii_isdigit(text[j]) || text[j] == '_')) {
    ++j;
  }
  return j > i + 2 && absl::ascii_isupper(text[i + 1]) && (j == text.size() || !IsNameByte(text[j]))
             ? j
             : 0;
}

void FindPlaceholders(std::string_view text, ByteSpan part, std::vector<Mark>* marks) {
  const std::string_view inside = text.substr(0, part.end);
  for (size_t i = inside.find_first_of("%{$", part.start); i != kNone;
       i = inside.find_first_of("%{$", i)) {
    size_t end = 0;
    if (inside[i] == '%') {
      end = PercentEnd(inside, i);
    } else if (inside[i] == '{') {
      end = BraceEnd(inside, i);
    } else {
      end = DollarEnd(inside, i);
    }
    if (end > i) marks->push_back({i, end, MarkKind::kWord});
    i = end > i ? end : i + 1;
  }
}

// What two marks that overlap are together.
MarkKind Join(std::string_view text, const Mark& a, const Mark& b, size_t end) {
  if (a.kind == MarkKind::kBreak || b.kind == MarkKind::kBreak) return MarkKind::kBreak;
  // The outer one says what it is.
  if (a.end >= b.end && (b.start > a.start || a.kind == b.kind)) return a.kind;
  if (b.start == a.start && b.end >= a.end && a.end != b.end) return b.kind;
  if (text.substr(a.start, end - a.start).find('\n') != kNone) return MarkKind::kBreak;
  return std::max(a.kind, b.kind);
}

// Sorted and joined where they overlap.
std::vector<Mark> MergeMarks(std::string_view text, std::vector<Mark> marks) {
  std::erase_if(marks, [](const Mark& mark) { return mark.end <= mark.start; });
  std::stable_sort(marks.begin(), marks.end(),
                   [](const Mark& a, const Mark& b) { return a.start < b.start; });
  std::vector<Mark> merged;
  for (const Mark& mark : marks) {
    if (merged.empty() || mark.start >= merged.back().end) {
      merged.push_back(mark);
      continue;
    }
    Mark& last = merged.back();
    const size_t end = std::max(last.end, mark.end);
    last.kind = Join(text, last, mark, end);
    last.end = end;
  }
  // A word has no line's end in it.
  for (Mark& mark : merged) {
    const bool in_sentence = mark.kind == MarkKind::kWord || mark.kind == MarkKind::kMarkup;
    if (in_sentence && text.substr(mark.start, mark.end - mark.start).find('\n') != kNone) {
      mark.kind = MarkKind::kBreak;
    }
  }
  return merged;
}

}  // namespace

void FindWordMarks(std::string_view text, ByteSpan part, std::vector<Mark>* marks) {
  if (part.empty()) return;
  std::vector<Mark> found;
  FindPlaceholders(text, part, &found);
  for (const ByteSpan& span : FindProtectedSpans(part.In(text))) {
    const bool tag = part.In(text)[span.start] == '<';
    found.push_back({part.start + span.start, part.start + span.end,
                     tag ? MarkKind::kMarkup : MarkKind::kWord});
  }
  for (const Mark& mark : MergeMarks(text, std::move(found))) marks->push_back(mark);
}

void FindPlainMarks(std::string_view text, std::vector<Mark>* marks) {
  FindWordMarks(text, {0, text.size()}, marks);
  const size_t words = marks->size();
  for (size_t i = text.find_first_of("\n\r"); i != kNone; i = text.find_first_of("\n\r", i + 1)) {
    marks->push_back({i, i + 1, MarkKind::kBreak});
  }
  // A word that touches a line's end stays one; what goes across it was found to be a break.
  std::inplace_merge(marks->begin(), marks->begin() + static_cast<ptrdiff_t>(words), marks->end(),
                     [](const Mark& a, const Mark& b) { return a.start < b.start; });
}

std::vector<Mark> FindMarks(std::string_view text, TextMarkup markup,
                            absl::Span<const ByteSpan> given) {
  std::vector<Mark> marks;
  switch (markup) {
    case TextMarkup::kPlain:
      FindPlainMarks(text, &marks);
      break;
    case TextMarkup::kHtml:
      FindHtmlMarks(text, &marks);
      break;
    case TextMarkup::kMarkdown:
      FindMarkdownMarks(text, &marks);
      break;
  }
  for (const ByteSpan& span : given) marks.push_back({span.start, span.end, MarkKind::kWord});
  return MergeMarks(text, std::move(marks));
}

std::vector<int> PairMarkup(absl::Span<const std::string_view> kept) {
  constexpr int kFree = -1;
  constexpr int kUnpaired = -2;
  // So many stay in their order: looking for partners takes longer the more are open.
  if (kept.size() > 1024) return std::vector<int>(kept.size(), kUnpaired);
  std::vector<int> partner(kept.size(), kFree);
  struct Open {
    int place;
    std::string name;
  };
  std::vector<Open> open;
  const auto close = [&](int place, const std::string& name) {
    // What was opened since and not closed stays without a partner.
    for (size_t i = open.size(); i-- > 0;) {
      if (open[i].name != name) continue;
      partner[place] = open[i].place;
      partner[open[i].place] = place;
      open.resize(i);
      return true;
    }
    return false;
  };
  for (int i = 0; i < static_cast<int>(kept.size()); ++i) {
    const std::string_view text = kept[i];
    if (text[0] == '<') {
      const Tag tag = ReadTag(text, 0);
      if (tag.end == 0 || tag.name.empty() || tag.self_closing || tag.end != text.size()) continue;
      const std::string name = "<" + absl::AsciiStrToLower(tag.name);
      partner[i] = kUnpaired;
      if (tag.closing) {
        close(i, name);
      } else {
        open.push_back({i, name});
      }
    } else if (text == "[" || text == "![") {
      partner[i] = kUnpaired;
      open.push_back({i, "["});
    } else if (text[0] == ']') {
      partner[i] = kUnpaired;
      close(i, "[");
    } else if (text.find_first_not_of("*_~") == kNone) {
      partner[i] = kUnpaired;
      if (!close(i, std::string(text))) open.push_back({i, std::string(text)});
    }
  }
  return partner;
}

}  // namespace intelligenced

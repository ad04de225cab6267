#include "runtime/base/sentences.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

size_t LineEnd(std::string_view text, size_t start) {
  const size_t newline = text.find('\n', start);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

size_t SkipBlanks(std::string_view text, size_t i) {
  while (i < text.size() && IsBlank(text[i])) ++i;
  return i;
}

size_t SkipSpace(std::string_view text, size_t i) {
  while (i < text.size()) {
    const size_t before = i;
    if (!IsSpace(DecodeChar(text, i))) return before;
  }
  return i;
}

// Length of the run of ` or ~ that opens or closes a fence at `line`; 0 when there is none.
size_t FenceLength(std::string_view text, size_t line, char& mark) {
  size_t i = line;
  while (i < text.size() && i < line + 4 && text[i] == ' ') ++i;
  if (i - line > 3 || i >= text.size() || (text[i] != '`' && text[i] != '~')) return 0;
  mark = text[i];
  const size_t first = i;
  while (i < text.size() && text[i] == mark) ++i;
  if (i - first < 3) return 0;
  // "``` a ```" on one line is a code span.
  if (mark == '`' && text.substr(i, LineEnd(text, i) - i).find('`') != std::string_view::npos) {
    return 0;
  }
  return i - first;
}

// The end of the fenced block at `line`, closing fence included; `line` when there is none.
size_t FencedBlockEnd(std::string_view text, size_t line) {
  char mark = 0;
  const size_t opening = FenceLength(text, line, mark);
  if (opening == 0) return line;
  for (size_t i = LineEnd(text, line); i < text.size();) {
    const size_t end = LineEnd(text, i);
    char closing_mark = 0;
    const size_t closing = FenceLength(text, i, closing_mark);
    if (closing >= opening && closing_mark == mark) {
      const size_t after = text.find_first_not_of(" ~`", i);
      if (after == std::string_view::npos || after + 1 >= end) return end;
    }
    i = end;
  }
  return text.size();
}

// True when the line at `i` cannot continue the paragraph of the line before it.
bool StartsBlock(std::string_view text, size_t i) {
  char mark = 0;
  const size_t first = SkipBlanks(text, i);
  if (first >= text.size()) return false;
  if (text[first] == '\n' || text[first] == '|') return true;
  return LineMarkerLength(text, i) > 0 || FenceLength(text, i, mark) > 0;
}

bool IsHeading(std::string_view text, size_t line) {
  const size_t first = SkipBlanks(text, line);
  return first < text.size() && text[first] == '#' && LineMarkerLength(text, line) > 0;
}

// `i` is behind a line break: where the paragraph ends, or 0 when it goes on.
size_t BreakAt(std::string_view text, size_t line, size_t i) {
  if (i >= text.size()) return text.size();
  if (!IsHeading(text, line) && !StartsBlock(text, i)) return 0;
  size_t end = i;
  while (end < text.size()) {
    const size_t first = SkipBlanks(text, end);
    if (first < text.size() && text[first] != '\n') break;
    end = std::min(first + 1, text.size());
  }
  return end;
}

bool IsStop(char32_t c) { return c == '.' || c == '!' || c == '?' || c == 0x2026; }
bool IsWideStop(char32_t c) { return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x0964; }
bool IsCloser(char32_t c) {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' || c == '*' || c == '_' ||
         c == 0x2019 || c == 0x201D || c == 0x201C || c == 0xBB || c == 0x203A || c == 0x300D ||
         c == 0x300F || c == 0xFF09;
}
bool IsQuote(char32_t c) {
  return c == '"' || c == '\'' || c == 0x2019 || c == 0x201D || c == 0xBB;
}

// Before a name, a number or a continuation: the sentence goes on whatever follows.
const absl::flat_hash_set<std::string>& AlwaysAbbreviations() {
  static const auto* const set = new absl::flat_hash_set<std::string>{
      "mr",   "mrs", "ms",  "dr",  "prof", "st",     "rev", "gen",   "sen",  "rep",    "gov",
      "capt", "lt",  "col", "sgt", "hon",  "messrs", "mme", "mlle",  "sra",  "srta",   "vs",
      "viz",  "cf",  "e.g", "i.e", "eg",   "ie",     "fig", "figs",  "nr",   "approx", "ca",
      "resp", "z.b", "bzw", "d.h", "u.a",  "u.s",    "u.k", "a.k.a", "ph.d", "incl",   "esp"};
  return *set;
}

// Only when a small letter or a number follows.
const absl::flat_hash_set<std::string>& SometimesAbbreviations() {
  static const auto* const set = new absl::flat_hash_set<std::string>{
      "etc",   "al",  "inc",  "ltd", "co",  "corp", "jr",  "sr",   "no",   "nos",  "vol", "vols",
      "pp",    "p",   "cent", "pr",  "ch",  "sec",  "art", "eq",   "dept", "est",  "ed",  "eds",
      "trans", "ave", "blvd", "jan", "feb", "mar",  "apr", "jun",  "jul",  "aug",  "sep", "sept",
      "oct",   "nov", "dec",  "mon", "tue", "wed",  "thu", "fri",  "min",  "max",  "a.m", "p.m",
      "usw",   "ggf", "evtl", "tel", "ext", "op",   "cit", "misc", "div",  "intro"};
  return *set;
}

// `stop` is the offset of a lone full stop, `next` the character that follows after white space.
bool StopOfAbbreviation(std::string_view text, size_t start, size_t stop, char32_t next) {
  size_t word = stop;
  // No abbreviation is longer than a dozen bytes.
  while (word > start && stop - word < 12) {
    const size_t previous = PrevChar(text, word);
    const char32_t c = CharAt(text, previous);
    if (!IsLetter(c) && c != '.') break;
    word = previous;
  }
  const std::string_view token = text.substr(word, stop - word);
  if (token.empty()) return false;
  const char32_t before = CharBefore(text, word);
  if (word > start && (IsLetter(before) || IsDigit(before))) return false;
  const std::string lower = absl::AsciiStrToLower(token);
  if (AlwaysAbbreviations().contains(lower)) return true;
  const bool goes_on = IsLower(next) || IsDigit(next);
  if (goes_on && SometimesAbbreviations().contains(lower)) return true;
  if (CountChars(token) == 1) {
    // An initial ("J. Smith"); a sentence rather ends with "I" than abbreviates to it.
    return IsUpper(CharAt(token, 0)) && lower != "i" && (IsUpper(next) || IsLower(next));
  }
  // "N.A.T.O. troops"
  return goes_on && token.size() > 2 && token[1] == '.';
}

// If a sentence ends with the stop at `i`: the offset behind it and its closers; else 0.
size_t EndAfterStop(std::string_view text, size_t start, size_t i) {
  const size_t stop = i;
  const char32_t first = DecodeChar(text, i);
  if (IsWideStop(first)) {
    while (i < text.size() && (IsWideStop(CharAt(text, i)) || IsCloser(CharAt(text, i)))) {
      DecodeChar(text, i);
    }
    return i;
  }
  size_t stops = 1;
  bool only_full_stops = first == '.';
  while (i < text.size() && IsStop(CharAt(text, i))) {
    only_full_stops &= DecodeChar(text, i) == '.';
    ++stops;
  }
  bool quoted = false;
  while (i < text.size() && IsCloser(CharAt(text, i))) quoted |= IsQuote(DecodeChar(text, i));
  if (i >= text.size()) return text.size();
  if (!IsSpace(CharAt(text, i))) return 0;
  const size_t after = SkipSpace(text, i);
  char32_t next = CharAt(text, after);
  if (next == '(' || next == '"' || next == '\'' || next == 0x201C || next == 0x2018) {
    next = CharAt(text, NextChar(text, after));
  }
  if (IsLower(next)) {
    const bool ellipsis = first == 0x2026 || (only_full_stops && stops > 1);
    if (ellipsis || quoted) return 0;
  }
  if (stops == 1 && first == '.' && !quoted && StopOfAbbreviation(text, start, stop, next))
    return 0;
  return i;
}

}  // namespace

size_t LineMarkerLength(std::string_view text, size_t start) {
  size_t i = SkipBlanks(text, start);
  size_t length = 0;
  // Quotation marks nest; a list or heading marker ends the row.
  for (int depth = 0; depth < 16 && i < text.size(); ++depth) {
    const size_t first = i;
    if (text[i] == '>') {
      i = SkipBlanks(text, i + 1);
      length = i - start;
      continue;
    }
    size_t marker = 0;
    if (text[i] == '#') {
      while (i < text.size() && text[i] == '#') ++i;
      if (i - first <= 6) marker = i - first;
    } else if (text[i] == '-' || text[i] == '*' || text[i] == '+') {
      marker = 1;
    } else if (text.substr(i, 3) == "\u2022") {
      marker = 3;
    } else if (absl::ascii_isdigit(text[i])) {
      while (i < text.size() && i - first < 4 && absl::ascii_isdigit(text[i])) ++i;
      if (i - first < 4 && i < text.size() && (text[i] == '.' || text[i] == ')')) {
        marker = i + 1 - first;
      }
    } else if (absl::ascii_islower(text[i]) && text.substr(i + 1, 1) == ")") {
      marker = 2;
    }
    i = first + marker;
    if (marker == 0 || i >= text.size() || (text[i] != ' ' && text[i] != '\t')) break;
    return SkipBlanks(text, i) - start;
  }
  return length;
}

size_t ParagraphEnd(std::string_view text, size_t start) {
  size_t line = start;
  // Empty lines at the start of a text belong to its first paragraph.
  while (line < text.size()) {
    const size_t first = SkipBlanks(text, line);
    if (first < text.size() && text[first] != '\n') break;
    line = std::min(first + 1, text.size());
  }
  const size_t fence = FencedBlockEnd(text, line);
  if (fence > line) {
    size_t end = fence;
    while (end < text.size()) {
      const size_t first = SkipBlanks(text, end);
      if (first < text.size() && text[first] != '\n') break;
      end = std::min(first + 1, text.size());
    }
    return end;
  }
  while (line < text.size()) {
    const size_t next = LineEnd(text, line);
    if (const size_t end = BreakAt(text, line, next); end > 0) return end;
    line = next;
  }
  return text.size();
}

std::vector<ByteSpan> SplitParagraphs(std::string_view text) {
  std::vector<ByteSpan> paragraphs;
  for (size_t start = 0; start < text.size();) {
    const size_t end = ParagraphEnd(text, start);
    paragraphs.push_back({start, end});
    start = end;
  }
  return paragraphs;
}

size_t SentenceEnd(std::string_view text, size_t start, size_t max_bytes) {
  if (start >= text.size()) return text.size();
  max_bytes = std::max<size_t>(max_bytes, 4);
  const size_t limit = text.size() - start > max_bytes ? start + max_bytes : text.size();
  size_t line = start;
  size_t i = start;
  if (start == 0 || text[start - 1] == '\n') {
    while (i < limit) {
      const size_t first = SkipBlanks(text, i);
      if (first < text.size() && text[first] != '\n') break;
      i = std::min(first + 1, text.size());
    }
    line = i;
    if (i < limit) {
      if (FencedBlockEnd(text.substr(0, limit), i) > i) {
        const size_t end = ParagraphEnd(text.substr(0, limit), i);
        return end < limit ? end : FloorToCharBorder(text, limit);
      }
      i += LineMarkerLength(text, i);
    }
  }
  size_t last_space = 0;
  while (i < limit) {
    const char byte = text[i];
    if (byte == '\n') {
      const size_t end = BreakAt(text, line, i + 1);
      if (end > 0) return end;
      line = i + 1;
      last_space = ++i;
      continue;
    }
    if (IsBlank(byte)) {
      last_space = ++i;
      continue;
    }
    const size_t next = NextChar(text, i);
    const char32_t c = CharAt(text, i);
    if (IsStop(c) || IsWideStop(c)) {
      if (const size_t end = EndAfterStop(text, start, i); end > 0) {
        // The white space that follows, but not across a paragraph's end.
        size_t j = end;
        while (j < text.size()) {
          const size_t before = j;
          const char32_t space = DecodeChar(text, j);
          if (!IsSpace(space)) return before;
          if (space != '\n') continue;
          if (const size_t paragraph = BreakAt(text, line, j); paragraph > 0) return paragraph;
          line = j;
        }
        return text.size();
      }
      // The stops of one run are decided together.
      i = next;
      while (i < limit && IsStop(CharAt(text, i))) i = NextChar(text, i);
      continue;
    }
    i = next;
  }
  if (limit == text.size()) return limit;
  return last_space > start ? last_space : FloorToCharBorder(text, limit);
}

std::vector<ByteSpan> SplitSentences(std::string_view text, size_t max_bytes) {
  std::vector<ByteSpan> sentences;
  for (size_t start = 0; start < text.size();) {
    const size_t end = SentenceEnd(text, start, max_bytes);
    sentences.push_back({start, end});
    start = end;
  }
  return sentences;
}

std::vector<ByteSpan> SplitIntoParts(std::string_view text, size_t max_bytes) {
  max_bytes = std::max<size_t>(max_bytes, 4);
  std::vector<ByteSpan> parts;
  const auto add = [&](ByteSpan piece) {
    if (!parts.empty() && piece.end - parts.back().start <= max_bytes) {
      parts.back().end = piece.end;
    } else {
      parts.push_back(piece);
    }
  };
  for (const ByteSpan& paragraph : SplitParagraphs(text)) {
    if (paragraph.size() <= max_bytes) {
      add(paragraph);
      continue;
    }
    const std::string_view part = paragraph.In(text);
    for (const ByteSpan& sentence : SplitSentences(part, max_bytes)) {
      add({paragraph.start + sentence.start, paragraph.start + sentence.end});
    }
  }
  return parts;
}

ByteSpan TrimSpan(std::string_view text, ByteSpan span) {
  span.start = std::min(SkipSpace(text.substr(0, span.end), span.start), span.end);
  while (span.end > span.start) {
    const size_t previous = PrevChar(text, span.end);
    if (!IsSpace(CharAt(text, previous))) break;
    span.end = previous;
  }
  return span;
}

}  // namespace intelligenced

// Markup of Markdown: what is a line of its own, and what stands inside of lines.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"
#include "services/translation/marks.h"

namespace intelligenced {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool IsBlankLine(std::string_view line) { return line.find_first_not_of(" \t\r\n") == kNone; }

// Rules, underlines of headings and of table heads, fences: a line of signs alone.
bool IsSignLine(std::string_view line) { return line.find_first_not_of("=-*_+ \t|:\r\n") == kNone; }

bool IsFence(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  if (first == kNone || first > 3) return false;
  return absl::StartsWith(line.substr(first), "```") || absl::StartsWith(line.substr(first), "~~~");
}

// "[id]: address" and footnotes' marks.
bool IsDefinition(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  if (first == kNone || first > 3 || line[first] != '[' || line.substr(first, 2) == "[^") {
    return false;
  }
  const size_t close = line.find("]:", first);
  return close != kNone && line.substr(first + 1, close - first - 1).find('[') == kNone;
}

class MarkdownScanner {
 public:
  MarkdownScanner(std::string_view text, std::vector<Mark>* marks) : text_(text), marks_(*marks) {}

  void Scan() {
    for (size_t start = 0; start < text_.size();) {
      const size_t newline = text_.find('\n', start);
      const size_t end = newline == kNone ? text_.size() : newline + 1;
      Line(start, end);
      start = end;
    }
    FlushParagraph(text_.size());
  }

 private:
  void Line(size_t start, size_t end) {
    const std::string_view line = text_.substr(start, end - start);
    if (!fence_.empty()) {
      const size_t first = line.find_first_not_of(' ');
      Break(start, end);
      if (first != kNone && absl::StartsWith(line.substr(first), fence_)) fence_.clear();
      return;
    }
    if (IsFence(line)) {
      const size_t first = line.find_first_not_of(' ');
      fence_ = std::string(3, line[first]);
      return Break(start, end);
    }
    if (IsBlankLine(line)) {
      after_blank_ = true;
      return Break(start, end);
    }
    if (IsSignLine(line) || IsDefinition(line)) return Break(start, end);
    const size_t marker = LineMarkerLength(text_, start);
    const bool indented = absl::StartsWith(line, "    ") || line[0] == '\t';
    if (indented && after_blank_ && !in_list_ && marker == 0) return Break(start, end);
    if (!indented || marker > 0) in_list_ = marker > 0 && line.find('#') == kNone;
    after_blank_ = false;
    const size_t first = start + line.find_first_not_of(" \t");
    const bool table = text_[first] == '|';
    const bool heading = text_[first] == '#' && marker > 0;
    if (marker > 0 || table) FlushParagraph(start);
    if (marker > 0) {
      marks_.push_back({start, start + marker, MarkKind::kBreak});
      paragraph_ = start + marker;
    }
    if (!open_) paragraph_ = std::max(paragraph_, start);
    open_ = true;
    // Two blanks, or a backslash, before the line's end break it there too.
    const size_t last = line.find_last_not_of("\r\n");
    const bool hard =
        last != kNone && ((last > 0 && line.substr(last - 1, 2) == "  ") || line[last] == '\\');
    if (table || heading || hard) {
      const size_t content = start + (last == kNone ? 0 : last + 1);
      FlushParagraph(line[last] == '\\' ? content - 1 : content);
      marks_.push_back({line[last] == '\\' ? content - 1 : content, end, MarkKind::kBreak});
      paragraph_ = end;
    }
  }

  void Break(size_t start, size_t end) {
    FlushParagraph(start);
    marks_.push_back({start, end, MarkKind::kBreak});
    paragraph_ = end;
    if (!IsBlankLine(text_.substr(start, end - start))) after_blank_ = true;
  }

  void FlushParagraph(size_t end) {
    if (open_ && end > paragraph_) Inline({paragraph_, end});
    open_ = false;
    paragraph_ = end;
  }

  // What stands inside of a paragraph's lines.
  void Inline(ByteSpan part) {
    const size_t first_mark = marks_.size();
    std::vector<size_t> brackets;  // places in marks_ of '[' that may open a link
    // The next run of each length, so that backticks without a partner cost nothing.
    const std::unordered_map<size_t, size_t> last_run = LastRuns(part);
    const bool table = text_[part.start] == '|' || text_[part.start] == ' ';
    size_t words = part.start;
    for (size_t i = part.start; i < part.end;) {
      size_t end = 0;
      MarkKind kind = MarkKind::kMarkup;
      const char c = text_[i];
      if (c == '\\' && i + 1 < part.end && absl::ascii_ispunct(text_[i + 1])) {
        end = i + 2;
        kind = MarkKind::kWord;
      } else if (c == '`') {
        size_t run = i;
        while (run < part.end && text_[run] == '`') ++run;
        end = CodeEnd(i, run, part.end, last_run);
        kind = MarkKind::kWord;
        if (end == 0) {
          i = run;
          continue;
        }
      } else if (c == '<') {
        end = Angle(i, part.end, &kind);
      } else if (c == '\n') {
        kind = MarkKind::kSoftBreak;
        end = text_.find_first_not_of(" \t\r\n", i);
        end = end == kNone ? part.end : std::min(end, part.end);
        while (i > words && (text_[i - 1] == ' ' || text_[i - 1] == '\t' || text_[i - 1] == '\r')) {
          --i;
        }
      } else if (c == '[' || (c == '!' && i + 1 < part.end && text_[i + 1] == '[')) {
        // A mark once its link is seen to close; empty and dropped else.
        FindWordMarks(text_, {words, i}, &marks_);
        brackets.push_back(marks_.size());
        marks_.push_back({i, i, MarkKind::kMarkup});
        words = i;
        i += c == '!' ? 2 : 1;
        continue;
      } else if (c == ']' && !brackets.empty()) {
        end = LinkEnd(i, part.end);
        Mark& opener = marks_[brackets.back()];
        if (end > 0) opener.end = opener.start + (text_[opener.start] == '!' ? 2 : 1);
        brackets.pop_back();
      } else if (c == '*' || c == '_' || c == '~') {
        end = Emphasis(i, part);
        if (end == 0) {
          while (i < part.end && text_[i] == c) ++i;
          continue;
        }
      } else if (c == '&') {
        end = text_.find(';', i);
        const bool whole = end != kNone && end < part.end && end > i + 1 && end - i < 34 &&
                           std::all_of(
                               text_.begin() + static_cast<ptrdiff_t>(i) + 1,
                               text_.begin() + static_cast<ptrdiff_t>(end),
                               [](char x) { return absl::ascii_isalnum(x) || x == '#'; });
        end = whole ? end + 1 : 0;
        kind = MarkKind::kWord;
      } else if (c == '|' && table) {
        end = i + 1;
        kind = MarkKind::kBreak;
      }
      if (end == 0) {
        ++i;
        continue;
      }
      FindWordMarks(text_, {words, i}, &marks_);
      marks_.push_back({i, end, kind});
      words = i = end;
    }
    FindWordMarks(text_, {words, part.end}, &marks_);
    // An opener whose text was looked at as words already may lie in one of them.
    std::stable_sort(marks_.begin() + static_cast<ptrdiff_t>(first_mark), marks_.end(),
                     [](const Mark& a, const Mark& b) { return a.start < b.start; });
  }

  std::unordered_map<size_t, size_t> LastRuns(ByteSpan part) const {
    std::unordered_map<size_t, size_t> last;
    for (size_t i = text_.find('`', part.start); i < part.end; i = text_.find('`', i)) {
      size_t end = i;
      while (end < part.end && text_[end] == '`') ++end;
      last[end - i] = i;
      i = end;
    }
    return last;
  }

  // Behind the code span that the backticks [start, run) open; 0: nothing closes it.
  size_t CodeEnd(size_t start, size_t run, size_t limit,
                 const std::unordered_map<size_t, size_t>& last_run) const {
    const size_t length = run - start;
    const auto last = last_run.find(length);
    if (last == last_run.end() || last->second <= start) return 0;
    for (size_t i = text_.find('`', run); i < limit; i = text_.find('`', i)) {
      size_t end = i;
      while (end < limit && text_[end] == '`') ++end;
      if (end - i == length) return end;
      i = end;
    }
    return 0;
  }

  size_t Angle(size_t start, size_t limit, MarkKind* kind) {
    const std::string_view part = text_.substr(0, limit);
    // What nothing closes is looked for once only.
    const bool comment = absl::StartsWith(part.substr(start), "<!--");
    size_t& unclosed = comment ? unclosed_comment_ : unclosed_tag_;
    if (unclosed == limit) return 0;
    const size_t close = part.find_first_of("<> \n", start + 1);
    if (close != kNone && part[close] == '>' &&
        part.substr(start, close - start).find_first_of(":@") != kNone &&
        absl::ascii_isalnum(part[start + 1])) {
      *kind = MarkKind::kWord;
      return close + 1;
    }
    const Tag tag = ReadTag(part, start);
    if (tag.end != 0 && !tag.complete) unclosed = limit;
    if (tag.end == 0 || !tag.complete) return 0;
    *kind = tag.inline_level || tag.name.empty() ? MarkKind::kMarkup : MarkKind::kBreak;
    return tag.end;
  }

  // Behind "](address)" or "][name]" at `i`; 0: no link ends here.
  size_t LinkEnd(size_t i, size_t limit) const {
    if (i + 1 >= limit) return 0;
    const char open = text_[i + 1];
    if (open != '(' && open != '[') return 0;
    const char close = open == '(' ? ')' : ']';
    int depth = 0;
    const size_t stop = std::min(limit, i + 4096);
    for (size_t j = i + 1; j < stop; ++j) {
      if (text_[j] == '\n' && text_[j - 1] == '\n') return 0;
      if (text_[j] == open) ++depth;
      if (text_[j] == close && --depth == 0) return j + 1;
    }
    return 0;
  }

  // A run of signs that stands at a word; inside of a word '_' is a letter.
  size_t Emphasis(size_t start, ByteSpan part) const {
    const char sign = text_[start];
    size_t end = start;
    while (end < part.end && text_[end] == sign) ++end;
    if (sign == '~' && end - start != 2) return 0;
    if (end - start > 3) return 0;
    const char32_t before = start > part.start ? CharBefore(text_, start) : ' ';
    const char32_t after = end < part.end ? CharAt(text_, end) : ' ';
    if (IsSpace(before) && IsSpace(after)) return 0;
    const auto in_word = [](char32_t c) { return IsLetter(c) || IsDigit(c); };
    if (sign == '_' && in_word(before) && in_word(after)) return 0;
    return end;
  }

  const std::string_view text_;
  std::vector<Mark>& marks_;
  std::string fence_;
  bool after_blank_ = true;
  bool in_list_ = false;
  bool open_ = false;     // a paragraph has begun
  size_t paragraph_ = 0;  // where
  // The end of a paragraph in which the last tag, or comment, is not closed.
  size_t unclosed_tag_ = kNone;
  size_t unclosed_comment_ = kNone;
};

}  // namespace

void FindMarkdownMarks(std::string_view text, std::vector<Mark>* marks) {
  MarkdownScanner(text, marks).Scan();
}

}  // namespace intelligenced

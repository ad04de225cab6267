// Markup of HTML, read tolerantly: whatever cannot be understood is left as it is.
#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "services/translation/marks.h"

namespace intelligenced {
namespace {

constexpr size_t kNone = std::string_view::npos;

const absl::flat_hash_set<std::string_view>& InlineNames() {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "a",    "abbr",   "acronym", "b",     "bdi", "bdo",  "big",  "cite", "data",     "del", "dfn",
      "em",   "font",   "g",       "i",     "img", "ins",  "kbd",  "mark", "ph",       "q",   "s",
      "samp", "span",   "strike",  "small", "sub", "sup",  "time", "tt",   "u",        "var", "wbr",
      "x",    "strong", "label",   "c",     "v",   "lang", "ruby", "code", "em-phasis"};
  return *set;
}
const absl::flat_hash_set<std::string_view>& VoidNames() {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"};
  return *set;
}
// What is in them is no text.
bool IsRaw(std::string_view name) {
  return name == "script" || name == "style" || name == "pre" || name == "code" ||
         name == "textarea" || name == "svg" || name == "math" || name == "kbd" || name == "samp" ||
         name == "template";
}

bool SaysNoTranslate(std::string_view attributes) {
  const std::string lower = absl::AsciiStrToLower(attributes);
  return absl::StrContains(lower, "translate=\"no\"") ||
         absl::StrContains(lower, "translate='no'") || absl::StrContains(lower, "translate=no") ||
         absl::StrContains(lower, "notranslate");
}

// Behind the '>' of the tag whose attributes begin at `i`; 0: it has none.
size_t TagClose(std::string_view text, size_t i) {
  char quote = 0;
  size_t plain = 0;  // the first '>' whatever the quotation marks say
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '>' && plain == 0) plain = i + 1;
    if (quote != 0) {
      if (c == quote) quote = 0;
      // A quotation mark without its other one takes no more than this with it.
      if (plain != 0 && i - plain > 4096) return plain;
    } else if (c == '>') {
      return i + 1;
    } else if ((c == '"' || c == '\'') && text[i - 1] == '=') {
      quote = c;
    }
  }
  return plain;
}

// Finds marks; what never ends is looked for once only.
class HtmlScanner {
 public:
  HtmlScanner(std::string_view text, std::vector<Mark>* marks) : text_(text), marks_(*marks) {}

  void Scan() {
    size_t words = 0;  // where text that is not looked at yet begins
    size_t i = 0;
    while (i < text_.size()) {
      size_t end = 0;
      MarkKind kind = MarkKind::kWord;
      const char c = text_[i];
      if (c == '<') {
        end = Element(i, &kind);
        if (end == 0) {
          // A sign of its own: in the answer it must not become a tag.
          end = i + 1;
        }
      } else if (c == '&') {
        end = Reference(i);
      } else if (c == '\n' || c == '\r') {
        kind = MarkKind::kSoftBreak;
        end = text_.find_first_not_of(" \t\r\n", i);
        if (end == kNone) end = text_.size();
        while (i > words && (text_[i - 1] == ' ' || text_[i - 1] == '\t')) --i;
      }
      if (end == 0) {
        ++i;
        continue;
      }
      FindWordMarks(text_, {words, i}, &marks_);
      marks_.push_back({i, end, kind});
      words = i = end;
    }
    FindWordMarks(text_, {words, text_.size()}, &marks_);
  }

 private:
  size_t Element(size_t start, MarkKind* kind) {
    const Tag tag = ReadTag(text_, start);
    if (tag.end == 0) return 0;
    *kind = tag.inline_level || (tag.name.empty() && text_.substr(start, 4) == "<!--")
                ? MarkKind::kMarkup
                : MarkKind::kBreak;
    if (!tag.complete) {
      *kind = MarkKind::kBreak;
      return text_.size();
    }
    if (tag.closing || tag.self_closing || tag.name.empty()) return tag.end;
    const std::string name = absl::AsciiStrToLower(tag.name);
    if (!IsRaw(name) && !tag.no_translate) return tag.end;
    *kind = tag.inline_level ? MarkKind::kWord : MarkKind::kBreak;
    const size_t end = ElementEnd(tag.end, name);
    if (text_.substr(start, end - start).find('\n') != kNone) *kind = MarkKind::kBreak;
    return end;
  }

  // Behind the closing tag of an element whose content begins at `i`; the text's end when it is
  // never closed.
  size_t ElementEnd(size_t i, const std::string& name) {
    if (unclosed_.contains(name)) return text_.size();
    int depth = 1;
    while (i < text_.size()) {
      i = text_.find('<', i);
      if (i == kNone) break;
      const bool closing = i + 1 < text_.size() && text_[i + 1] == '/';
      const std::string_view at = text_.substr(i + (closing ? 2 : 1), name.size());
      const size_t after = i + (closing ? 2 : 1) + name.size();
      const bool same = absl::EqualsIgnoreCase(at, name) &&
                        (after >= text_.size() || !absl::ascii_isalnum(text_[after]));
      if (!same) {
        ++i;
        continue;
      }
      const size_t close = text_.find('>', after);
      if (close == kNone) break;
      // Scripts and styles do not nest.
      const bool nests = name != "script" && name != "style";
      if (closing) {
        if (--depth == 0) return close + 1;
      } else if (nests && text_[close - 1] != '/') {
        ++depth;
      }
      i = close + 1;
    }
    unclosed_.insert(name);
    return text_.size();
  }

  // A character reference, or the bare sign: kept as it is where it stands for markup or a word.
  size_t Reference(size_t start) const {
    size_t i = start + 1;
    const size_t limit = std::min(text_.size(), start + 34);
    if (i < limit && text_[i] == '#') ++i;
    while (i < limit && absl::ascii_isalnum(text_[i])) ++i;
    return i < limit && text_[i] == ';' && i > start + 1 ? i + 1 : start + 1;
  }

  const std::string_view text_;
  std::vector<Mark>& marks_;
  absl::flat_hash_set<std::string> unclosed_;
};

}  // namespace

Tag ReadTag(std::string_view text, size_t start) {
  Tag tag;
  const std::string_view rest = text.substr(start);
  if (absl::StartsWith(rest, "<!--")) {
    const size_t close = text.find("-->", start + 4);
    tag.complete = close != kNone;
    tag.end = tag.complete ? close + 3 : text.size();
    tag.self_closing = true;
    return tag;
  }
  if (absl::StartsWith(rest, "<!") || absl::StartsWith(rest, "<?")) {
    const std::string_view mark = absl::StartsWith(rest, "<![CDATA[") ? "]]>" : ">";
    const size_t close = text.find(mark, start + 2);
    tag.complete = close != kNone;
    tag.end = tag.complete ? close + mark.size() : text.size();
    tag.self_closing = true;
    return tag;
  }
  size_t i = start + 1;
  tag.closing = i < text.size() && text[i] == '/';
  if (tag.closing) ++i;
  if (i >= text.size() || !absl::ascii_isalpha(text[i])) return Tag();
  const size_t name = i;
  while (i < text.size() && (absl::ascii_isalnum(text[i]) || text[i] == '-' || text[i] == ':')) ++i;
  tag.name = text.substr(name, i - name);
  const std::string lower = absl::AsciiStrToLower(tag.name);
  const size_t close = TagClose(text, i);
  tag.complete = close != 0;
  tag.end = tag.complete ? close : text.size();
  tag.self_closing =
      VoidNames().contains(lower) || (tag.complete && text[tag.end - 2] == '/' && !tag.closing);
  tag.inline_level = InlineNames().contains(lower);
  tag.no_translate = SaysNoTranslate(text.substr(i, std::min<size_t>(tag.end - i, 4096)));
  return tag;
}

void FindHtmlMarks(std::string_view text, std::vector<Mark>* marks) {
  HtmlScanner(text, marks).Scan();
}

}  // namespace intelligenced

#include "services/translation/segment.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kNone = std::string_view::npos;

// Characters that a reference in HTML may stand for inside of a word or sentence. Those of markup
// and blanks are not among them: they stay references.
char32_t NamedCharacter(std::string_view name) {
  static const auto* const map = new absl::flat_hash_map<std::string_view, char32_t>{
      {"quot", 0x22},     {"apos", 0x27},    {"iexcl", 0xA1},   {"cent", 0xA2},
      {"pound", 0xA3},    {"sect", 0xA7},    {"copy", 0xA9},    {"ordf", 0xAA},
      {"laquo", 0xAB},    {"reg", 0xAE},     {"deg", 0xB0},     {"middot", 0xB7},
      {"ordm", 0xBA},     {"raquo", 0xBB},   {"iquest", 0xBF},  {"Agrave", 0xC0},
      {"Aacute", 0xC1},   {"Acirc", 0xC2},   {"Atilde", 0xC3},  {"Auml", 0xC4},
      {"Aring", 0xC5},    {"AElig", 0xC6},   {"Ccedil", 0xC7},  {"Egrave", 0xC8},
      {"Eacute", 0xC9},   {"Ecirc", 0xCA},   {"Euml", 0xCB},    {"Igrave", 0xCC},
      {"Iacute", 0xCD},   {"Icirc", 0xCE},   {"Iuml", 0xCF},    {"Ntilde", 0xD1},
      {"Ograve", 0xD2},   {"Oacute", 0xD3},  {"Ocirc", 0xD4},   {"Otilde", 0xD5},
      {"Ouml", 0xD6},     {"Oslash", 0xD8},  {"Ugrave", 0xD9},  {"Uacute", 0xDA},
      {"Ucirc", 0xDB},    {"Uuml", 0xDC},    {"szlig", 0xDF},   {"agrave", 0xE0},
      {"aacute", 0xE1},   {"acirc", 0xE2},   {"atilde", 0xE3},  {"auml", 0xE4},
      {"aring", 0xE5},    {"aelig", 0xE6},   {"ccedil", 0xE7},  {"egrave", 0xE8},
      {"eacute", 0xE9},   {"ecirc", 0xEA},   {"euml", 0xEB},    {"igrave", 0xEC},
      {"iacute", 0xED},   {"icirc", 0xEE},   {"iuml", 0xEF},    {"ntilde", 0xF1},
      {"ograve", 0xF2},   {"oacute", 0xF3},  {"ocirc", 0xF4},   {"otilde", 0xF5},
      {"ouml", 0xF6},     {"oslash", 0xF8},  {"ugrave", 0xF9},  {"uacute", 0xFA},
      {"ucirc", 0xFB},    {"uuml", 0xFC},    {"ndash", 0x2013}, {"mdash", 0x2014},
      {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D},
      {"hellip", 0x2026}, {"euro", 0x20AC}};
  const auto found = map->find(name);
  return found == map->end() ? 0 : found->second;
}

// What a reference stands for where it is part of the words; 0: it stays as it is.
char32_t ReferencedCharacter(std::string_view bytes) {
  if (!absl::ConsumePrefix(&bytes, "&") || !absl::ConsumeSuffix(&bytes, ";")) return 0;
  if (!absl::ConsumePrefix(&bytes, "#")) return NamedCharacter(bytes);
  uint32_t code = 0;
  const bool hex = !bytes.empty() && (bytes[0] == 'x' || bytes[0] == 'X');
  const bool read =
      hex ? absl::SimpleHexAtoi(bytes.substr(1), &code) : absl::SimpleAtoi(bytes, &code);
  if (!read || code > 0x10FFFF) return 0;
  const bool quote = code == '"' || code == '\'' || (code >= 0x2010 && code <= 0x2026);
  return quote || IsLetter(code) ? code : 0;
}

// Composes the segments between breaks.
class Cutter {
 public:
  Cutter(std::string_view text, TextMarkup markup, absl::Span<const ByteSpan> given)
      : text_(text), markup_(markup), marks_(FindMarks(text, markup, given)) {}

  std::vector<Segment> Cut() {
    size_t start = 0, first = 0;
    for (size_t i = 0; i <= marks_.size(); ++i) {
      const bool last = i == marks_.size();
      if (!last && marks_[i].kind != MarkKind::kBreak) continue;
      Add({start, last ? text_.size() : marks_[i].start}, first, i);
      if (last) break;
      start = marks_[i].end;
      first = i + 1;
    }
    return std::move(segments_);
  }

 private:
  // The marks [first, last) lie in `part`.
  void Add(ByteSpan part, size_t first, size_t last) {
    Trim(&part, &first, &last);
    if (part.empty()) return;
    Segment segment;
    segment.source = part;
    std::string& out = segment.text.text;
    size_t done = part.start;
    for (size_t i = first; i < last; ++i) {
      const Mark& mark = marks_[i];
      out.append(text_, done, mark.start - done);
      done = mark.end;
      const std::string_view bytes = text_.substr(mark.start, mark.end - mark.start);
      if (mark.kind == MarkKind::kSoftBreak) {
        segment.breaks.push_back({out.size(), std::string(bytes)});
        out.push_back(' ');
        continue;
      }
      if (markup_ == TextMarkup::kHtml && bytes[0] == '&') {
        if (const char32_t character = ReferencedCharacter(bytes); character != 0) {
          AppendChar(character, out);
          continue;
        }
      }
      segment.text.kept.push_back(
          {out.size(), out.size() + bytes.size(), mark.kind == MarkKind::kWord});
      out.append(bytes);
    }
    out.append(text_, done, part.end - done);
    if (HasWords(segment.text)) segments_.push_back(std::move(segment));
  }

  // Takes off white space, and markup that encloses all that is left.
  void Trim(ByteSpan* part, size_t* first, size_t* last) const {
    std::vector<std::string_view> kept;
    for (size_t i = *first; i < *last; ++i) {
      kept.push_back(text_.substr(marks_[i].start, marks_[i].end - marks_[i].start));
    }
    const std::vector<int> partner = PairMarkup(kept);
    const size_t base = *first;
    const auto markup = [&](size_t i) { return marks_[i].kind == MarkKind::kMarkup; };
    while (true) {
      const ByteSpan before = *part;
      while (!part->empty() && IsSpace(CharAt(text_, part->start))) {
        part->start = NextChar(text_, part->start);
      }
      while (!part->empty() && IsSpace(CharBefore(text_, part->end))) {
        part->end = PrevChar(text_, part->end);
      }
      // A line's end among the white space.
      while (*first < *last && marks_[*first].start < part->start) ++*first;
      while (*first < *last && marks_[*last - 1].end > part->end) --*last;
      if (*first < *last) {
        const bool at_start = marks_[*first].start == part->start && markup(*first);
        const bool at_end = marks_[*last - 1].end == part->end && markup(*last - 1);
        if (at_start && partner[*first - base] == -1) {
          part->start = marks_[(*first)++].end;
        } else if (at_end && partner[*last - 1 - base] == -1) {
          part->end = marks_[--*last].start;
        } else if (at_start && at_end && *last - *first >= 2 &&
                   partner[*first - base] == static_cast<int>(*last - 1 - base)) {
          part->start = marks_[(*first)++].end;
          part->end = marks_[--*last].start;
        }
      }
      if (*part == before || part->empty()) return;
    }
  }

  const std::string_view text_;
  const TextMarkup markup_;
  const std::vector<Mark> marks_;
  std::vector<Segment> segments_;
};

// Where the spaces are that may become a line's end: in words, and not before what would begin a
// list or heading there.
std::vector<size_t> BreakableSpaces(const TranslatedText& text) {
  std::vector<ByteSpan> kept = text.kept;
  std::sort(kept.begin(), kept.end(),
            [](const ByteSpan& a, const ByteSpan& b) { return a.start < b.start; });
  std::vector<size_t> spaces;
  size_t next = 0;
  for (size_t i = 0; i + 1 < text.text.size(); ++i) {
    while (next < kept.size() && kept[next].end <= i) ++next;
    if (next < kept.size() && kept[next].start <= i) {
      i = kept[next].end - 1;
      continue;
    }
    constexpr std::string_view kHazards = "-+*#>=|~`0123456789 ";
    if (text.text[i] == ' ' && kHazards.find(text.text[i + 1]) == kNone) spaces.push_back(i);
  }
  return spaces;
}

// For each line break the space that becomes it; fewer when there are not enough.
std::vector<size_t> ChooseSpaces(const Segment& segment, const TranslatedText& translation) {
  const std::vector<size_t> spaces = BreakableSpaces(translation);
  const size_t count = std::min(spaces.size(), segment.breaks.size());
  std::vector<size_t> chosen;
  size_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    const double wanted = static_cast<double>(segment.breaks[i].offset) *
                          static_cast<double>(translation.text.size()) /
                          static_cast<double>(std::max<size_t>(1, segment.text.text.size()));
    // Enough must be left for the others.
    const size_t latest = spaces.size() - (count - i);
    while (next < latest && static_cast<double>(spaces[next + 1]) <= wanted) ++next;
    chosen.push_back(spaces[next++]);
  }
  return chosen;
}

}  // namespace

bool HasWords(const KeptText& text) {
  size_t next = 0;
  for (size_t i = 0; i < text.text.size();) {
    if (next < text.kept.size() && i >= text.kept[next].start) {
      i = std::max(i, text.kept[next++].end);
      continue;
    }
    if (IsLetter(DecodeChar(text.text, i))) return true;
  }
  return false;
}

std::vector<Segment> CutIntoSegments(std::string_view text, TextMarkup markup,
                                     absl::Span<const ByteSpan> given) {
  return Cutter(text, markup, given).Cut();
}

TranslatedText Render(const Segment& segment, TextMarkup markup, TranslatedText translation) {
  if (markup != TextMarkup::kHtml && segment.breaks.empty()) return translation;
  const std::vector<size_t> spaces = ChooseSpaces(segment, translation);
  std::vector<ByteSpan> kept = translation.kept;
  std::sort(kept.begin(), kept.end(),
            [](const ByteSpan& a, const ByteSpan& b) { return a.start < b.start; });
  TranslatedText out;
  // Where each byte of the translation has gone.
  std::vector<size_t> moved(translation.text.size() + 1);
  size_t next_kept = 0, next_space = 0;
  for (size_t i = 0; i < translation.text.size(); ++i) {
    moved[i] = out.text.size();
    while (next_kept < kept.size() && kept[next_kept].end <= i) ++next_kept;
    const bool in_kept = next_kept < kept.size() && kept[next_kept].start <= i;
    const char c = translation.text[i];
    if (next_space < spaces.size() && spaces[next_space] == i) {
      out.text += segment.breaks[next_space++].bytes;
    } else if (!in_kept && markup == TextMarkup::kHtml && (c == '<' || c == '>' || c == '&')) {
      out.text += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
    } else {
      out.text.push_back(c);
    }
  }
  moved.back() = out.text.size();
  // Lines for which there was no space.
  for (; next_space < segment.breaks.size(); ++next_space) {
    out.text += segment.breaks[next_space].bytes;
  }
  const auto move = [&](const std::vector<ByteSpan>& from, std::vector<ByteSpan>* to) {
    for (const ByteSpan& span : from) to->push_back({moved[span.start], moved[span.end]});
  };
  move(translation.kept, &out.kept);
  move(translation.untranslated, &out.untranslated);
  move(translation.truncated, &out.truncated);
  return out;
}

}  // namespace intelligenced

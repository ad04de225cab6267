#include "runtime/engines/apertium/stream_format.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using intelligence::engine::v1::KEPT_KIND_WORD;
using intelligence::engine::v1::KeptSpan;

// A stand-in for a word: letters only, which no alphabet lacks and no dictionary has in this order.
// What numbers it has no 'q' and no 'x', so none is part of another.
constexpr std::string_view kWordStart = "xq";
constexpr std::string_view kWordEnd = "qx";

// Apertium's: the tilde has a meaning of its own between words.
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '~'; }

std::string StandIn(size_t index) {
  std::string digits;
  do {
    digits += static_cast<char>('a' + index % 16);
    index /= 16;
  } while (index > 0);
  return absl::StrCat("X", kWordStart.substr(1), digits, kWordEnd);
}

// The number of the stand-in that begins at `at` in any letter case, and its length.
std::optional<std::pair<size_t, size_t>> StandInAt(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (!absl::StartsWithIgnoreCase(rest, kWordStart)) return std::nullopt;
  size_t index = 0;
  size_t scale = 1;
  size_t i = kWordStart.size();
  for (; i < rest.size() && i < kWordStart.size() + 6; ++i) {
    const char c = absl::ascii_tolower(rest[i]);
    if (c < 'a' || c > 'p') break;
    index += scale * static_cast<size_t>(c - 'a');
    scale *= 16;
  }
  if (i == kWordStart.size() || !absl::StartsWithIgnoreCase(rest.substr(i), kWordEnd)) {
    return std::nullopt;
  }
  return std::pair(index, i + kWordEnd.size());
}

// Of the kept span that a blank's content names.
std::optional<size_t> KeptIndex(std::string_view content) {
  size_t index = 0;
  if (!absl::ConsumePrefix(&content, "k") || content.empty() ||
      !std::all_of(content.begin(), content.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(content, &index)) {
    return std::nullopt;
  }
  return index;
}

// A paragraph ends where two lines do with nothing between them.
bool EndsParagraph(std::string_view blanks) {
  return absl::StrContains(blanks, "\n\n") || absl::StrContains(blanks, "\n\r\n");
}

// Spaces and line breaks; at the text's end they stand behind the full stop.
void AppendBlanks(std::string_view blanks, bool at_end, std::string* stream) {
  if (at_end || EndsParagraph(blanks)) *stream += ".[]";
  if (blanks == " ") {
    *stream += ' ';
  } else if (!blanks.empty()) {
    absl::StrAppend(stream, "[", blanks, "]");
  }
}

std::string Unescape(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    result += text[i];
  }
  return result;
}

// Behind the blank that begins at `at` ("[…]"), brackets inside escaped.
size_t BlankEnd(std::string_view stream, size_t at) {
  for (size_t i = at + 1; i < stream.size(); ++i) {
    if (stream[i] == '\\') {
      ++i;
    } else if (stream[i] == ']') {
      return i + 1;
    }
  }
  return stream.size();
}

}  // namespace

bool IsBlankText(std::string_view text) { return std::all_of(text.begin(), text.end(), IsBlank); }

bool HasRoomForWords(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  return !absl::StrContains(lower, kWordStart);
}

std::string ToStream(std::string_view text, const std::vector<KeptSpan>& kept, KeptAs as) {
  std::string stream;
  stream.reserve(text.size() + text.size() / 8 + 16);
  size_t next = 0;
  bool ended = false;
  for (size_t i = 0; i < text.size();) {
    if (next < kept.size() && kept[next].start() == i) {
      if (as == KeptAs::kWords && kept[next].kind() == KEPT_KIND_WORD) {
        stream += StandIn(next);
      } else {
        absl::StrAppend(&stream, "[k", next, "]");
      }
      i = kept[next++].end();
      continue;
    }
    const size_t limit = next < kept.size() ? kept[next].start() : text.size();
    if (IsBlank(text[i])) {
      size_t end = i + 1;
      while (end < limit && IsBlank(text[end])) ++end;
      ended = end == text.size();
      AppendBlanks(text.substr(i, end - i), ended, &stream);
      i = end;
      continue;
    }
    if (text[i] == '\0') {
      stream += "[z]";
    } else {
      if (absl::StrContains("[]^$\\/@<>{}", text[i])) stream += '\\';
      stream += text[i];
    }
    ++i;
  }
  if (!ended) stream += ".[]";
  return stream;
}

FromStreamResult FromStream(std::string_view stream, std::string_view source,
                            const std::vector<KeptSpan>& kept, KeptAs as, bool marked) {
  FromStreamResult result;
  std::vector<int> seen(kept.size(), 0);
  result.kept.resize(kept.size());
  const auto restore = [&](size_t index) {
    const std::string_view original =
        source.substr(kept[index].start(), kept[index].end() - kept[index].start());
    const size_t start = result.text.size();
    result.text += original;
    result.kept[index] = {start, result.text.size()};
    ++seen[index];
  };
  for (size_t i = 0; i < stream.size();) {
    const char c = stream[i];
    if (c == '\\' && i + 1 < stream.size()) {
      result.text += stream[i + 1];
      i += 2;
    } else if (stream.substr(i, 3) == ".[]") {
      i += 3;
    } else if (c == '[') {
      const size_t end = BlankEnd(stream, i);
      std::string_view content = stream.substr(i + 1, end - i - 1);
      absl::ConsumeSuffix(&content, "]");
      const std::optional<size_t> index = KeptIndex(content);
      if (index.has_value() && *index < kept.size()) {
        restore(*index);
      } else if (content == "z") {
        result.text += '\0';
      } else {
        result.text += Unescape(content);
      }
      i = end;
    } else if (as == KeptAs::kWords && (c == 'x' || c == 'X')) {
      const auto found = StandInAt(stream, i);
      if (found.has_value() && found->first < kept.size()) {
        if (marked && absl::EndsWith(result.text, "*")) result.text.pop_back();
        restore(found->first);
        i += found->second;
      } else {
        result.text += c;
        ++i;
      }
    } else {
      result.text += c;
      ++i;
    }
  }
  result.complete = std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; });
  if (!result.complete) result.kept.clear();
  return result;
}

std::vector<std::string> UnknownWords(std::string_view lexical_units, KeptAs as) {
  std::vector<std::string> words;
  for (size_t i = 0; i < lexical_units.size(); ++i) {
    const char c = lexical_units[i];
    if (c == '\\') {
      ++i;
    } else if (c == '[') {
      i = BlankEnd(lexical_units, i) - 1;
    } else if (c == '^' && lexical_units.substr(i, 2) == "^*") {
      size_t end = i + 2;
      while (end < lexical_units.size() && lexical_units[end] != '$') {
        end += lexical_units[end] == '\\' ? 2 : 1;
      }
      end = std::min(end, lexical_units.size());
      std::string word = Unescape(lexical_units.substr(i + 2, end - i - 2));
      const bool stand_in = as == KeptAs::kWords && absl::StrContainsIgnoreCase(word, kWordStart);
      if (!word.empty() && !stand_in) words.push_back(std::move(word));
      i = end;
    }
  }
  return words;
}

std::vector<ByteSpan> FindWords(std::string_view text, const std::vector<std::string>& words) {
  std::vector<ByteSpan> spans;
  size_t cursor = 0;
  for (const std::string& word : words) {
    for (size_t at = text.find(word, cursor); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
      const size_t end = at + word.size();
      if (IsLetter(CharBefore(text, at)) || IsLetter(CharAt(text, end))) continue;
      spans.push_back({at, end});
      cursor = end;
      break;
    }
  }
  return spans;
}

}  // namespace intelligenced

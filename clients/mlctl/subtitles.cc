#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "clients/mlctl/translatable.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

// What stands in the file, or the place of a text.
struct Part {
  std::string verbatim;
  bool is_text = false;
  size_t lines = 1;
  std::string line_end;
};

// The line at `position` with its end, which is moved behind it.
std::string_view NextLine(std::string_view file, size_t* position) {
  const size_t end = file.find('\n', *position);
  const size_t after = end == std::string_view::npos ? file.size() : end + 1;
  const std::string_view line = file.substr(*position, after - *position);
  *position = after;
  return line;
}

std::string_view WithoutEnd(std::string_view line) {
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  return line;
}

bool BeginsWithDash(std::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  return absl::StartsWith(line, "-") || absl::StartsWith(line, "\xe2\x80\x93") ||
         absl::StartsWith(line, "\xe2\x80\x94");
}

class Builder {
 public:
  void Verbatim(std::string_view text) {
    if (parts_.empty() || parts_.back().is_text) parts_.emplace_back();
    parts_.back().verbatim += text;
  }

  void Cue(const std::vector<std::string_view>& lines) {
    std::vector<std::string_view> together;
    for (const std::string_view line : lines) {
      if (!together.empty() && BeginsWithDash(line)) Text(&together);
      together.push_back(line);
    }
    Text(&together);
  }

  Translatable Finish() && {
    auto parts = std::make_shared<const std::vector<Part>>(std::move(parts_));
    return {std::move(texts_), [parts](const std::vector<std::string>& translations) {
              std::string file;
              size_t next = 0;
              for (const Part& part : *parts) {
                file += part.verbatim;
                if (!part.is_text || next >= translations.size()) continue;
                std::string text = BreakIntoLines(translations[next++], part.lines);
                // An empty line would end the cue.
                file += text.empty() ? " " : absl::StrJoin(Lines(text), part.line_end);
              }
              return file;
            }};
  }

 private:
  static std::vector<std::string> Lines(std::string_view text) {
    std::vector<std::string> lines;
    size_t position = 0;
    while (position < text.size()) {
      const std::string_view line = WithoutEnd(NextLine(text, &position));
      if (!absl::StripAsciiWhitespace(line).empty()) lines.emplace_back(line);
    }
    return lines;
  }

  void Text(std::vector<std::string_view>* lines) {
    if (lines->empty()) return;
    std::vector<std::string_view> words;
    for (const std::string_view line : *lines) {
      words.push_back(absl::StripAsciiWhitespace(WithoutEnd(line)));
    }
    const std::string_view last = lines->back();
    const std::string_view end = last.substr(WithoutEnd(last).size());
    Part part;
    part.is_text = true;
    part.lines = lines->size();
    const std::string_view first = lines->front();
    part.line_end = std::string(first.substr(WithoutEnd(first).size()));
    if (part.line_end.empty()) part.line_end = "\n";
    parts_.push_back(std::move(part));
    texts_.push_back(absl::StrJoin(words, " "));
    if (!end.empty()) Verbatim(end);
    lines->clear();
  }

  std::vector<Part> parts_;
  std::vector<std::string> texts_;
};

}  // namespace

std::string BreakIntoLines(std::string_view text, size_t lines) {
  std::string result(text);
  if (lines < 2 || absl::StrContains(text, '\n')) return result;
  const size_t all = CountChars(text);
  size_t chars = 0;
  size_t broken = 1;
  size_t last_space = std::string::npos;
  size_t last_space_chars = 0;
  for (size_t i = 0; i < result.size() && broken < lines; i = NextChar(result, i), ++chars) {
    if (result[i] != ' ') continue;
    const size_t goal = all * broken / lines;
    if (chars < goal) {
      last_space = i;
      last_space_chars = chars;
      continue;
    }
    // The nearer of the spaces on both sides of where the line should end.
    const bool before = last_space != std::string::npos && goal - last_space_chars < chars - goal;
    result[before ? last_space : i] = '\n';
    last_space = before ? i : std::string::npos;
    last_space_chars = chars;
    ++broken;
  }
  if (broken < lines && last_space != std::string::npos) result[last_space] = '\n';
  return result;
}

absl::StatusOr<Translatable> ParseSubtitles(std::string_view file, SubtitleFormat format) {
  std::string_view start = file;
  absl::ConsumePrefix(&start, "\xef\xbb\xbf");
  if (format == SubtitleFormat::kWebVtt && !absl::StartsWith(start, "WEBVTT")) {
    return absl::InvalidArgumentError("This is no WebVTT file: it does not begin with WEBVTT.");
  }
  Builder builder;
  bool has_cue = false;
  bool in_cue = false;
  std::vector<std::string_view> lines;
  for (size_t position = 0; position < file.size();) {
    const std::string_view line = NextLine(file, &position);
    const bool blank = absl::StripAsciiWhitespace(line).empty();
    if (in_cue && !blank) {
      lines.push_back(line);
      continue;
    }
    builder.Cue(lines);
    lines.clear();
    in_cue = !blank && absl::StrContains(line, "-->");
    has_cue = has_cue || in_cue;
    builder.Verbatim(line);
  }
  builder.Cue(lines);
  if (!has_cue && format == SubtitleFormat::kSubRip && !absl::StripAsciiWhitespace(start).empty()) {
    return absl::InvalidArgumentError("This is no SubRip file: no line has the times of a cue.");
  }
  return std::move(builder).Finish();
}

}  // namespace intelligenced::mlctl

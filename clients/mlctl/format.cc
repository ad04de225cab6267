#include "clients/mlctl/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

std::string_view Code(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\033[1m";
    case Style::kDim:
      return "\033[2m";
    case Style::kGood:
      return "\033[32m";
    case Style::kWarning:
      return "\033[33m";
    case Style::kBad:
      return "\033[31m";
    case Style::kDeleted:
      return "\033[31;9m";
    case Style::kInserted:
      return "\033[32;1m";
  }
  return "";
}

std::string Pad(std::string_view text, size_t width, bool right) {
  const size_t length = CountChars(text);
  const std::string space(width > length ? width - length : 0, ' ');
  return right ? absl::StrCat(space, text) : absl::StrCat(text, space);
}

// At most `width` characters, the last "…" when something was cut.
std::string Cut(const std::string& text, size_t width) {
  if (width == 0 || CountChars(text) <= width) return text;
  size_t offset = 0;
  for (size_t i = 0; i + 1 < width; ++i) offset = NextChar(text, offset);
  return text.substr(0, offset) + "…";
}

}  // namespace

std::string Palette::Paint(Style style, std::string_view text) const {
  if (!colored_ || style == Style::kPlain) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) absl::StrAppend(&out, Code(style), text.substr(0, end), "\033[0m");
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool ChooseColor(std::string_view choice, bool is_terminal, std::string_view no_color,
                 std::string_view term) {
  if (choice == "always") return true;
  if (choice == "never") return false;
  return is_terminal && no_color.empty() && term != "dumb";
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return absl::StrFormat("%d B", bytes);
  return absl::StrFormat("%.*f %s", value < 99.95 ? 1 : 0, value, kUnits[unit]);
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "forever";
  if (duration < absl::ZeroDuration()) return absl::StrCat("-", DurationText(-duration));
  const double milliseconds = absl::ToDoubleMilliseconds(duration);
  if (milliseconds < 0.05) return "0";
  if (milliseconds < 9.95) return absl::StrFormat("%.1f ms", milliseconds);
  if (milliseconds < 999.5) return absl::StrFormat("%.0f ms", milliseconds);
  if (milliseconds < 59950) return absl::StrFormat("%.1f s", milliseconds / 1000);
  const int64_t seconds = std::llround(milliseconds / 1000);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  const int64_t minutes = seconds / 60;
  if (minutes < 24 * 60) return absl::StrFormat("%dh%02dm", minutes / 60, minutes % 60);
  return absl::StrFormat("%dd%dh", minutes / (24 * 60), minutes / 60 % 24);
}

std::string FormatCount(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  return digits;
}

std::string ShortName(std::string_view model) {
  constexpr std::string_view kPrefix = "models/";
  if (model.starts_with(kPrefix)) model.remove_prefix(kPrefix.size());
  return std::string(model);
}

std::string_view Plural(uint64_t count, std::string_view one, std::string_view many) {
  return count == 1 ? one : many;
}

std::string TerminalSafe(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t character = DecodeChar(text, at);
    const bool control = (character < 0x20 && character != '\n' && character != '\t') ||
                         (character >= 0x7f && character < 0xa0);
    // Marks that turn the direction of what follows can make a text look like another.
    const bool direction = (character >= 0x202a && character <= 0x202e) ||
                           (character >= 0x2066 && character <= 0x2069);
    if (control || direction || character == 0xfffd) {
      out += "\uFFFD";
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

std::string FormatTable(const std::vector<Column>& columns,
                        const std::vector<std::vector<std::string>>& rows, int width,
                        const Palette& palette) {
  std::vector<std::vector<std::string>> cells;
  std::vector<size_t> widths;
  for (const Column& column : columns) widths.push_back(CountChars(column.title));
  for (const std::vector<std::string>& row : rows) {
    std::vector<std::string>& safe = cells.emplace_back();
    for (size_t i = 0; i < columns.size(); ++i) {
      std::string cell = i < row.size() ? TerminalSafe(row[i]) : "";
      std::replace(cell.begin(), cell.end(), '\n', ' ');
      if (cell.empty()) cell = "-";
      widths[i] = std::max(widths[i], CountChars(cell));
      safe.push_back(std::move(cell));
    }
  }
  size_t before_last = 0;
  for (size_t i = 0; i + 1 < columns.size(); ++i) before_last += widths[i] + 2;
  // Too narrow for even a little of the last column: the terminal may wrap.
  const bool cut = width > 0 && static_cast<size_t>(width) > before_last + 8;
  std::string out;
  auto append = [&](const std::vector<std::string>& row, Style style) {
    std::string line;
    for (size_t i = 0; i < columns.size(); ++i) {
      const bool last = i + 1 == columns.size();
      std::string cell = last && cut ? Cut(row[i], width - before_last) : row[i];
      const size_t pad = last && !columns[i].right ? 0 : widths[i];
      absl::StrAppend(&line, Pad(cell, pad, columns[i].right), last ? "" : "  ");
    }
    absl::StrAppend(&out, palette.Paint(style, line), "\n");
  };
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  append(titles, Style::kBold);
  for (const std::vector<std::string>& row : cells) append(row, Style::kPlain);
  return out;
}

std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                        const Palette& palette) {
  size_t width = 0;
  for (const auto& [name, value] : pairs) width = std::max(width, CountChars(name));
  std::string out;
  for (const auto& [name, value] : pairs) {
    absl::StrAppend(&out, palette.Paint(Style::kBold, Pad(name, width, false)), "  ",
                    TerminalSafe(value), "\n");
  }
  return out;
}

}  // namespace intelligenced::mlctl

#include "clients/mlctl/diff.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/mlctl/json.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Correction;

// Calls visit(kept, correction) for each correction that fits, in order, and returns the rest.
template <typename Visitor>
std::string_view Walk(std::string_view text, const std::vector<Correction>& corrections,
                      Visitor visit) {
  size_t done = 0;
  for (const Correction& correction : corrections) {
    if (correction.start < done || correction.end < correction.start ||
        correction.end > text.size()) {
      continue;
    }
    visit(text.substr(done, correction.start - done), correction);
    done = correction.end;
  }
  return text.substr(done);
}

// One line, with spaces and line breaks made visible where they are all there is.
std::string Quote(std::string_view text) {
  if (text.empty()) return "nothing";
  std::string out = TerminalSafe(text);
  for (size_t at = 0; (at = out.find('\n', at)) != std::string::npos;) out.replace(at, 1, "⏎");
  const bool edges = out.front() == ' ' || out.back() == ' ';
  return edges ? absl::StrCat("\"", out, "\"") : out;
}

std::string TypeList(const Correction& correction) {
  return absl::StrJoin(correction.types, ", ",
                       [](std::string* out, intelligence::CorrectionType type) {
                         absl::StrAppend(out, absl::AsciiStrToLower(Name(type)));
                       });
}

}  // namespace

std::string RenderDiff(std::string_view text, const std::vector<Correction>& corrections,
                       const Palette& palette) {
  std::string out;
  auto mark = [&](Style style, std::string_view open, std::string_view part,
                  std::string_view close) {
    if (part.empty()) return;
    if (palette.colored()) {
      absl::StrAppend(&out, palette.Paint(style, TerminalSafe(part)));
    } else {
      absl::StrAppend(&out, open, TerminalSafe(part), close);
    }
  };
  const std::string_view rest =
      Walk(text, corrections, [&](std::string_view kept, const Correction& correction) {
        absl::StrAppend(&out, TerminalSafe(kept));
        mark(Style::kDeleted, "[-",
             text.substr(correction.start, correction.end - correction.start), "-]");
        mark(Style::kInserted, "{+", correction.replacement, "+}");
      });
  return absl::StrCat(out, TerminalSafe(rest));
}

std::string ApplyCorrections(std::string_view text, const std::vector<Correction>& corrections) {
  std::string out;
  const std::string_view rest =
      Walk(text, corrections, [&](std::string_view kept, const Correction& correction) {
        absl::StrAppend(&out, kept, correction.replacement);
      });
  return absl::StrCat(out, rest);
}

Place FindPlace(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          .column = static_cast<int>(CountChars(before.substr(line_start))) + 1};
}

std::string RenderFindings(std::string_view file, std::string_view text,
                           const std::vector<Correction>& corrections, const Palette& palette) {
  std::string out;
  Place place;
  size_t line_start = 0;
  size_t counted = 0;
  Walk(text, corrections, [&](std::string_view, const Correction& correction) {
    // Counted onwards from the last correction: a long text is walked once.
    for (; counted < correction.start; ++counted) {
      if (text[counted] != '\n') continue;
      ++place.line;
      line_start = counted + 1;
    }
    place.column =
        static_cast<int>(CountChars(text.substr(line_start, correction.start - line_start))) + 1;
    const std::string_view original =
        text.substr(correction.start, correction.end - correction.start);
    absl::StrAppend(
        &out, palette.Paint(Style::kBold, absl::StrCat(file, ":", place.line, ":", place.column)),
        ": ", palette.Paint(Style::kBad, Quote(original)), " → ",
        palette.Paint(Style::kGood, Quote(correction.replacement)));
    if (!correction.types.empty()) absl::StrAppend(&out, " (", TypeList(correction), ")");
    if (!correction.explanation.empty()) {
      absl::StrAppend(&out, ": ", TerminalSafe(correction.explanation));
    }
    out += '\n';
  });
  return out;
}

}  // namespace intelligenced::mlctl

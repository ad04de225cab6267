// Numbers, tables and colours for people. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_FORMAT_H_
#define INTELLIGENCED_CLIENTS_MLCTL_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace intelligenced::mlctl {

enum class Style { kPlain, kBold, kDim, kGood, kWarning, kBad, kDeleted, kInserted };

// Paints text for a terminal, or leaves it as it is.
class Palette {
 public:
  explicit Palette(bool colored = false) : colored_(colored) {}
  bool colored() const { return colored_; }
  // Line breaks stay outside the colours, so that a pager shows every line right.
  std::string Paint(Style style, std::string_view text) const;

 private:
  bool colored_;
};

// Whether to colour: `choice` is auto, always or never; auto asks the terminal, NO_COLOR and TERM.
bool ChooseColor(std::string_view choice, bool is_terminal, std::string_view no_color,
                 std::string_view term);

// "0 B", "812 B", "1.2 MiB".
std::string FormatBytes(uint64_t bytes);
// "0", "0.4 ms", "340 ms", "1.2 s", "3m12s", "2h05m", "4d3h".
std::string DurationText(absl::Duration duration);
// "1,234,567".
std::string FormatCount(uint64_t count);
// "models/x" as "x".
std::string ShortName(std::string_view model);
std::string_view Plural(uint64_t count, std::string_view one, std::string_view many);

// Text from a model or a file, made harmless for a terminal: control characters other than line
// breaks and tabs become U+FFFD.
std::string TerminalSafe(std::string_view text);

struct Column {
  std::string title;
  bool right = false;
};

// Rows under their titles, two spaces between columns. The last column is cut with "…" so that
// lines fit into `width` characters (0: no limit). Cells are made safe for a terminal.
std::string FormatTable(const std::vector<Column>& columns,
                        const std::vector<std::vector<std::string>>& rows, int width,
                        const Palette& palette);

// "name    value" lines, names aligned.
std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                        const Palette& palette);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_FORMAT_H_

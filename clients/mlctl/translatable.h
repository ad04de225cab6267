// Files of which only some texts are translated: subtitles and gettext catalogues. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_TRANSLATABLE_H_
#define INTELLIGENCED_CLIENTS_MLCTL_TRANSLATABLE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced::mlctl {

// A file's texts, and how it is put together again. Everything else of it stays byte for byte.
struct Translatable {
  std::vector<std::string> texts;
  // Takes one translation for each text, in order.
  std::function<std::string(const std::vector<std::string>& translations)> render;
};

enum class SubtitleFormat { kSubRip, kWebVtt };

// The words of each cue; numbers, times, notes and styles stay. A cue's lines are translated as one
// text, since sentences run over them, and broken again into as many lines; lines that begin with a
// dash are two people's and stay apart. INVALID_ARGUMENT for a file that is no such subtitles.
absl::StatusOr<Translatable> ParseSubtitles(std::string_view file, SubtitleFormat format);

struct PoOptions {
  // Marks what was translated as "fuzzy", which is gettext's word for "a person should look at it".
  bool mark_fuzzy = true;
};

// Messages of a gettext catalogue (.po, .pot) that have no translation yet. Those that have one
// stay as they are, also fuzzy ones; so do comments, flags, contexts, the header and obsolete
// messages. Of a message with plural forms msgstr[0] is the singular's translation and every
// further form the plural's. INVALID_ARGUMENT, with the line, for a file that is no catalogue.
absl::StatusOr<Translatable> ParsePo(std::string_view file, const PoOptions& options = {});

// Breaks a text into `lines` lines of about the same length, at spaces; fewer where it has too few.
std::string BreakIntoLines(std::string_view text, size_t lines);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_TRANSLATABLE_H_

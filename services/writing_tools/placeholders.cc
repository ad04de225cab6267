#include "services/writing_tools/placeholders.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kBrackets = {{
    {"[[", "]]"},
    {"{{", "}}"},
    {"⟦", "⟧"},
    {"<<<", ">>>"},
}};

}  // namespace

Placeholders::Placeholders(std::string_view text, absl::Span<const ByteSpan> spans) {
  open_ = kBrackets.back().first;
  close_ = kBrackets.back().second;
  for (const auto& [open, close] : kBrackets) {
    if (absl::StrContains(text, open) || absl::StrContains(text, close)) continue;
    open_ = open;
    close_ = close;
    break;
  }
  size_t at = 0;
  for (const ByteSpan& span : spans) {
    absl::StrAppend(&masked_, text.substr(at, span.start - at), Mark(originals_.size()));
    originals_.emplace_back(span.In(text));
    at = span.end;
  }
  masked_.append(text.substr(at));
}

std::string Placeholders::Mark(size_t index) const {
  return absl::StrCat(open_, index + 1, close_);
}

std::optional<std::string> Placeholders::Restore(std::string_view answer) const {
  std::string restored;
  std::vector<bool> seen(originals_.size(), false);
  size_t found = 0;
  while (true) {
    const size_t open = answer.find(open_);
    if (originals_.empty() || open == std::string_view::npos) break;
    restored.append(answer.substr(0, open));
    answer.remove_prefix(open);
    size_t index = originals_.size();
    // The number that follows names at most one mark.
    for (size_t i = 0; i < originals_.size() && index == originals_.size(); ++i) {
      if (absl::StartsWith(answer, Mark(i))) index = i;
    }
    if (index == originals_.size()) {
      restored.append(answer.substr(0, open_.size()));
      answer.remove_prefix(open_.size());
      continue;
    }
    if (seen[index]) return std::nullopt;
    seen[index] = true;
    ++found;
    restored.append(originals_[index]);
    answer.remove_prefix(Mark(index).size());
  }
  if (found != originals_.size()) return std::nullopt;
  restored.append(answer);
  return restored;
}

}  // namespace intelligenced

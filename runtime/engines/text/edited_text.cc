#include "runtime/engines/text/edited_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace intelligenced {

void EditedText::Apply(Edit change) {
  const ByteSpan now = change.span;
  Edit merged = std::move(change);
  size_t first = edits_.size(), last = edits_.size();  // edits joined: [first, last)
  ptrdiff_t shift = 0;  // from the original to the current text, before the edit looked at
  ptrdiff_t shift_start = 0, shift_end = 0;
  ByteSpan joined_now = now;
  for (size_t i = 0; i < edits_.size(); ++i) {
    const Edit& edit = edits_[i];
    const ByteSpan there = {static_cast<size_t>(static_cast<ptrdiff_t>(edit.span.start) + shift),
                            static_cast<size_t>(static_cast<ptrdiff_t>(edit.span.start) + shift) +
                                edit.replacement.size()};
    const ptrdiff_t after = shift + static_cast<ptrdiff_t>(edit.replacement.size()) -
                            static_cast<ptrdiff_t>(edit.span.size());
    // Touching counts where one of the two is empty: an insertion has no inside.
    const bool joins = there.start <= now.end && now.start <= there.end &&
                       (there.Overlaps(now) || there.empty() || now.empty());
    if (joins) {
      if (first == edits_.size()) {
        first = i;
        shift_start = shift;
      }
      last = i + 1;
      shift_end = after;
      joined_now.start = std::min(joined_now.start, there.start);
      joined_now.end = std::max(joined_now.end, there.end);
    } else if (there.end <= now.start) {
      if (first == edits_.size()) shift_start = shift_end = after;
    }
    shift = after;
  }
  const auto to_original = [](size_t offset, ptrdiff_t by) {
    return static_cast<size_t>(static_cast<ptrdiff_t>(offset) - by);
  };
  const std::string_view current = current_;
  merged.replacement =
      absl::StrCat(current.substr(joined_now.start, now.start - joined_now.start),
                   merged.replacement, current.substr(now.end, joined_now.end - now.end));
  merged.span = {to_original(joined_now.start, shift_start),
                 to_original(joined_now.end, shift_end)};
  if (first < last) {
    // Other words for a part are none for the whole.
    if (joined_now != now) merged.alternatives.clear();
    for (size_t i = first; i < last; ++i) {
      merged.confidence = std::min(merged.confidence, edits_[i].confidence);
      for (const auto type : edits_[i].types) {
        if (std::find(merged.types.begin(), merged.types.end(), type) == merged.types.end()) {
          merged.types.push_back(type);
        }
      }
    }
    edits_.erase(edits_.begin() + static_cast<ptrdiff_t>(first),
                 edits_.begin() + static_cast<ptrdiff_t>(last));
  }
  // An edit that undoes another leaves nothing.
  if (merged.span.In(original_) != merged.replacement) {
    // An insertion stands before a replacement that begins at the same place.
    const auto place = std::upper_bound(
        edits_.begin(), edits_.end(), merged.span, [](const ByteSpan& span, const Edit& edit) {
          return std::pair(span.start, span.end) < std::pair(edit.span.start, edit.span.end);
        });
    edits_.insert(place, std::move(merged));
  }
  Rebuild();
}

ByteSpan EditedText::ToCurrent(ByteSpan span) const {
  ptrdiff_t shift = 0;
  for (const Edit& edit : edits_) {
    if (edit.span.end > span.start) break;
    shift +=
        static_cast<ptrdiff_t>(edit.replacement.size()) - static_cast<ptrdiff_t>(edit.span.size());
  }
  return {static_cast<size_t>(static_cast<ptrdiff_t>(span.start) + shift),
          static_cast<size_t>(static_cast<ptrdiff_t>(span.end) + shift)};
}

void EditedText::Rebuild() {
  current_.clear();
  size_t done = 0;
  for (const Edit& edit : edits_) {
    absl::StrAppend(&current_, std::string_view(original_).substr(done, edit.span.start - done),
                    edit.replacement);
    done = edit.span.end;
  }
  absl::StrAppend(&current_, std::string_view(original_).substr(done));
}

}  // namespace intelligenced

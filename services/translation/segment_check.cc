#include "services/translation/segment_check.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

namespace engine_proto = ::intelligence::engine::v1;

// How often `part` stands in `text`.
size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t i = text.find(part); i != std::string_view::npos;
       i = text.find(part, i + part.size()))
    ++count;
  return count;
}

// A placeholder or tag, and no word that a language may use again.
bool IsDistinct(std::string_view kept) {
  return kept.size() > 1 && std::any_of(kept.begin(), kept.end(), [](char c) {
           return absl::ascii_ispunct(static_cast<unsigned char>(c)) && c != '\'' && c != '-' &&
                  c != '.';
         });
}

// Beyond so many different strings only their places are checked.
constexpr size_t kMostCounted = 64;

bool NothingIsDoubled(const KeptText& source, const std::string& answer) {
  std::vector<std::string_view> distinct;
  for (size_t i = 0; i < source.kept.size(); ++i) {
    const std::string_view kept = source.Kept(i);
    if (IsDistinct(kept)) distinct.push_back(kept);
  }
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() > kMostCounted) return true;
  return std::all_of(distinct.begin(), distinct.end(), [&](std::string_view kept) {
    return Count(answer, kept) == Count(source.text, kept);
  });
}

// `order`: places of the kept spans as they stand in the answer.
bool KeepsNesting(const KeptText& source, const std::vector<size_t>& order) {
  std::vector<std::string_view> kept;
  for (size_t i = 0; i < source.kept.size(); ++i) {
    kept.push_back(source.kept[i].word ? std::string_view("w") : source.Kept(i));
  }
  const std::vector<int> partner = PairMarkup(kept);
  const bool unpaired =
      std::any_of(partner.begin(), partner.end(), [](int place) { return place == -2; });
  std::vector<size_t> open;
  size_t last = 0;
  for (const size_t place : order) {
    if (unpaired && !source.kept[place].word) {
      if (place < last) return false;
      last = place;
    }
    if (partner[place] < 0) continue;
    const auto other = static_cast<size_t>(partner[place]);
    if (other > place) {
      open.push_back(place);
    } else if (!open.empty() && open.back() == other) {
      open.pop_back();
    } else {
      return false;
    }
  }
  return open.empty();
}

}  // namespace

std::optional<TranslatedText> CheckTranslation(const KeptText& source,
                                               const engine_proto::TranslatedSegment& answer) {
  const std::string& text = answer.text();
  if (answer.kept_size() != static_cast<int>(source.kept.size()) || !IsValidUtf8(text) ||
      text.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  TranslatedText out;
  for (int i = 0; i < answer.kept_size(); ++i) {
    const ByteSpan span = {answer.kept(i).start(), answer.kept(i).end()};
    if (span.start > span.end || span.end > text.size()) return std::nullopt;
    if (span.In(text) != source.Kept(static_cast<size_t>(i))) return std::nullopt;
    out.kept.push_back(span);
  }
  std::vector<size_t> order(out.kept.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return out.kept[a].start < out.kept[b].start; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (out.kept[order[i]].start < out.kept[order[i - 1]].end) return std::nullopt;
  }
  // White space at the ends, but none of a span.
  ByteSpan body = {0, text.size()};
  const size_t first = order.empty() ? text.size() : out.kept[order.front()].start;
  const size_t last = order.empty() ? 0 : out.kept[order.back()].end;
  while (body.start < first && IsSpace(CharAt(text, body.start))) {
    body.start = NextChar(text, body.start);
  }
  while (body.end > std::max(last, body.start) && IsSpace(CharBefore(text, body.end))) {
    body.end = PrevChar(text, body.end);
  }
  if (body.empty()) return std::nullopt;
  out.text = std::string(body.In(text));
  const auto shift = [&](size_t offset) {
    return std::clamp(offset, body.start, body.end) - body.start;
  };
  for (ByteSpan& span : out.kept) span = {shift(span.start), shift(span.end)};
  size_t next = 0;
  for (size_t i = 0; i < out.text.size(); ++i) {
    while (next < order.size() && out.kept[order[next]].end <= i) ++next;
    if (next < order.size() && out.kept[order[next]].start <= i) continue;
    if (out.text[i] == '\n' || out.text[i] == '\r') out.text[i] = ' ';
  }
  if (!KeepsNesting(source, order) || !NothingIsDoubled(source, out.text)) return std::nullopt;
  size_t end = 0;
  for (const engine_proto::UntranslatedSpan& span : answer.untranslated()) {
    const ByteSpan moved = {shift(span.start()), shift(span.end())};
    if (moved.start >= moved.end || moved.start < end) continue;
    if (!IsCharBorder(out.text, moved.start) || !IsCharBorder(out.text, moved.end)) continue;
    out.untranslated.push_back(moved);
    end = moved.end;
  }
  if (answer.truncated()) out.truncated.push_back({0, out.text.size()});
  return out;
}

}  // namespace intelligenced

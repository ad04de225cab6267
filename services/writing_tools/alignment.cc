#include "services/writing_tools/alignment.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <unordered_map>
#include <utility>

#include "runtime/base/protected_spans.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

// An answer beyond this is no correction of anything.
constexpr size_t kMaxGrowthBytes = 256;
// Edits longer than this are measured by length alone.
constexpr size_t kMaxMeasuredChars = 128;
// A short text may change wholly and still be corrected: "he go" to "He goes.".
constexpr size_t kShortTextChars = 16;
constexpr double kMaxChange = 0.5;
constexpr double kMaxShortChange = 0.75;

struct Token {
  ByteSpan span;
  int word = 0;  // equal for equal bytes
};

bool IsWordChar(char32_t character) { return IsLetter(character) || IsDigit(character); }

// Joins words when it stands between two of their characters.
bool IsJoiner(char32_t character) {
  return character == U'\'' || character == U'’' || character == U'-';
}

size_t TokenEnd(std::string_view text, size_t start) {
  size_t at = start;
  const char32_t first = DecodeChar(text, at);
  if (IsSpace(first)) {
    while (at < text.size() && IsSpace(CharAt(text, at))) at = NextChar(text, at);
  } else if (IsWordChar(first)) {
    while (at < text.size()) {
      const char32_t next = CharAt(text, at);
      if (IsJoiner(next)) {
        if (!IsWordChar(CharAt(text, NextChar(text, at)))) break;
      } else if (!IsWordChar(next)) {
        break;
      }
      at = NextChar(text, at);
    }
  }
  return at;
}

std::vector<Token> Tokenize(std::string_view text, std::unordered_map<std::string_view, int>& ids) {
  std::vector<Token> tokens;
  for (size_t at = 0; at < text.size();) {
    const ByteSpan span{at, TokenEnd(text, at)};
    const int id = static_cast<int>(ids.size());
    tokens.push_back({span, ids.emplace(span.In(text), id).first->second});
    at = span.end;
  }
  return tokens;
}

// Tokens [a_start, a_end) of the original become [b_start, b_end) of the revised.
struct Hunk {
  int a_start, a_end, b_start, b_end;
};

// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): the furthest reaching paths,
// remembered for each distance, then walked back.
std::optional<std::vector<Hunk>> Diff(absl::Span<const Token> a, absl::Span<const Token> b,
                                      int max_distance) {
  const int n = static_cast<int>(a.size());
  const int m = static_cast<int>(b.size());
  const int limit = std::min(max_distance, n + m);
  const int offset = limit + 1;
  std::vector<int> furthest(2 * static_cast<size_t>(limit) + 3, 0);
  std::vector<std::vector<int>> trace;  // trace[d][k + d]: furthest x on diagonal k before step d
  const auto at = [&](int k) -> int& { return furthest[static_cast<size_t>(k + offset)]; };
  int distance = -1;
  for (int d = 0; d <= limit && distance < 0; ++d) {
    trace.emplace_back(furthest.begin() + (offset - d), furthest.begin() + (offset + d + 1));
    for (int k = -d; k <= d; k += 2) {
      int x = (k == -d || (k != d && at(k - 1) < at(k + 1))) ? at(k + 1) : at(k - 1) + 1;
      while (x < n && x - k < m &&
             a[static_cast<size_t>(x)].word == b[static_cast<size_t>(x - k)].word)
        ++x;
      at(k) = x;
      if (x == n && x - k == m) {
        distance = d;
        break;
      }
    }
  }
  if (distance < 0) return std::nullopt;

  std::vector<Hunk> hunks;  // from the last to the first
  int x = n;
  int y = m;
  for (int d = distance; d > 0; --d) {
    const std::vector<int>& before = trace[static_cast<size_t>(d)];
    const auto was = [&](int k) { return before[static_cast<size_t>(k + d)]; };
    const int k = x - y;
    const bool down = k == -d || (k != d && was(k - 1) < was(k + 1));
    const int from_k = down ? k + 1 : k - 1;
    const int from_x = was(from_k);
    const int from_y = from_x - from_k;
    const int step_x = down ? from_x : from_x + 1;  // where the equal run began
    const int step_y = down ? from_y + 1 : from_y;
    if (!hunks.empty() && hunks.back().a_start == step_x && hunks.back().b_start == step_y) {
      hunks.back().a_start = from_x;
      hunks.back().b_start = from_y;
    } else {
      hunks.push_back({from_x, step_x, from_y, step_y});
    }
    x = from_x;
    y = from_y;
  }
  std::reverse(hunks.begin(), hunks.end());
  return hunks;
}

size_t CountWords(std::string_view text) {
  size_t words = 0;
  for (size_t at = 0; at < text.size(); at = TokenEnd(text, at)) {
    if (IsWordChar(CharAt(text, at))) ++words;
  }
  return words;
}

// Levenshtein distance in characters; the longer length when either is long.
size_t CharDistance(std::string_view a, std::string_view b) {
  const size_t a_chars = CountChars(a);
  const size_t b_chars = CountChars(b);
  if (a_chars > kMaxMeasuredChars || b_chars > kMaxMeasuredChars) return std::max(a_chars, b_chars);
  std::vector<size_t> row(b_chars + 1);
  for (size_t j = 0; j <= b_chars; ++j) row[j] = j;
  size_t i = 0;
  for (size_t a_at = 0; a_at < a.size();) {
    const char32_t left = DecodeChar(a, a_at);
    size_t diagonal = row[0];
    row[0] = ++i;
    size_t j = 0;
    for (size_t b_at = 0; b_at < b.size();) {
      const char32_t right = DecodeChar(b, b_at);
      const size_t substituted = diagonal + (left == right ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
      ++j;
    }
  }
  return row[b_chars];
}

// "alot" to "a lot" comes out of the search as "alot" to "a" and, behind the space, an insertion of
// "lot ". Sliding the second over the space makes one edit of both. Deletions alike.
void JoinOverSpace(std::string_view original, std::vector<TextEdit>& edits) {
  std::vector<TextEdit> joined;
  joined.reserve(edits.size());
  for (TextEdit& edit : edits) {
    if (!joined.empty()) {
      TextEdit& last = joined.back();
      const std::string_view gap =
          original.substr(last.range.end, edit.range.start - last.range.end);
      const std::string_view moved =
          edit.range.empty() ? std::string_view(edit.replacement) : edit.range.In(original);
      const bool one_sided = edit.range.empty() || edit.replacement.empty();
      if (one_sided && IsSpace(CharAt(gap, 0)) && TokenEnd(gap, 0) == gap.size() &&
          moved.size() > gap.size() && moved.ends_with(gap)) {
        if (edit.range.empty()) {
          last.replacement.append(gap).append(moved.substr(0, moved.size() - gap.size()));
        } else {
          last.range.end = edit.range.end - gap.size();
        }
        continue;
      }
    }
    joined.push_back(std::move(edit));
  }
  edits = std::move(joined);
}

}  // namespace

std::optional<std::vector<TextEdit>> AlignTexts(std::string_view original, std::string_view revised,
                                                int max_distance) {
  std::unordered_map<std::string_view, int> ids;
  const std::vector<Token> a_all = Tokenize(original, ids);
  const std::vector<Token> b_all = Tokenize(revised, ids);
  absl::Span<const Token> a(a_all);
  absl::Span<const Token> b(b_all);
  while (!a.empty() && !b.empty() && a.front().word == b.front().word) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (!a.empty() && !b.empty() && a.back().word == b.back().word) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  const std::optional<std::vector<Hunk>> hunks = Diff(a, b, max_distance);
  if (!hunks.has_value()) return std::nullopt;

  // Where token `i` of a trimmed view starts; its end is where the common suffix starts.
  const auto place = [](absl::Span<const Token> view, const std::vector<Token>& all,
                        std::string_view text, int i) {
    const size_t index = static_cast<size_t>(view.data() - all.data()) + static_cast<size_t>(i);
    return index < all.size() ? all[index].span.start : text.size();
  };
  std::vector<TextEdit> edits;
  edits.reserve(hunks->size());
  for (const Hunk& hunk : *hunks) {
    const ByteSpan from{place(a, a_all, original, hunk.a_start),
                        place(a, a_all, original, hunk.a_end)};
    const ByteSpan to{place(b, b_all, revised, hunk.b_start), place(b, b_all, revised, hunk.b_end)};
    edits.push_back({from, std::string(to.In(revised))});
  }
  JoinOverSpace(original, edits);
  return edits;
}

std::string ApplyEdits(std::string_view original, absl::Span<const TextEdit> edits) {
  std::string text;
  text.reserve(original.size());
  size_t at = 0;
  for (const TextEdit& edit : edits) {
    text.append(original.substr(at, edit.range.start - at));
    text.append(edit.replacement);
    at = edit.range.end;
  }
  text.append(original.substr(at));
  return text;
}

std::vector<TextEdit> CorrectionsOf(std::string_view original, std::string_view revised,
                                    absl::Span<const ByteSpan> protected_spans,
                                    std::vector<ByteSpan>* places) {
  if (revised.size() > 2 * original.size() + kMaxGrowthBytes) return {};
  std::optional<std::vector<TextEdit>> edits = AlignTexts(original, revised);
  if (!edits.has_value()) return {};
  size_t changed = 0;
  for (const TextEdit& edit : *edits) {
    changed += CharDistance(edit.range.In(original), edit.replacement);
  }
  const size_t chars = std::max(CountChars(original), CountChars(revised));
  const double limit = chars <= kShortTextChars ? kMaxShortChange : kMaxChange;
  if (static_cast<double>(changed) > limit * static_cast<double>(chars)) return {};
  std::vector<TextEdit> corrections;
  size_t taken = 0;  // of the original, before the edit
  size_t given = 0;  // of the revised text
  for (TextEdit& edit : *edits) {
    given += edit.range.start - taken;
    const ByteSpan place{given, given + edit.replacement.size()};
    taken = edit.range.end;
    given = place.end;
    if (OverlapsAny(protected_spans, edit.range)) continue;
    const auto dropped = static_cast<int>(CountWords(edit.range.In(original)));
    const auto added = static_cast<int>(CountWords(edit.replacement));
    if (std::abs(dropped - added) > kMaxEditWords) continue;
    corrections.push_back(std::move(edit));
    if (places != nullptr) places->push_back(place);
  }
  return corrections;
}

}  // namespace intelligenced

#include "services/translation/answer_guard.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/types/span.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kLeastLetters = 32;
constexpr size_t kShrinks = 5;
constexpr size_t kGrows = 4;
constexpr size_t kGrowsLetters = 120;
constexpr size_t kMaxPeriod = 8;
constexpr size_t kTimes = 4;
constexpr size_t kRepeatedWords = 8;
constexpr size_t kCopiedWords = 6;
constexpr size_t kCopiedLower = 4;
constexpr size_t kWholeLower = 3;
// Of longer texts only so much is compared with the other, which takes time proportional to both.
constexpr size_t kMaxCompared = 512;

size_t Letters(std::string_view text) {
  size_t letters = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = DecodeChar(text, at);
    const bool dense = (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
                       (c >= 0xAC00 && c <= 0xD7AF) || (c >= 0x20000 && c <= 0x323AF);
    letters += dense ? 3 : IsLetter(c) || IsDigit(c) ? 1 : 0;
  }
  return letters;
}

std::vector<ByteSpan> Words(std::string_view text) {
  std::vector<ByteSpan> words;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const bool space = IsSpace(DecodeChar(text, at));
    if (space) continue;
    while (at < text.size() && !IsSpace(CharAt(text, at))) at = NextChar(text, at);
    words.push_back({start, at});
  }
  return words;
}

// How often at most a group of words stands running, where that makes `least` words or more.
size_t Repeats(std::string_view text, size_t least) {
  std::vector<std::string_view> words;
  for (const ByteSpan& word : Words(text)) words.push_back(word.In(text));
  size_t most = 1;
  for (size_t period = 1; period <= kMaxPeriod && 2 * period <= words.size(); ++period) {
    size_t same = 0;
    for (size_t i = period; i < words.size(); ++i) {
      same = words[i] == words[i - period] ? same + 1 : 0;
      const size_t times = same / period + 1;
      if (times * period >= least) most = std::max(most, times);
    }
  }
  return most;
}

bool BeginsLower(std::string_view word) {
  size_t at = 0;
  if (!IsLower(DecodeChar(word, at))) return false;
  return at < word.size() && IsLetter(CharAt(word, at));
}

// A word, or empty for one that lies in a kept span.
std::vector<std::string_view> Comparable(std::string_view text, absl::Span<const ByteSpan> words,
                                         absl::Span<const ByteSpan> kept) {
  std::vector<std::string_view> made;
  for (const ByteSpan& word : words.first(std::min(words.size(), kMaxCompared))) {
    const bool inside = std::any_of(kept.begin(), kept.end(),
                                    [&](const ByteSpan& span) { return span.Overlaps(word); });
    made.push_back(inside ? std::string_view() : word.In(text));
  }
  return made;
}

}  // namespace

AnswerFault FindFault(const KeptText& source, const TranslatedText& answer) {
  const size_t given = Letters(source.text), made = Letters(answer.text);
  if (given >= kLeastLetters && made * kShrinks <= given) return AnswerFault::kLost;
  if (made > kGrows * given + kGrowsLetters) return AnswerFault::kGrown;
  const size_t times = Repeats(answer.text, kRepeatedWords);
  if (times >= kTimes && times > 2 * Repeats(source.text, 2)) return AnswerFault::kRepeats;
  return AnswerFault::kNone;
}

std::vector<ByteSpan> FindCopied(const KeptText& source, const TranslatedText& answer) {
  std::vector<ByteSpan> source_kept;
  for (const KeptSpan& span : source.kept) source_kept.push_back({span.start, span.end});
  const std::vector<ByteSpan> places = Words(answer.text);
  const auto theirs = Comparable(source.text, Words(source.text), source_kept);
  const auto ours = Comparable(answer.text, places, answer.kept);
  const bool whole = ours == theirs;
  // How many words up to here and up to the source's j-th are the same; of the row before.
  std::vector<size_t> before(theirs.size() + 1), now(theirs.size() + 1);
  // The longest that ends with each of our words.
  std::vector<size_t> running(ours.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    for (size_t j = 0; j < theirs.size(); ++j) {
      now[j + 1] = !ours[i].empty() && ours[i] == theirs[j] ? before[j] + 1 : 0;
      running[i] = std::max(running[i], now[j + 1]);
    }
    std::swap(before, now);
  }
  std::vector<ByteSpan> copied;
  for (size_t last = ours.size(); last-- > 0;) {
    const size_t count = running[last];
    if (count == 0) continue;
    const size_t first = last + 1 - count;
    const auto lower = static_cast<size_t>(
        std::count_if(ours.begin() + static_cast<std::ptrdiff_t>(first),
                      ours.begin() + static_cast<std::ptrdiff_t>(last) + 1, BeginsLower));
    if ((count >= kCopiedWords && lower >= kCopiedLower) || (whole && lower >= kWholeLower)) {
      copied.push_back({places[first].start, places[last].end});
      last = first;
    }
  }
  std::reverse(copied.begin(), copied.end());
  return copied;
}

}  // namespace intelligenced

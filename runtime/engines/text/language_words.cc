#include "runtime/engines/text/language_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_split.h"
#include "runtime/base/utf8.h"

namespace intelligenced {

// Made from data/languages.txt by data/embed.cmake.
extern const char kLanguageWords[];

namespace {

constexpr size_t kMaxLanguages = 64;
// Before the first letter and after the last.
constexpr char32_t kEdge = U' ';
// A word of a list counts as much as its letters do, over all words of the language.
constexpr double kListShare = 0.4;
// How much of a letter's likelihood comes from two letters before it, one, none, and from nothing.
constexpr double kThree = 0.55, kTwo = 0.30, kOne = 0.13, kNone = 0.02;
// Letters that there may be.
constexpr double kAlphabet = 200;
// One word decides nothing alone: it may be a name, or of another language.
constexpr double kMostOfAWord = 9;

uint64_t KeyOf(char32_t first, char32_t second, char32_t third) {
  return (uint64_t{first & 0x1FFFFF} << 42) | (uint64_t{second & 0x1FFFFF} << 21) |
         (third & 0x1FFFFF);
}

}  // namespace

std::string_view BuiltInLanguageWords() { return kLanguageWords; }

LanguageWords::LanguageWords(std::string_view lists) {
  // Sorted, they become the parts of counts_.
  std::vector<std::pair<uint64_t, uint16_t>> seen;
  for (const std::string_view line : absl::StrSplit(lists, '\n')) {
    const size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    if (languages_.size() == kMaxLanguages) break;
    const auto language = static_cast<uint16_t>(languages_.size());
    languages_.emplace_back(line.substr(0, colon));
    double size = 0;
    for (const std::string_view word :
         absl::StrSplit(line.substr(colon + 1), ' ', absl::SkipEmpty())) {
      std::u32string letters;
      for (size_t i = 0; i < word.size();) letters.push_back(DecodeChar(word, i));
      uint64_t& in = words_[letters];
      if ((in >> language & 1) != 0) continue;
      in |= uint64_t{1} << language;
      ++size;
      char32_t first = kEdge, second = kEdge;
      letters.push_back(kEdge);
      for (const char32_t third : letters) {
        for (const uint64_t key :
             {KeyOf(first, second, third), KeyOf(first, second, 0), KeyOf(0, second, third),
              KeyOf(0, second, 0), KeyOf(0, 0, third), KeyOf(0, 0, 0)}) {
          seen.emplace_back(key, language);
        }
        first = second;
        second = third;
      }
    }
    list_sizes_.push_back(std::max(size, 1.0));
  }
  std::sort(seen.begin(), seen.end());
  for (size_t i = 0; i < seen.size();) {
    const uint64_t key = seen[i].first;
    const auto begin = static_cast<uint32_t>(counts_.size());
    for (; i < seen.size() && seen[i].first == key; ++i) {
      if (counts_.size() == begin || counts_.back().language != seen[i].second) {
        counts_.push_back({seen[i].second, 0});
      }
      if (counts_.back().count < UINT16_MAX) ++counts_.back().count;
    }
    places_[key] = {begin, static_cast<uint32_t>(counts_.size()) - begin};
  }
  counts_.shrink_to_fit();
}

absl::Span<const LanguageWords::Count> LanguageWords::CountsOf(char32_t first, char32_t second,
                                                               char32_t third) const {
  const auto found = places_.find(KeyOf(first, second, third));
  if (found == places_.end()) return {};
  return absl::MakeConstSpan(counts_).subspan(found->second.first, found->second.second);
}

void LanguageWords::ScoreWord(const std::u32string& word, std::vector<double>& scores) const {
  const size_t size = languages_.size();
  scores.assign(size, 0);
  std::array<double, kMaxLanguages> likelihood, context;
  const auto add = [&](absl::Span<const Count> counts, absl::Span<const Count> contexts,
                       double weight) {
    if (counts.empty()) return;
    for (const Count& one : contexts) context[one.language] = one.count;
    for (const Count& one : counts) {
      likelihood[one.language] += weight * one.count / context[one.language];
    }
  };
  char32_t first = kEdge, second = kEdge;
  for (size_t i = 0; i <= word.size(); ++i) {
    const char32_t third = i < word.size() ? word[i] : kEdge;
    likelihood.fill(kNone / kAlphabet);
    add(CountsOf(0, 0, third), CountsOf(0, 0, 0), kOne);
    add(CountsOf(0, second, third), CountsOf(0, second, 0), kTwo);
    add(CountsOf(first, second, third), CountsOf(first, second, 0), kThree);
    for (size_t l = 0; l < size; ++l) scores[l] += std::log(likelihood[l]);
    first = second;
    second = third;
  }
  const auto found = words_.find(word);
  const uint64_t listed = found == words_.end() ? 0 : found->second;
  for (size_t l = 0; l < size; ++l) {
    const double of_list = (listed >> l & 1) != 0 ? kListShare / list_sizes_[l] : 0;
    scores[l] = std::log((1 - kListShare) * std::exp(scores[l]) + of_list + 1e-300);
  }
}

std::vector<double> LanguageWords::Score(absl::Span<const std::u32string> words) const {
  std::vector<double> scores(languages_.size(), 0);
  std::vector<double> of_word;
  for (const std::u32string& word : words) {
    ScoreWord(word, of_word);
    const double best = *std::max_element(of_word.begin(), of_word.end());
    for (size_t i = 0; i < scores.size(); ++i) {
      scores[i] += std::max(of_word[i] - best, -kMostOfAWord);
    }
  }
  return scores;
}

}  // namespace intelligenced

#include "services/actions/resolve/lexicon.h"

#include <algorithm>
#include <rapidfuzz/fuzz.hpp>

#include "absl/strings/str_split.h"
#include "services/actions/resolve/english.h"

namespace intelligenced::resolve {
namespace {

constexpr size_t kShortestSimilar = 4;
constexpr size_t kLongestSimilar = 32;
constexpr double kLeastLikeness = 78;  // of 100
constexpr size_t kMaxSimilar = 3;

}  // namespace

Lexicon::Lexicon() : by_length_(kLongestSimilar + 1) {
  uint32_t concept_id = 0;
  for (const std::string_view row : english::Synonyms()) {
    for (const std::string_view phrase : absl::StrSplit(row, '|')) {
      Phrase entry{.stems = {}, .concept_id = concept_id};
      for (const Word& word : SplitWords(phrase)) entry.stems.push_back(word.stem);
      phrases_[entry.stems.front()].push_back(std::move(entry));
    }
    ++concept_id;
  }
}

uint32_t Lexicon::Add(std::string_view stem) {
  const auto [found, added] = numbers_.try_emplace(std::string(stem), stems_.size());
  if (added) {
    stems_.emplace_back(stem);
    if (stem.size() <= kLongestSimilar) by_length_[stem.size()].push_back(found->second);
  }
  return found->second;
}

uint32_t Lexicon::Find(std::string_view stem) const {
  const auto found = numbers_.find(stem);
  return found == numbers_.end() ? kNoWord : found->second;
}

std::vector<SimilarWord> Lexicon::FindSimilar(std::string_view stem) const {
  std::vector<SimilarWord> out;
  if (stem.size() < kShortestSimilar || stem.size() > kLongestSimilar) return out;
  const rapidfuzz::fuzz::CachedRatio<char> ratio(stem);
  const size_t last = std::min(stem.size() + 2, kLongestSimilar);
  for (size_t length = std::max(stem.size() - 2, kShortestSimilar); length <= last; ++length) {
    for (const uint32_t word : by_length_[length]) {
      const double score = ratio.similarity(stems_[word], kLeastLikeness);
      if (score > 0) out.push_back({word, score / 100});
    }
  }
  std::sort(out.begin(), out.end(), [](const SimilarWord& a, const SimilarWord& b) {
    return a.likeness != b.likeness ? a.likeness > b.likeness : a.word < b.word;
  });
  if (out.size() > kMaxSimilar) out.resize(kMaxSimilar);
  return out;
}

std::vector<ConceptSpan> Lexicon::ConceptsAt(const Words& words, size_t at) const {
  std::vector<ConceptSpan> out;
  const auto found = phrases_.find(words[at].stem);
  if (found == phrases_.end()) return out;
  for (const Phrase& phrase : found->second) {
    const size_t length = phrase.stems.size();
    if (at + length > words.size()) continue;
    bool same = true;
    for (size_t index = 1; index < length && same; ++index) {
      same = words[at + index].stem == phrase.stems[index];
    }
    if (same) out.push_back({length, phrase.concept_id});
  }
  return out;
}

double Lexicon::WeightOf(std::string_view word) {
  if (english::IsIn(english::Fillers(), word)) return 0.05;
  if (english::IsIn(english::FunctionWords(), word)) return 0.15;
  return 1;
}

}  // namespace intelligenced::resolve

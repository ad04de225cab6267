#include "runtime/engines/llama/draft_source.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace intelligenced {
namespace {

// Tokens from where the place was lost, within which a run of one, two … tokens is believed. A
// single token means little by itself: it is looked for among the next few words only.
constexpr int kReach[] = {0, 12, 48};
// A run of DraftSource::kGram tokens is believed wherever it stands.
constexpr int kAnywhere = 1 << 30;

uint64_t GramKey(const int32_t* tokens) {
  uint64_t key = 0;
  // Vocabularies have less than two million tokens.
  for (int index = 0; index < DraftSource::kGram; ++index) {
    key = (key << 21) | (static_cast<uint64_t>(tokens[index]) & 0x1FFFFF);
  }
  return key;
}

}  // namespace

DraftSource::DraftSource(std::vector<int32_t> guide, std::vector<int32_t> prompt)
    : guide_(std::move(guide)) {
  history_.reserve(prompt.size() + guide_.size());
  for (const int32_t token : prompt) {
    history_.push_back(token);
    Learn();
  }
  if (!guide_.empty()) place_ = 0;
}

void DraftSource::Append(int32_t token) {
  history_.push_back(token);
  Learn();
  ++output_;
  if (guide_.empty()) return;
  if (place_ >= 0 && place_ < static_cast<int>(guide_.size()) && guide_[place_] == token) {
    ++place_;
    ++run_;
    if (run_ >= kFirmRun) anchor_ = place_;
    return;
  }
  place_ = -1;
  run_ = 0;
  FindPlace();
}

// What followed a gram is known one token later, so that a gram never finds itself.
void DraftSource::Learn() {
  const int size = static_cast<int>(history_.size());
  repeat_ = -1;
  if (size > kGram) grams_[GramKey(&history_[size - 1 - kGram])] = size - 1;
  if (size < kGram) return;
  const auto found = grams_.find(GramKey(&history_[size - kGram]));
  if (found != grams_.end()) repeat_ = found->second;
}

void DraftSource::FindPlace() {
  for (int length = kGram; length > 0; --length) {
    // What was said before the output began is no part of the copy.
    if (length > output_) continue;
    const int found = Nearest(length, length == kGram ? kAnywhere : kReach[length]);
    if (found < 0) continue;
    place_ = found;
    run_ = length;
    if (run_ >= kFirmRun) anchor_ = place_;
    return;
  }
}

int DraftSource::Nearest(int length, int reach) const {
  // The end is no place to go on from.
  const int size = static_cast<int>(guide_.size()) - 1;
  // The token at the anchor itself was not said; what is found begins after it as a rule.
  const int expected = anchor_ + 1;
  const int first = static_cast<int>(std::max<int64_t>(length, int64_t{expected} - reach));
  const int last = static_cast<int>(std::min<int64_t>(size, int64_t{expected} + reach));
  int best = -1;
  for (int end = first; end <= last; ++end) {
    if (best >= 0 && std::abs(end - expected) > std::abs(best - expected)) break;
    if (std::equal(history_.end() - length, history_.end(), guide_.begin() + end - length)) {
      best = end;
    }
  }
  return best;
}

absl::Span<const int32_t> DraftSource::Propose(int most) const {
  const bool guided = place_ >= 0;
  const std::vector<int32_t>& from = guided ? guide_ : history_;
  const int begin = guided ? place_ : repeat_;
  if (begin < 0 || most <= 0) return {};
  const size_t count = std::min(from.size() - begin, static_cast<size_t>(most));
  return absl::MakeConstSpan(from).subspan(begin, count);
}

DraftKind DraftSource::KindAt(int index) const {
  const bool guided = place_ >= 0;
  const int begin = guided ? place_ : repeat_;
  const size_t size = guided ? guide_.size() : history_.size();
  if (begin < 0 || begin + static_cast<size_t>(index) >= size) return DraftKind::kNone;
  if (!guided) return DraftKind::kRepeat;
  return run_ + index >= kFirmRun ? DraftKind::kGuide : DraftKind::kGuideFresh;
}

}  // namespace intelligenced

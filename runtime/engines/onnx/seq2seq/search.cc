#include "runtime/engines/onnx/seq2seq/search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/engines/onnx/seq2seq/score_row.h"

namespace intelligenced {
namespace {

// What repeats itself for so many tokens, or 1.5 times as many as the source has, is a loop; texts
// of which a source is made so are not cut short.
constexpr size_t kLoopTokens = 32;
constexpr size_t kLoopPeriod = 12;
// No translation grows beyond that many times its source and as many more.
constexpr size_t kGrowth = 4;
constexpr size_t kGrowthTokens = 64;

}  // namespace

RepeatedTail FindRepeatedTail(absl::Span<const int64_t> tokens, size_t most_period) {
  RepeatedTail best;
  for (size_t period = 1; period <= most_period && 3 * period <= tokens.size(); ++period) {
    size_t count = period;
    while (count < tokens.size() &&
           tokens[tokens.size() - 1 - count] == tokens[tokens.size() - 1 - count + period]) {
      ++count;
    }
    // Of two groups the shorter one: the longer is it several times over.
    if (count >= 3 * period && count > best.tokens) best = {count, period};
  }
  return best;
}

SegmentSearch::SegmentSearch(const SearchSettings* settings, std::optional<int64_t> first,
                             size_t source_tokens)
    : settings_(*settings), first_(first), source_tokens_(source_tokens) {
  running_.push_back({.score = 0, .tokens = {settings_.start}});
  rows_.push_back({.before = 0, .token = settings_.start});
}

std::optional<int64_t> SegmentSearch::Forced() const {
  if (length() + 1 == static_cast<size_t>(settings_.max_length) && settings_.forced_end) {
    return settings_.forced_end;
  }
  if (length() == 1) return first_;
  return std::nullopt;
}

void SegmentSearch::Advance(absl::Span<const float* const> scores, size_t vocabulary) {
  if (settings_.beams <= 1) return AdvanceGreedy(scores[0], vocabulary);
  const auto beams = static_cast<size_t>(settings_.beams);
  // Two for each beam, so that as many are left when some of them end.
  std::vector<Candidate> candidates;
  for (size_t row = 0; row < running_.size(); ++row) {
    const auto next = Follow(row, scores[row], vocabulary, 2 * beams);
    candidates.insert(candidates.end(), next.begin(), next.end());
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (candidates.size() > 2 * beams) candidates.resize(2 * beams);

  // Ends, which follow the start, counted with them.
  const auto generated = static_cast<double>(length());
  std::vector<Running> following;
  std::vector<SearchRow> rows;
  for (size_t rank = 0; rank < candidates.size() && following.size() < beams; ++rank) {
    const Candidate& candidate = candidates[rank];
    const bool ends = candidate.token == settings_.end;
    if (ends && rank >= beams) continue;
    std::vector<int64_t> tokens = running_[candidate.row].tokens;
    tokens.push_back(candidate.token);
    if (ends) {
      AddFinished(candidate.score / std::pow(generated, settings_.length_penalty),
                  std::move(tokens));
    } else {
      rows.push_back({.before = candidate.row, .token = candidate.token});
      following.push_back({.score = candidate.score, .tokens = std::move(tokens)});
    }
  }
  const double best = candidates.empty() ? 0 : candidates.front().score;
  const bool over = finished_.size() >= beams && NothingBetterComes(best);
  if (over || following.empty()) {
    rows_.clear();
    running_.clear();
    return End();
  }
  running_ = std::move(following);
  rows_ = std::move(rows);
  if (length() >= static_cast<size_t>(settings_.max_length) || Runaway(running_.front().tokens)) {
    for (Running& text : running_) {
      AddFinished(text.score / std::pow(generated, settings_.length_penalty),
                  std::move(text.tokens));
    }
    End();
  }
}

void SegmentSearch::AdvanceGreedy(const float* scores, size_t vocabulary) {
  int64_t token = 0;
  if (const auto forced = Forced()) {
    token = *forced;
  } else {
    const auto best = HighestScores({scores, vocabulary}, 1, settings_.banned);
    if (!best.empty()) token = best.front().second;
  }
  Running& text = running_.front();
  text.tokens.push_back(token);
  rows_.front() = {.before = 0, .token = token};
  if (token == settings_.end || length() >= static_cast<size_t>(settings_.max_length) ||
      Runaway(text.tokens)) {
    finished_.push_back(std::move(text));
    End();
  }
}

std::vector<SegmentSearch::Candidate> SegmentSearch::Follow(size_t row, const float* scores,
                                                            size_t vocabulary, size_t count) const {
  const double before = running_[row].score;
  if (const auto forced = Forced()) return {{before, row, *forced}};
  const auto all = absl::MakeConstSpan(scores, vocabulary);
  const auto best = HighestScores(all, count, settings_.banned);
  const float largest = LargestScore(all);
  double sum = SumOfLikelihoods(all, largest);
  if (settings_.renormalize) {
    for (const int64_t token : settings_.banned) sum -= std::exp(scores[token] - largest);
  }
  const double whole = static_cast<double>(largest) + std::log(sum);
  std::vector<Candidate> candidates;
  for (const auto& [score, token] : best) {
    candidates.push_back({before + static_cast<double>(score) - whole, row, token});
  }
  return candidates;
}

void SegmentSearch::AddFinished(double score, std::vector<int64_t> tokens) {
  const auto worse = [](const Running& a, const Running& b) { return a.score < b.score; };
  if (finished_.size() >= static_cast<size_t>(settings_.beams)) {
    const auto worst = std::min_element(finished_.begin(), finished_.end(), worse);
    if (score <= worst->score) return;
    finished_.erase(worst);
  }
  finished_.push_back({.score = score, .tokens = std::move(tokens)});
}

bool SegmentSearch::NothingBetterComes(double best) const {
  if (settings_.early == EarlyStopping::kAtOnce) return true;
  auto length_at_best = static_cast<double>(length());
  if (settings_.early == EarlyStopping::kNever && settings_.length_penalty > 0) {
    length_at_best = settings_.max_length - 1;
  }
  const double attainable = best / std::pow(length_at_best, settings_.length_penalty);
  return std::all_of(finished_.begin(), finished_.end(),
                     [&](const Running& text) { return text.score >= attainable; });
}

void SegmentSearch::End() {
  done_ = true;
  rows_.clear();
  if (finished_.empty()) {
    truncated_ = true;
    return;
  }
  // Of equals the one that came last.
  size_t best = 0;
  for (size_t i = 1; i < finished_.size(); ++i) {
    if (finished_[i].score >= finished_[best].score) best = i;
  }
  const std::vector<int64_t>& tokens = finished_[best].tokens;
  result_.assign(tokens.begin() + 1, tokens.end());
  if (Loops(tokens)) {
    const RepeatedTail tail = FindRepeatedTail(result_, kLoopPeriod);
    result_.resize(result_.size() - (tail.tokens - tail.period));
  }
  // An end that was forced is none.
  truncated_ = result_.empty() || result_.back() != settings_.end ||
               tokens.size() >= static_cast<size_t>(settings_.max_length);
}

bool SegmentSearch::Loops(const std::vector<int64_t>& tokens) const {
  const size_t most = std::max(kLoopTokens, source_tokens_ * 3 / 2);
  return tokens.size() >= most && FindRepeatedTail(tokens, kLoopPeriod).tokens >= most;
}

bool SegmentSearch::Runaway(const std::vector<int64_t>& tokens) const {
  return tokens.size() > kGrowth * source_tokens_ + kGrowthTokens || Loops(tokens);
}

}  // namespace intelligenced

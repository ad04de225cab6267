// Which tokens one segment's answer is made of: greedy, or beam search as transformers' generate()
// does it (its BeamSearchScorer), so that what comes out is the same token for token. Pure: scores
// go in, what to look at next comes out.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SEARCH_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "runtime/engines/onnx/seq2seq/generation.h"

namespace intelligenced {

// A text that is followed: in the next step its last token goes in, beside what is kept of the
// others.
struct SearchRow {
  // The row of the step before that it goes on from.
  size_t before = 0;
  int64_t token = 0;
};

class SegmentSearch {
 public:
  // `first` is forced. `source_tokens` is what the guards measure with. `settings` must outlive it.
  SegmentSearch(const SearchSettings* settings, std::optional<int64_t> first, size_t source_tokens);

  // What the network is to be asked next. One row, the start, before the first Advance().
  const std::vector<SearchRow>& rows() const { return rows_; }

  // `scores`: for each row the network's own (not normalised) for every token of the vocabulary.
  // No more after done().
  void Advance(absl::Span<const float* const> scores, size_t vocabulary);

  bool done() const { return done_; }
  // Without the start; with the end where it came. What it had begun to say again and again stands
  // once. Once done.
  const std::vector<int64_t>& result() const { return result_; }
  // A guard, or the longest that an answer may be, has ended it.
  bool truncated() const { return truncated_; }

 private:
  struct Running {
    double score = 0;
    std::vector<int64_t> tokens;
  };
  struct Candidate {
    double score = 0;
    size_t row = 0;
    int64_t token = 0;
  };

  std::optional<int64_t> Forced() const;
  void AdvanceGreedy(const float* scores, size_t vocabulary);
  // The best of what may follow one row, at most `count`, best first.
  std::vector<Candidate> Follow(size_t row, const float* scores, size_t vocabulary,
                                size_t count) const;
  void AddFinished(double score, std::vector<int64_t> tokens);
  bool NothingBetterComes(double best) const;
  // Ends with what there is.
  void End();
  // Whether `tokens` say the same again and again.
  bool Loops(const std::vector<int64_t>& tokens) const;
  // Or far more than the source.
  bool Runaway(const std::vector<int64_t>& tokens) const;
  size_t length() const { return running_.front().tokens.size(); }

  const SearchSettings& settings_;
  const std::optional<int64_t> first_;
  const size_t source_tokens_;
  std::vector<Running> running_;
  // At most as many as beams; scores over lengths.
  std::vector<Running> finished_;
  std::vector<SearchRow> rows_;
  std::vector<int64_t> result_;
  bool done_ = false;
  bool truncated_ = false;
};

// The rest is for tests.

// The end of a text: one group of tokens again and again.
struct RepeatedTail {
  // How many of the last tokens that is; 0 where it stands less than three times.
  size_t tokens = 0;
  // Of one group.
  size_t period = 0;
};

// The longest, of groups of at most `most_period` tokens.
RepeatedTail FindRepeatedTail(absl::Span<const int64_t> tokens, size_t most_period);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SEARCH_H_

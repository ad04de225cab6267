// Guesses what a model says next, where its output largely copies its input. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_DRAFT_SOURCE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_DRAFT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"

namespace intelligenced {

// Where a guess comes from. Each kind is right in another share of cases.
enum class DraftKind : uint8_t {
  kNone,
  // From the place in the guide that the output has reached, after at least kFirmRun tokens in a
  // row that were the same in both.
  kGuide,
  // The same, just after that place was found.
  kGuideFresh,
  // From what followed the last kGram tokens before, in the prompt or in the output.
  kRepeat,
};
inline constexpr int kDraftKinds = 4;

// The guide is the text that the output is expected to copy for the most part. The source follows
// the output through it: the next token is expected at the place after the last one. When the
// model says something else (it corrects, inserts, leaves out), the place is lost, and is found
// again by the last tokens of the output: the longest run of them, up to kGram, that stands in the
// guide near where the place was lost, the nearest first. The shorter the run, the nearer it must
// be. While there is no place, drafts are what followed the last kGram tokens most recently. At the
// end of the guide there are no drafts.
//
// Not thread-safe.
class DraftSource {
 public:
  // Tokens of a run that make a place certain.
  static constexpr int kFirmRun = 3;
  // Tokens by which a place is found again from anywhere, and by which repetitions are found.
  static constexpr int kGram = 3;

  // `guide` may be empty. `prompt` is all that the model was given, the guide included.
  DraftSource(std::vector<int32_t> guide, std::vector<int32_t> prompt);

  // The next token of the output, whether it was guessed or not.
  void Append(int32_t token);

  // Up to `most` tokens that may come next; empty when there is no guess. Valid until Append().
  absl::Span<const int32_t> Propose(int most) const;

  // The kind of the guess at `index` of the draft, if all before it are right.
  DraftKind KindAt(int index) const;

 private:
  void FindPlace();
  // Index in the guide after the nearest run of the last `length` tokens within `reach` of where
  // the place was lost; -1: none.
  int Nearest(int length, int reach) const;
  void Learn();

  const std::vector<int32_t> guide_;
  // The prompt, then the output.
  std::vector<int32_t> history_;
  // Index in the guide of the token expected next, which may be its end; -1: lost.
  int place_ = -1;
  // Tokens that were the same in both, up to the place.
  int run_ = 0;
  // Where the output was last known for certain to be in the guide.
  int anchor_ = 0;
  // Tokens of the output.
  int output_ = 0;
  // Index in the history of what followed a gram last.
  std::unordered_map<uint64_t, int> grams_;
  int repeat_ = -1;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_DRAFT_SOURCE_H_

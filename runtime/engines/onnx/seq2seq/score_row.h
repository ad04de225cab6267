// What a network says of every token after one row, read: the tokens it likes best, and the
// logarithm of the sum that makes its scores likelihoods. Pure. These run over the whole vocabulary
// for each row of each step, which for a small network is as long as the network itself takes.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SCORE_ROW_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SCORE_ROW_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace intelligenced {

// The largest; NaN is left out. Minus infinity where there is nothing else.
float LargestScore(absl::Span<const float> scores);

// The sum of exp(score - largest) over all scores, to about seven digits. `largest` is that of the
// scores. Where it is not finite, no number.
double SumOfLikelihoods(absl::Span<const float> scores, float largest);

// The `count` highest, the best first, of equals the one that comes first; those in `banned`, NaN
// and minus infinity are left out.
std::vector<std::pair<float, int64_t>> HighestScores(absl::Span<const float> scores, size_t count,
                                                     absl::Span<const int64_t> banned);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_SEQ2SEQ_SCORE_ROW_H_

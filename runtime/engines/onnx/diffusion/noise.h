// Gaussian noise that depends on nothing but a seed and a place. Pure and thread-safe.
//
// Numbers are those of Philox4x32-10 (Salmon and others, 2011) with the seed as its key and a
// counter of the block's number (two words, low first), the stream and 0. A block's four words are
// two pairs of normal numbers, by Box and Muller: the radius of the first word of the pair,
// √(−2 ln((w + 1) / 2³²)), at the angle 2π w' / 2³², cosine first. So the noise of a place is the
// same whatever is drawn beside it, in which order, and for how many pictures.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_NOISE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_NOISE_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace intelligenced {

// Streams of one picture's seed: what it begins with, and what is added in step n.
inline constexpr uint32_t kInitialNoise = 0;
inline constexpr uint32_t StepNoise(int step) { return static_cast<uint32_t>(step) + 1; }

// One block of four words.
std::array<uint32_t, 4> Philox(uint64_t seed, const std::array<uint32_t, 4>& counter);

// Fills `values`.
void DrawNoise(uint64_t seed, uint32_t stream, absl::Span<float> values);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_NOISE_H_

// Pictures as the networks' numbers, and back. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PICTURE_MATH_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PICTURE_MATH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/network.h"
#include "runtime/media/image.h"

namespace intelligenced {

// 1×3×height×width, −1 to 1; a grey picture has three equal colours.
Tensor PictureNumbers(const Image& image);

// The other way: colour planes of −1 to 1, cut there, to bytes. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<Image> NumbersPicture(absl::Span<const float> planes, int width, int height);

// How much of each place is made anew, 0 to 1: the mean of the mask's brightness over each of
// `width` × `height` places. The mask's sides are multiples of these.
std::vector<float> MaskWeights(const Image& mask, int width, int height);

// Puts the source's pixels where the mask is black, and mixes where it is grey. All three have one
// size; `source` has one or three channels, `picture` three.
void KeepUnmasked(const Image& source, const Image& mask, Image& picture);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_PICTURE_MATH_H_

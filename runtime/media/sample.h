// Parts of pictures as numbers: what networks take. A crop, a change of size, a turn and the
// conversion to floats are one pass.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_SAMPLE_H_
#define INTELLIGENCED_RUNTIME_MEDIA_SAMPLE_H_

#include <array>
#include <vector>

#include "absl/types/span.h"
#include "runtime/media/image.h"

namespace intelligenced {

// A point in pixels: borders count from 0 to width, so that the middle of the first pixel is 0.5.
struct PointF {
  float x = 0;
  float y = 0;
};

// x' = a x + b y + c, y' = d x + e y + f.
struct Affine {
  float a = 1, b = 0, c = 0;
  float d = 0, e = 1, f = 0;

  PointF operator()(PointF point) const {
    return {a * point.x + b * point.y + c, d * point.x + e * point.y + f};
  }
};

// Maps the rectangle from (0, 0) to (width, height) onto a part of a picture.
Affine Stretch(float left, float top, float part_width, float part_height, float width,
               float height);

// Maps the rectangle from (0, 0) to (width, height) onto a square or oblong around `centre`, turned
// clockwise by `radians`.
Affine Turned(PointF centre, float part_width, float part_height, float radians, float width,
              float height);

struct SampleOptions {
  int width = 0;
  int height = 0;
  // From the sample's pixels to the picture's.
  Affine to_picture = {};
  // Colour planes one after another in place of colours side by side.
  bool planar = true;
  // Blue first.
  bool bgr = false;
  // value = (pixel − mean) × scale, for red, green and blue.
  std::array<float, 3> mean = {0, 0, 0};
  std::array<float, 3> scale = {1, 1, 1};
  // What lies outside the picture: black, or the nearest pixel of its border.
  bool repeat_border = false;
};

// width × height × 3 numbers; a grey picture has three equal colours. Bilinear; where the picture
// is made smaller, the mean of a grid of up to 8×8 places a pixel. Pure. `out` has room for all.
void SamplePicture(const Image& image, const SampleOptions& options, absl::Span<float> out);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_SAMPLE_H_

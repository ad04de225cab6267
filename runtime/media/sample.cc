#include "runtime/media/sample.h"

#include <algorithm>
#include <cmath>

namespace intelligenced {
namespace {

constexpr int kMaxGrid = 8;
// From here on the mean of nearest pixels is as good as that of interpolated ones.
constexpr int kNearestGrid = 3;

using Colour = std::array<float, 3>;

// One pixel; black outside.
void Add(const Image& image, int x, int y, bool repeat, float weight, Colour& sum) {
  if (x < 0 || y < 0 || x >= image.width() || y >= image.height()) {
    if (!repeat) return;
    x = std::clamp(x, 0, image.width() - 1);
    y = std::clamp(y, 0, image.height() - 1);
  }
  const uint8_t* const pixel = image.row(y) + static_cast<ptrdiff_t>(x) * image.channels();
  if (image.channels() == 1) {
    for (float& value : sum) value += weight * static_cast<float>(pixel[0]);
  } else {
    for (size_t c = 0; c < sum.size(); ++c) sum[c] += weight * static_cast<float>(pixel[c]);
  }
}

// Far outside, or no number at all, is as good as just outside, and fits into an int.
float Near(float value, int extent) {
  return value >= -2 ? std::min(value, static_cast<float>(extent) + 2) : -2.0F;
}

void AddBilinear(const Image& image, PointF place, bool repeat, float weight, Colour& sum) {
  const float x = Near(place.x, image.width()) - 0.5F;
  const float y = Near(place.y, image.height()) - 0.5F;
  const float left = std::floor(x), top = std::floor(y);
  const float right_part = x - left, bottom_part = y - top;
  const int column = static_cast<int>(left), row = static_cast<int>(top);
  Add(image, column, row, repeat, weight * (1 - right_part) * (1 - bottom_part), sum);
  Add(image, column + 1, row, repeat, weight * right_part * (1 - bottom_part), sum);
  Add(image, column, row + 1, repeat, weight * (1 - right_part) * bottom_part, sum);
  Add(image, column + 1, row + 1, repeat, weight * right_part * bottom_part, sum);
}

int GridOf(float step) {
  // Written so that no number at all gives 1.
  if (!(step > 1.0F)) return 1;
  return static_cast<int>(std::min(std::ceil(step - 0.01F), static_cast<float>(kMaxGrid)));
}

}  // namespace

Affine Stretch(float left, float top, float part_width, float part_height, float width,
               float height) {
  return {part_width / width, 0, left, 0, part_height / height, top};
}

Affine Turned(PointF centre, float part_width, float part_height, float radians, float width,
              float height) {
  const float cosine = std::cos(radians), sine = std::sin(radians);
  const float x = part_width / width, y = part_height / height;
  Affine map = {cosine * x, -sine * y, 0, sine * x, cosine * y, 0};
  const PointF middle = map({width / 2, height / 2});
  map.c = centre.x - middle.x;
  map.f = centre.y - middle.y;
  return map;
}

void SamplePicture(const Image& image, const SampleOptions& options, absl::Span<float> out) {
  const Affine& map = options.to_picture;
  const int across = GridOf(std::hypot(map.a, map.d));
  const int down = GridOf(std::hypot(map.b, map.e));
  const float weight = 1.0F / static_cast<float>(across * down);
  const bool nearest = std::max(across, down) >= kNearestGrid;
  const size_t plane = static_cast<size_t>(options.width) * options.height;
  size_t at = 0;
  for (int y = 0; y < options.height; ++y) {
    for (int x = 0; x < options.width; ++x, ++at) {
      Colour sum = {0, 0, 0};
      for (int j = 0; j < down; ++j) {
        for (int i = 0; i < across; ++i) {
          const PointF place = map({static_cast<float>(x) + (static_cast<float>(i) + 0.5F) / across,
                                    static_cast<float>(y) + (static_cast<float>(j) + 0.5F) / down});
          if (nearest) {
            Add(image, static_cast<int>(std::floor(Near(place.x, image.width()))),
                static_cast<int>(std::floor(Near(place.y, image.height()))), options.repeat_border,
                weight, sum);
          } else {
            AddBilinear(image, place, options.repeat_border, weight, sum);
          }
        }
      }
      for (size_t c = 0; c < sum.size(); ++c) {
        const float value = (sum[c] - options.mean[c]) * options.scale[c];
        const size_t channel = options.bgr ? 2 - c : c;
        out[options.planar ? channel * plane + at : at * 3 + channel] = value;
      }
    }
  }
}

}  // namespace intelligenced

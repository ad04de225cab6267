#include "runtime/engines/onnx/diffusion/picture_math.h"

#include <algorithm>
#include <cmath>

namespace intelligenced {
namespace {

// One channel of the pixel; of a grey picture always the same.
int Channel(const Image& image, int x, int y, int channel) {
  const uint8_t* const pixel = image.row(y) + static_cast<size_t>(x) * image.channels();
  return pixel[image.channels() == 1 ? 0 : channel];
}

// 0 to 255.
int Brightness(const Image& image, int x, int y) {
  if (image.channels() == 1) return Channel(image, x, y, 0);
  return (Channel(image, x, y, 0) * 299 + Channel(image, x, y, 1) * 587 +
          Channel(image, x, y, 2) * 114 + 500) /
         1000;
}

}  // namespace

Tensor PictureNumbers(const Image& image) {
  Tensor tensor;
  tensor.shape = {1, 3, image.height(), image.width()};
  tensor.values.reserve(3 * static_cast<size_t>(image.width()) * image.height());
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        tensor.values.push_back(static_cast<float>(Channel(image, x, y, c)) / 127.5F - 1);
      }
    }
  }
  return tensor;
}

absl::StatusOr<Image> NumbersPicture(absl::Span<const float> planes, int width, int height) {
  absl::StatusOr<Image> image = Image::Make(width, height, 3);
  if (!image.ok()) return image.status();
  const size_t plane = static_cast<size_t>(width) * height;
  uint8_t* to = image->data();
  for (size_t i = 0; i < plane; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      const float value = planes[c * plane + i] * 127.5F + 127.5F;
      *to++ = static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
  }
  return image;
}

std::vector<float> MaskWeights(const Image& mask, int width, int height) {
  const int step_x = mask.width() / width;
  const int step_y = mask.height() / height;
  std::vector<float> weights;
  weights.reserve(static_cast<size_t>(width) * height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int sum = 0;
      for (int row = y * step_y; row < (y + 1) * step_y; ++row) {
        for (int column = x * step_x; column < (x + 1) * step_x; ++column) {
          sum += Brightness(mask, column, row);
        }
      }
      weights.push_back(static_cast<float>(sum) / (255.0F * step_x * step_y));
    }
  }
  return weights;
}

void KeepUnmasked(const Image& source, const Image& mask, Image& picture) {
  for (int y = 0; y < picture.height(); ++y) {
    uint8_t* to = picture.row(y);
    for (int x = 0; x < picture.width(); ++x) {
      const int anew = Brightness(mask, x, y);
      for (int c = 0; c < 3; ++c, ++to) {
        *to = static_cast<uint8_t>((*to * anew + Channel(source, x, y, c) * (255 - anew) + 127) /
                                   255);
      }
    }
  }
}

}  // namespace intelligenced

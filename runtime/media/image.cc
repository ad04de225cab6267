#include "runtime/media/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

absl::Status Undecodable(std::string_view message) {
  return MakeError(Reason::kImageUndecodable, message);
}

uint8_t OnWhite(unsigned value, unsigned alpha) {
  return static_cast<uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

uint8_t Clamp(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

void CopyRow(PixelFormat format, const uint8_t* from, uint8_t* to, uint32_t width) {
  switch (format) {
    case PixelFormat::kRgb:
      std::memcpy(to, from, size_t{3} * width);
      break;
    case PixelFormat::kGrey:
      std::memcpy(to, from, width);
      break;
    case PixelFormat::kRgba:
    case PixelFormat::kBgra: {
      const int red = format == PixelFormat::kRgba ? 0 : 2;
      for (uint32_t x = 0; x < width; ++x, from += 4, to += 3) {
        to[0] = OnWhite(from[red], from[3]);
        to[1] = OnWhite(from[1], from[3]);
        to[2] = OnWhite(from[2 - red], from[3]);
      }
      break;
    }
    case PixelFormat::kNv12:
      break;
  }
}

// BT.601 with video range, in 8-bit fixed point.
void Nv12Row(const uint8_t* luma, const uint8_t* chroma, uint8_t* to, uint32_t width) {
  for (uint32_t x = 0; x < width; ++x, to += 3) {
    const int c = 298 * (luma[x] - 16) + 128;
    const int d = chroma[x & ~1U] - 128;
    const int e = chroma[(x & ~1U) + 1] - 128;
    to[0] = Clamp((c + 409 * e) >> 8);
    to[1] = Clamp((c - 100 * d - 208 * e) >> 8);
    to[2] = Clamp((c + 516 * d) >> 8);
  }
}

int BytesPerPixel(PixelFormat format) {
  switch (format) {
    case PixelFormat::kRgb:
      return 3;
    case PixelFormat::kRgba:
    case PixelFormat::kBgra:
      return 4;
    default:
      return 1;
  }
}

// What one side of the result is made of: source samples with weights that add up to 1.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> MakeTaps(int from, int to) {
  std::vector<Taps> taps(to);
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    if (scale > 1) {
      const double begin = i * scale;
      const double end = std::min<double>((i + 1) * scale, from);
      taps[i].first = static_cast<int>(begin);
      for (int s = taps[i].first; s < end && s < from; ++s) {
        const double part = std::min<double>(end, s + 1) - std::max<double>(begin, s);
        taps[i].weights.push_back(static_cast<float>(part / (end - begin)));
      }
    } else {
      const double centre = std::clamp((i + 0.5) * scale - 0.5, 0.0, from - 1.0);
      taps[i].first = static_cast<int>(centre);
      const auto part = static_cast<float>(centre - taps[i].first);
      taps[i].weights = {1 - part};
      if (taps[i].first + 1 < from) taps[i].weights.push_back(part);
    }
  }
  return taps;
}

}  // namespace

absl::Status CheckExtent(uint64_t width, uint64_t height, const ImageLimits& limits) {
  if (width == 0 || height == 0) return Undecodable("The picture has no extent.");
  if (width > limits.max_side || height > limits.max_side || width * height > limits.max_pixels) {
    return Undecodable(absl::StrCat("The picture says that it has ", width, "×", height,
                                    " pixels; the most is ", limits.max_side, " a side and ",
                                    limits.max_pixels, " in all."));
  }
  return absl::OkStatus();
}

Image& Image::operator=(Image&& other) noexcept {
  width_ = std::exchange(other.width_, 0);
  height_ = std::exchange(other.height_, 0);
  channels_ = std::exchange(other.channels_, 0);
  stride_ = std::exchange(other.stride_, 0);
  pixels_ = std::exchange(other.pixels_, nullptr);
  own_ = std::move(other.own_);
  keep_ = std::move(other.keep_);
  return *this;
}

Image Image::Borrow(int width, int height, int channels, size_t stride, const uint8_t* pixels,
                    std::shared_ptr<const void> keep) {
  Image image;
  image.width_ = width;
  image.height_ = height;
  image.channels_ = channels;
  image.stride_ = stride;
  image.pixels_ = pixels;
  image.keep_ = std::move(keep);
  return image;
}

absl::StatusOr<Image> Image::Make(int width, int height, int channels) {
  Image image;
  image.width_ = width;
  image.height_ = height;
  image.channels_ = channels;
  image.stride_ = image.row_bytes();
  image.own_.reset(new (std::nothrow) uint8_t[image.size_bytes()]);
  image.pixels_ = image.own_.get();
  if (image.pixels_ == nullptr) {
    return MakeError(Reason::kMemoryInsufficient,
                     absl::StrCat("There is no memory for a picture of ", width, "×", height,
                                  " pixels (", image.size_bytes(), " bytes)."));
  }
  return image;
}

absl::StatusOr<Image> ImageFromPixels(const PixelView& pixels, const ImageLimits& limits,
                                      std::shared_ptr<const void> keep) {
  if (absl::Status status = CheckExtent(pixels.width, pixels.height, limits); !status.ok()) {
    return status;
  }
  const bool nv12 = pixels.format == PixelFormat::kNv12;
  if (nv12 && (pixels.width % 2 != 0 || pixels.height % 2 != 0)) {
    return Undecodable("NV12 needs an even width and height.");
  }
  const uint64_t row = uint64_t{pixels.width} * BytesPerPixel(pixels.format);
  const uint64_t stride = pixels.stride == 0 ? row : pixels.stride;
  if (stride < row) {
    return Undecodable(
        absl::StrCat("A row takes ", row, " bytes, but the stride is ", stride, "."));
  }
  const uint64_t rows = nv12 ? uint64_t{pixels.height} + pixels.height / 2 : pixels.height;
  const uint64_t needed = stride * (rows - 1) + row;
  if (pixels.data.size() < needed || pixels.data.size() > stride * rows) {
    return Undecodable(absl::StrCat("These pixels take ", needed, " to ", stride * rows,
                                    " bytes, but there are ", pixels.data.size(), "."));
  }
  const int channels = pixels.format == PixelFormat::kGrey ? 1 : 3;
  if (keep != nullptr &&
      (pixels.format == PixelFormat::kGrey || pixels.format == PixelFormat::kRgb)) {
    return Image::Borrow(static_cast<int>(pixels.width), static_cast<int>(pixels.height), channels,
                         stride, pixels.data.data(), std::move(keep));
  }
  absl::StatusOr<Image> image =
      Image::Make(static_cast<int>(pixels.width), static_cast<int>(pixels.height), channels);
  if (!image.ok()) return image.status();
  const uint8_t* const chroma = pixels.data.data() + stride * pixels.height;
  for (uint32_t y = 0; y < pixels.height; ++y) {
    const uint8_t* const from = pixels.data.data() + stride * y;
    uint8_t* const to = image->row(static_cast<int>(y));
    if (nv12) {
      Nv12Row(from, chroma + stride * (y / 2), to, pixels.width);
    } else {
      CopyRow(pixels.format, from, to, pixels.width);
    }
  }
  return image;
}

absl::StatusOr<Image> Upright(Image image, Orientation orientation) {
  if (orientation <= kUpright || orientation > 8) return image;
  const bool turned = orientation >= 5;
  const int width = turned ? image.height() : image.width();
  const int height = turned ? image.width() : image.height();
  absl::StatusOr<Image> result = Image::Make(width, height, image.channels());
  if (!result.ok()) return result.status();
  // Where the upright picture's top left corner lies in the stored one, and how it goes on there.
  const bool right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto channels = static_cast<ptrdiff_t>(image.channels());
  const auto row = static_cast<ptrdiff_t>(image.stride());
  const ptrdiff_t along_x = right ? -channels : channels;
  const ptrdiff_t along_y = bottom ? -row : row;
  const uint8_t* const start = std::as_const(image).row(bottom ? image.height() - 1 : 0) +
                               (right ? (image.width() - 1) * channels : 0);
  const ptrdiff_t step_x = turned ? along_y : along_x;
  const ptrdiff_t step_y = turned ? along_x : along_y;
  for (int y = 0; y < height; ++y) {
    const uint8_t* from = start + step_y * y;
    uint8_t* to = result->row(y);
    for (int x = 0; x < width; ++x, from += step_x, to += channels) {
      for (ptrdiff_t c = 0; c < channels; ++c) to[c] = from[c];
    }
  }
  return result;
}

absl::StatusOr<Image> Resize(const Image& image, int width, int height) {
  const int channels = image.channels();
  absl::StatusOr<Image> result = Image::Make(width, height, channels);
  if (!result.ok()) return result.status();
  const std::vector<Taps> columns = MakeTaps(image.width(), width);
  const std::vector<Taps> rows = MakeTaps(image.height(), height);
  std::vector<float> sums(image.row_bytes());
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (size_t i = 0; i < rows[y].weights.size(); ++i) {
      const uint8_t* const from = image.row(rows[y].first + static_cast<int>(i));
      const float weight = rows[y].weights[i];
      for (size_t x = 0; x < sums.size(); ++x) sums[x] += weight * static_cast<float>(from[x]);
    }
    uint8_t* to = result->row(y);
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        float value = 0;
        for (size_t i = 0; i < columns[x].weights.size(); ++i) {
          value += columns[x].weights[i] * sums[(columns[x].first + i) * channels + c];
        }
        *to++ = Clamp(static_cast<int>(std::lround(value)));
      }
    }
  }
  return result;
}

}  // namespace intelligenced

// Pictures in memory: what decoders give, engines look at, and encoders take.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_IMAGE_H_
#define INTELLIGENCED_RUNTIME_MEDIA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace intelligenced {

// What a picture may be at most; asked before memory is set aside for its pixels.
struct ImageLimits {
  uint32_t max_side = 65'535;
  uint64_t max_pixels = 100'000'000;
};

// IMAGE_UNDECODABLE for no extent or one beyond the limits, with both in the sentence.
absl::Status CheckExtent(uint64_t width, uint64_t height, const ImageLimits& limits);

// How a stored picture must be turned to be upright: EXIF's numbers, 1 (as it is) to 8.
using Orientation = int;
inline constexpr Orientation kUpright = 1;

// One byte a channel, grey (one channel) or RGB (three). The pixels are the image's own, rows
// without gaps, or somebody else's that it only looks at. Movable. Thread-safe for reading.
class Image {
 public:
  Image() = default;
  Image(Image&& other) noexcept { *this = std::move(other); }
  Image& operator=(Image&& other) noexcept;

  // The pixels are not set. `channels`: 1 or 3. Errors: MEMORY_INSUFFICIENT.
  static absl::StatusOr<Image> Make(int width, int height, int channels);
  // Pixels that `keep` keeps where they are, `stride` bytes from row to row. They are only read.
  static Image Borrow(int width, int height, int channels, size_t stride, const uint8_t* pixels,
                      std::shared_ptr<const void> keep);

  int width() const { return width_; }
  int height() const { return height_; }
  int channels() const { return channels_; }
  bool empty() const { return pixels_ == nullptr; }
  bool borrowed() const { return keep_ != nullptr; }
  size_t row_bytes() const { return static_cast<size_t>(width_) * channels_; }
  // What the pixels take without gaps.
  size_t size_bytes() const { return row_bytes() * height_; }
  // From row to row; row_bytes() where they are the image's own.
  size_t stride() const { return stride_; }
  const uint8_t* row(int y) const { return pixels_ + stride_ * y; }
  const uint8_t* data() const { return pixels_; }
  // Only for pixels of its own.
  uint8_t* row(int y) { return own_.get() + stride_ * y; }
  uint8_t* data() { return own_.get(); }

 private:
  int width_ = 0;
  int height_ = 0;
  int channels_ = 0;
  size_t stride_ = 0;
  const uint8_t* pixels_ = nullptr;
  std::unique_ptr<uint8_t[]> own_;
  std::shared_ptr<const void> keep_;
};

// How the bytes of somebody else's pixels lie.
enum class PixelFormat {
  kRgb,
  kRgba,  // alpha is not premultiplied
  kBgra,
  kGrey,
  // A plane of luma, then one of U and V in turn at half the width and height; BT.601, video range.
  kNv12,
};

struct PixelView {
  PixelFormat format = PixelFormat::kRgb;
  uint32_t width = 0;
  uint32_t height = 0;
  // Bytes from row to row; 0: no gaps.
  uint32_t stride = 0;
  absl::Span<const uint8_t> data;
};

// As grey or RGB; what is transparent is laid on white. A copy, except that grey and RGB pixels are
// looked at where they are when there is a `keep` that keeps them there. Errors: IMAGE_UNDECODABLE
// (extent, a stride shorter than a row, too few or far too many bytes, odd sides of NV12),
// MEMORY_INSUFFICIENT.
absl::StatusOr<Image> ImageFromPixels(const PixelView& pixels, const ImageLimits& limits = {},
                                      std::shared_ptr<const void> keep = nullptr);

// Turns and mirrors so that the picture is upright. An orientation that is none changes nothing.
// Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<Image> Upright(Image image, Orientation orientation);

// Area average when it becomes smaller, bilinear when larger. Both sides above 0.
// Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<Image> Resize(const Image& image, int width, int height);

// The PNG file of a picture. Errors: MEMORY_INSUFFICIENT, INPUT_TOO_LARGE (libpng refused it).
absl::StatusOr<std::string> EncodePng(const Image& image);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_IMAGE_H_

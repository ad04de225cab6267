// A picture may be any bytes: the decoder answers with pixels within the limits, or with an error.
#include <cstdint>
#include <cstdlib>

#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced;
  const ImageLimits limits{.max_side = 4096, .max_pixels = 1 << 20};
  absl::StatusOr<DecodedImage> decoded = DecodeImage({data, size}, limits);
  if (!decoded.ok()) {
    if (!ReasonOf(decoded.status()).has_value()) abort();
    return 0;
  }
  const Image& image = decoded->image;
  if (image.empty() || image.width() < 1 || image.height() < 1) abort();
  if (uint64_t{1} * image.width() * image.height() > limits.max_pixels) abort();
  // Every pixel is there to be read.
  uint64_t sum = 0;
  for (size_t i = 0; i < image.size_bytes(); ++i) sum += image.data()[i];
  if (sum > uint64_t{255} * image.size_bytes()) abort();
  return 0;
}

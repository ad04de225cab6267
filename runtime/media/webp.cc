#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "runtime/media/decoders.h"
#include "runtime/media/exif.h"

namespace intelligenced {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

// Four bytes a pixel onto white, at an offset.
void LayOnWhite(const Image& frame, int width, int height, int left, int top, Image& out) {
  for (int y = 0; y < height && top + y < out.height(); ++y) {
    const uint8_t* from = frame.row(y);
    uint8_t* to = out.row(top + y) + static_cast<size_t>(left) * 3;
    for (int x = 0; x < width && left + x < out.width(); ++x, from += 4, to += 3) {
      const unsigned alpha = from[3];
      for (int c = 0; c < 3; ++c) {
        to[c] = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
      }
    }
  }
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeWebp(absl::Span<const uint8_t> file, const ImageLimits& limits) {
  const WebPData data = {.bytes = file.data(), .size = file.size()};
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemux(&data));
  if (demuxer == nullptr) return DecodeError("WebP", "its structure is broken or it is cut off");
  const uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (absl::Status status = CheckExtent(width, height, limits); !status.ok()) return status;

  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) {
    return DecodeError("WebP", "it has no frame");
  }
  const absl::Cleanup release_frame = [&] { WebPDemuxReleaseIterator(&frame); };
  if (absl::Status status = CheckExtent(frame.width, frame.height, limits); !status.ok()) {
    return status;
  }
  absl::StatusOr<Image> image =
      Image::Make(static_cast<int>(width), static_cast<int>(height), /*channels=*/3);
  if (!image.ok()) return image.status();
  const bool whole = frame.x_offset == 0 && frame.y_offset == 0 && frame.width == image->width() &&
                     frame.height == image->height();
  if (whole && frame.has_alpha == 0) {
    if (WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size, image->data(),
                          image->size_bytes(), static_cast<int>(image->row_bytes())) == nullptr) {
      return DecodeError("WebP", "its data is broken or cut off");
    }
  } else {
    // Four bytes a pixel, as one row of grey ones.
    absl::StatusOr<Image> four = Image::Make(frame.width * 4, frame.height, 1);
    if (!four.ok()) return four.status();
    if (WebPDecodeRGBAInto(frame.fragment.bytes, frame.fragment.size, four->data(),
                           four->size_bytes(), static_cast<int>(four->row_bytes())) == nullptr) {
      return DecodeError("WebP", "its data is broken or cut off");
    }
    std::fill(image->data(), image->data() + image->size_bytes(), uint8_t{255});
    LayOnWhite(*four, frame.width, frame.height, frame.x_offset, frame.y_offset, *image);
  }
  DecodedImage decoded;
  decoded.image = *std::move(image);
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) != 0) {
    decoded.orientation = ExifOrientation({chunk.chunk.bytes, chunk.chunk.size});
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return decoded;
}

}  // namespace intelligenced

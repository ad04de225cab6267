#include <libheif/heif.h>

#include <cstring>
#include <memory>
#include <utility>

#include "runtime/media/decoders.h"

namespace intelligenced {
namespace {

struct Release {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(const heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(const heif_image* image) const { heif_image_release(image); }
};

void LayOnWhite(const uint8_t* from, uint8_t* to, int width) {
  for (int x = 0; x < width; ++x, from += 4, to += 3) {
    const unsigned alpha = from[3];
    for (int c = 0; c < 3; ++c) {
      to[c] = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeHeic(absl::Span<const uint8_t> file, const ImageLimits& limits) {
  const std::unique_ptr<heif_context, Release> context(heif_context_alloc());
  if (context == nullptr) return DecodeError("HEIC", "the library did not start");
  heif_security_limits* const security = heif_context_get_security_limits(context.get());
  security->max_image_size_pixels = limits.max_pixels;
  heif_error error =
      heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr);
  if (error.code != heif_error_Ok) return DecodeError("HEIC", error.message);
  heif_image_handle* found = nullptr;
  error = heif_context_get_primary_image_handle(context.get(), &found);
  if (error.code != heif_error_Ok) return DecodeError("HEIC", error.message);
  const std::unique_ptr<const heif_image_handle, Release> handle(found);
  const int width = heif_image_handle_get_width(found);
  const int height = heif_image_handle_get_height(found);
  if (width < 0 || height < 0) return DecodeError("HEIC", "its extent is negative");
  if (absl::Status status = CheckExtent(width, height, limits); !status.ok()) return status;

  const bool alpha = heif_image_handle_has_alpha_channel(found) != 0;
  heif_image* made = nullptr;
  error = heif_decode_image(found, &made, heif_colorspace_RGB,
                            alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
                            nullptr);
  if (error.code != heif_error_Ok) return DecodeError("HEIC", error.message);
  const std::unique_ptr<const heif_image, Release> pixels(made);
  // The decoded picture may have another extent than the header says.
  const int decoded_width = heif_image_get_width(made, heif_channel_interleaved);
  const int decoded_height = heif_image_get_height(made, heif_channel_interleaved);
  if (decoded_width < 1 || decoded_height < 1) return DecodeError("HEIC", "it has no pixels");
  size_t stride = 0;
  const uint8_t* const rows =
      heif_image_get_plane_readonly2(made, heif_channel_interleaved, &stride);
  if (rows == nullptr) return DecodeError("HEIC", "it has no pixels");
  absl::StatusOr<Image> image = Image::Make(decoded_width, decoded_height, /*channels=*/3);
  if (!image.ok()) return image.status();
  for (int y = 0; y < decoded_height; ++y) {
    const uint8_t* const from = rows + stride * y;
    if (alpha) {
      LayOnWhite(from, image->row(y), decoded_width);
    } else {
      std::memcpy(image->row(y), from, image->row_bytes());
    }
  }
  DecodedImage decoded;
  decoded.image = *std::move(image);
  return decoded;
}

}  // namespace intelligenced

#include <png.h>

#include <cstring>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/media/decoders.h"
#include "runtime/media/exif.h"

namespace intelligenced {
namespace {

png_image NewPngImage() {
  png_image image;
  std::memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  return image;
}

}  // namespace

absl::StatusOr<DecodedImage> DecodePng(absl::Span<const uint8_t> file, const ImageLimits& limits) {
  png_image png = NewPngImage();
  const absl::Cleanup free_png = [&] { png_image_free(&png); };
  if (png_image_begin_read_from_memory(&png, file.data(), file.size()) == 0) {
    return DecodeError("PNG", png.message);
  }
  if (absl::Status status = CheckExtent(png.width, png.height, limits); !status.ok()) return status;
  const bool grey = (png.format & PNG_FORMAT_FLAG_COLOR) == 0;
  png.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  absl::StatusOr<Image> image =
      Image::Make(static_cast<int>(png.width), static_cast<int>(png.height), grey ? 1 : 3);
  if (!image.ok()) return image.status();
  const png_color white = {255, 255, 255};
  if (png_image_finish_read(&png, &white, image->data(), 0, nullptr) == 0) {
    return DecodeError("PNG", png.message);
  }
  const PngFacts facts = ReadPngFacts(file);
  DecodedImage decoded;
  decoded.image = *std::move(image);
  decoded.orientation = facts.orientation;
  decoded.dots_per_inch = facts.dots_per_inch;
  return decoded;
}

absl::StatusOr<std::string> EncodePng(const Image& image) {
  png_image png = NewPngImage();
  const absl::Cleanup free_png = [&] { png_image_free(&png); };
  png.width = static_cast<uint32_t>(image.width());
  png.height = static_cast<uint32_t>(image.height());
  png.format = image.channels() == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png.flags = PNG_IMAGE_FLAG_FAST;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&png, bytes.data(), &size, 0, image.data(),
                                static_cast<png_int_32>(image.stride()), nullptr) == 0) {
    return MakeError(Reason::kInputTooLarge,
                     absl::StrCat("The picture cannot be written as PNG: ", png.message, "."));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace intelligenced

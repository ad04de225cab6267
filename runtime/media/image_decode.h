// Pictures from files that anybody may have made.
//
// The format is told by the first bytes. The extent is read from the header and checked before
// memory is set aside for pixels; what the libraries may take beside that is limited where they
// let it. Whatever the bytes are, the answer is a picture or an error.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_IMAGE_DECODE_H_
#define INTELLIGENCED_RUNTIME_MEDIA_IMAGE_DECODE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/media/image.h"

namespace intelligenced {

enum class ImageFormat { kUnknown, kJpeg, kPng, kWebp, kBmp, kTiff, kHeic };

// By the first bytes; says nothing about the rest.
ImageFormat SniffImageFormat(absl::Span<const uint8_t> file);

// "jpeg", "png", …; "unknown".
std::string_view ImageFormatName(ImageFormat format);

struct DecodedImage {
  // As it is stored, before `orientation` is applied. Grey where the file is; transparent parts on
  // white; of several frames or pages the first.
  Image image;
  ImageFormat format = ImageFormat::kUnknown;
  // HEIC pictures come upright already.
  Orientation orientation = kUpright;
  // 0: the file does not say.
  uint32_t dots_per_inch = 0;
};

// Pure and thread-safe. Errors: IMAGE_UNDECODABLE (no known format, broken, cut off, too large),
// MEMORY_INSUFFICIENT.
absl::StatusOr<DecodedImage> DecodeImage(absl::Span<const uint8_t> file,
                                         const ImageLimits& limits = {});

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_IMAGE_DECODE_H_

// One function for each format; `file` begins as the format's files do. Errors as DecodeImage.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_DECODERS_H_
#define INTELLIGENCED_RUNTIME_MEDIA_DECODERS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/media/image_decode.h"

namespace intelligenced {

absl::StatusOr<DecodedImage> DecodeJpeg(absl::Span<const uint8_t> file, const ImageLimits& limits);
absl::StatusOr<DecodedImage> DecodePng(absl::Span<const uint8_t> file, const ImageLimits& limits);
absl::StatusOr<DecodedImage> DecodeWebp(absl::Span<const uint8_t> file, const ImageLimits& limits);
absl::StatusOr<DecodedImage> DecodeBmp(absl::Span<const uint8_t> file, const ImageLimits& limits);
absl::StatusOr<DecodedImage> DecodeTiff(absl::Span<const uint8_t> file, const ImageLimits& limits);
absl::StatusOr<DecodedImage> DecodeHeic(absl::Span<const uint8_t> file, const ImageLimits& limits);

// "The JPEG picture cannot be decoded: " and the library's words.
absl::Status DecodeError(std::string_view format, std::string_view why);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_DECODERS_H_

#include "runtime/media/image_decode.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/media/decoders.h"

namespace intelligenced {
namespace {

bool Has(absl::Span<const uint8_t> file, size_t at, std::string_view bytes) {
  return file.size() >= at + bytes.size() &&
         std::memcmp(file.data() + at, bytes.data(), bytes.size()) == 0;
}

}  // namespace

ImageFormat SniffImageFormat(absl::Span<const uint8_t> file) {
  if (Has(file, 0, "\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (Has(file, 0, "\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (Has(file, 0, "RIFF") && Has(file, 8, "WEBP")) return ImageFormat::kWebp;
  if (Has(file, 0, "BM")) return ImageFormat::kBmp;
  for (const std::string_view mark : {std::string_view("II*\0", 4), std::string_view("MM\0*", 4),
                                      std::string_view("II+\0", 4), std::string_view("MM\0+", 4)}) {
    if (Has(file, 0, mark)) return ImageFormat::kTiff;
  }
  if (Has(file, 4, "ftyp")) {
    for (const std::string_view brand : {"heic", "heix", "heim", "heis", "mif1"}) {
      if (Has(file, 8, brand)) return ImageFormat::kHeic;
    }
  }
  return ImageFormat::kUnknown;
}

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "jpeg";
    case ImageFormat::kPng:
      return "png";
    case ImageFormat::kWebp:
      return "webp";
    case ImageFormat::kBmp:
      return "bmp";
    case ImageFormat::kTiff:
      return "tiff";
    case ImageFormat::kHeic:
      return "heic";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

absl::Status DecodeError(std::string_view format, std::string_view why) {
  // Some libraries quote the file's own bytes.
  if (!IsValidUtf8(why)) why = "its data is broken";
  return MakeError(Reason::kImageUndecodable,
                   absl::StrCat("The ", format, " picture cannot be decoded: ", why, "."));
}

absl::StatusOr<DecodedImage> DecodeImage(absl::Span<const uint8_t> file,
                                         const ImageLimits& limits) {
  const ImageFormat format = SniffImageFormat(file);
  absl::StatusOr<DecodedImage> decoded =
      MakeError(Reason::kImageUndecodable,
                file.empty() ? "The picture is empty."
                             : "This is no picture of a known format (JPEG, PNG, WebP, BMP, TIFF "
                               "or HEIC).");
  switch (format) {
    case ImageFormat::kJpeg:
      decoded = DecodeJpeg(file, limits);
      break;
    case ImageFormat::kPng:
      decoded = DecodePng(file, limits);
      break;
    case ImageFormat::kWebp:
      decoded = DecodeWebp(file, limits);
      break;
    case ImageFormat::kBmp:
      decoded = DecodeBmp(file, limits);
      break;
    case ImageFormat::kTiff:
      decoded = DecodeTiff(file, limits);
      break;
    case ImageFormat::kHeic:
      decoded = DecodeHeic(file, limits);
      break;
    case ImageFormat::kUnknown:
      break;
  }
  if (decoded.ok()) decoded->format = format;
  return decoded;
}

}  // namespace intelligenced

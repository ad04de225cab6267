#include <turbojpeg.h>

#include <cmath>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "runtime/media/decoders.h"
#include "runtime/media/exif.h"

namespace intelligenced {
namespace {

// A progressive file may ask for the whole picture again and again.
constexpr int kMaxScans = 200;
constexpr double kCentimetresPerInch = 2.54;

struct Destroy {
  void operator()(void* handle) const { tj3Destroy(handle); }
};
using Handle = std::unique_ptr<void, Destroy>;

// Adobe's files, which are nearly all with four colours, store them inverted.
void CmykToRgb(const Image& rows, Image& out) {
  const size_t pixels = static_cast<size_t>(out.width()) * out.height();
  const uint8_t* from = rows.data();
  uint8_t* to = out.data();
  for (size_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(from[c] * from[3] / 255);
  }
}

uint32_t DotsPerInch(void* handle) {
  const double density = tj3Get(handle, TJPARAM_XDENSITY);
  const int unit = tj3Get(handle, TJPARAM_DENSITYUNITS);
  if (density <= 0 || (unit != 1 && unit != 2)) return 0;
  return static_cast<uint32_t>(std::lround(unit == 1 ? density : density * kCentimetresPerInch));
}

absl::Status Decompress(void* handle, absl::Span<const uint8_t> file, Image& image, int format) {
  if (tj3Decompress8(handle, file.data(), file.size(), image.data(), 0, format) == 0) {
    return absl::OkStatus();
  }
  // Many files that everybody shows have small faults; one that ends too early is half grey.
  const std::string_view why = tj3GetErrorStr(handle);
  const bool harmless =
      tj3GetErrorCode(handle) == TJERR_WARNING && !absl::StrContains(why, "Premature end");
  return harmless ? absl::OkStatus() : DecodeError("JPEG", why);
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeJpeg(absl::Span<const uint8_t> file, const ImageLimits& limits) {
  const Handle handle(tj3Init(TJINIT_DECOMPRESS));
  if (handle == nullptr) return DecodeError("JPEG", tj3GetErrorStr(nullptr));
  tj3Set(handle.get(), TJPARAM_SCANLIMIT, kMaxScans);
  if (tj3DecompressHeader(handle.get(), file.data(), file.size()) != 0 &&
      tj3GetErrorCode(handle.get()) != TJERR_WARNING) {
    return DecodeError("JPEG", tj3GetErrorStr(handle.get()));
  }
  const int width = tj3Get(handle.get(), TJPARAM_JPEGWIDTH);
  const int height = tj3Get(handle.get(), TJPARAM_JPEGHEIGHT);
  if (width < 0 || height < 0) return DecodeError("JPEG", "it has no header");
  if (absl::Status status = CheckExtent(width, height, limits); !status.ok()) return status;
  if (tj3Get(handle.get(), TJPARAM_PRECISION) != 8) {
    return DecodeError("JPEG", "its colours have more than 8 bits");
  }
  const int colours = tj3Get(handle.get(), TJPARAM_COLORSPACE);
  const bool grey = colours == TJCS_GRAY;
  const bool cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;

  DecodedImage decoded;
  decoded.orientation = JpegOrientation(file);
  decoded.dots_per_inch = DotsPerInch(handle.get());
  absl::StatusOr<Image> image = Image::Make(width, height, grey ? 1 : 3);
  if (!image.ok()) return image.status();
  if (cmyk) {
    // Four bytes a pixel, as one row of grey ones.
    absl::StatusOr<Image> four = Image::Make(width * 4, height, 1);
    if (!four.ok()) return four.status();
    if (absl::Status status = Decompress(handle.get(), file, *four, TJPF_CMYK); !status.ok()) {
      return status;
    }
    CmykToRgb(*four, *image);
  } else if (absl::Status status =
                 Decompress(handle.get(), file, *image, grey ? TJPF_GRAY : TJPF_RGB);
             !status.ok()) {
    return status;
  }
  decoded.image = *std::move(image);
  return decoded;
}

}  // namespace intelligenced

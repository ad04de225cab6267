#include <tiffio.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "runtime/base/reasons.h"
#include "runtime/media/decoders.h"

namespace intelligenced {
namespace {

// What libtiff may take for strips and tiles; the pixels themselves are counted by the limits.
constexpr tmsize_t kMaxAllocation = tmsize_t{512} << 20;
constexpr double kCentimetresPerInch = 2.54;

// A file in memory, and the first thing that libtiff said about it.
struct Source {
  absl::Span<const uint8_t> file;
  uint64_t at = 0;
  std::string message;
};

tmsize_t Read(thandle_t handle, void* out, tmsize_t size) {
  auto& source = *static_cast<Source*>(handle);
  const uint64_t left = source.at < source.file.size() ? source.file.size() - source.at : 0;
  const uint64_t count = std::min<uint64_t>(left, static_cast<uint64_t>(size));
  if (count > 0) std::memcpy(out, source.file.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}
tmsize_t Write(thandle_t, void*, tmsize_t) { return 0; }
toff_t Seek(thandle_t handle, toff_t offset, int from) {
  auto& source = *static_cast<Source*>(handle);
  if (from == SEEK_SET) source.at = offset;
  if (from == SEEK_CUR) source.at += offset;
  if (from == SEEK_END) source.at = source.file.size() + offset;
  return source.at;
}
int Close(thandle_t) { return 0; }
toff_t Size(thandle_t handle) { return static_cast<Source*>(handle)->file.size(); }
int Map(thandle_t handle, void** base, toff_t* size) {
  const auto& source = *static_cast<Source*>(handle);
  // libtiff reads from a mapping only.
  *base = const_cast<uint8_t*>(source.file.data());
  *size = source.file.size();
  return 1;
}
void Unmap(thandle_t, void*, toff_t) {}

int Report(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& source = *static_cast<Source*>(user);
  if (!source.message.empty()) return 1;
  char text[256];
  std::vsnprintf(text, sizeof(text), format, arguments);
  source.message = text;
  return 1;
}
int Ignore(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff Open(Source& source) {
  TIFFOpenOptions* const options = TIFFOpenOptionsAlloc();
  const absl::Cleanup free_options = [&] { TIFFOpenOptionsFree(options); };
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, kMaxAllocation);
  TIFFOpenOptionsSetMaxCumulatedMemAlloc(options, kMaxAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options, Report, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, Ignore, nullptr);
  return Tiff(TIFFClientOpenExt("picture", "rm", &source, Read, Write, Seek, Close, Size, Map,
                                Unmap, options));
}

uint32_t DotsPerInch(TIFF* tiff) {
  float resolution = 0;
  uint16_t unit = RESUNIT_INCH;
  if (TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &resolution) == 0) return 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
  if (!(resolution > 0 && resolution < 100'000)) return 0;
  if (unit == RESUNIT_CENTIMETER) resolution *= static_cast<float>(kCentimetresPerInch);
  return unit == RESUNIT_NONE ? 0 : static_cast<uint32_t>(std::lround(resolution));
}

bool IsGrey(TIFF* tiff) {
  uint16_t photometric = PHOTOMETRIC_RGB;
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  return photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
}

// libtiff gives premultiplied colours.
uint8_t OnWhite(uint32_t value, uint32_t alpha) {
  return static_cast<uint8_t>(std::min<uint32_t>(255, value + 255 - alpha));
}

void FromRaster(const uint32_t* raster, Image& image) {
  uint8_t* to = image.data();
  const size_t pixels = static_cast<size_t>(image.width()) * image.height();
  for (size_t i = 0; i < pixels; ++i) {
    const uint32_t pixel = raster[i];
    const uint32_t alpha = TIFFGetA(pixel);
    *to++ = OnWhite(TIFFGetR(pixel), alpha);
    if (image.channels() == 1) continue;
    *to++ = OnWhite(TIFFGetG(pixel), alpha);
    *to++ = OnWhite(TIFFGetB(pixel), alpha);
  }
}

absl::Status ErrorOf(const Source& source) {
  return DecodeError("TIFF", source.message.empty() ? "its data is broken" : source.message);
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeTiff(absl::Span<const uint8_t> file, const ImageLimits& limits) {
  Source source{.file = file, .at = 0, .message = ""};
  const Tiff tiff = Open(source);
  if (tiff == nullptr) return ErrorOf(source);
  uint32_t width = 0;
  uint32_t height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  if (absl::Status status = CheckExtent(width, height, limits); !status.ok()) return status;

  TIFFRGBAImage reader;
  char why[1024] = "";
  if (TIFFRGBAImageBegin(&reader, tiff.get(), /*stop=*/1, why) == 0) {
    return DecodeError("TIFF", why);
  }
  const absl::Cleanup end_reader = [&] { TIFFRGBAImageEnd(&reader); };
  // As stored: turning is the caller's.
  reader.req_orientation = reader.orientation;
  absl::StatusOr<Image> image =
      Image::Make(static_cast<int>(width), static_cast<int>(height), IsGrey(tiff.get()) ? 1 : 3);
  if (!image.ok()) return image.status();
  const std::unique_ptr<uint32_t[]> raster(new (std::nothrow)
                                               uint32_t[static_cast<size_t>(width) * height]);
  if (raster == nullptr) {
    return MakeError(Reason::kMemoryInsufficient, "There is no memory to decode the TIFF picture.");
  }
  if (TIFFRGBAImageGet(&reader, raster.get(), width, height) == 0) return ErrorOf(source);
  FromRaster(raster.get(), *image);
  DecodedImage decoded;
  decoded.image = *std::move(image);
  decoded.orientation = reader.orientation;
  decoded.dots_per_inch = DotsPerInch(tiff.get());
  return decoded;
}

}  // namespace intelligenced

// The two things that pictures' metadata says and engines need. Pure; never reads outside `data`.
#ifndef INTELLIGENCED_RUNTIME_MEDIA_EXIF_H_
#define INTELLIGENCED_RUNTIME_MEDIA_EXIF_H_

#include <cstdint>

#include "absl/types/span.h"
#include "runtime/media/image.h"

namespace intelligenced {

// The orientation in a block of EXIF data (a TIFF header and its first directory, with or without
// "Exif\0\0" before it). kUpright when it says nothing or nothing sensible.
Orientation ExifOrientation(absl::Span<const uint8_t> data);

// The same for a JPEG file: of its APP1 segment, before the first scan.
Orientation JpegOrientation(absl::Span<const uint8_t> file);

// Of a PNG file's chunks eXIf and pHYs.
struct PngFacts {
  Orientation orientation = kUpright;
  uint32_t dots_per_inch = 0;  // 0: it does not say
};
PngFacts ReadPngFacts(absl::Span<const uint8_t> file);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MEDIA_EXIF_H_

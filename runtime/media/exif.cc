#include "runtime/media/exif.h"

#include <cmath>
#include <cstring>
#include <string_view>

namespace intelligenced {
namespace {

using Bytes = absl::Span<const uint8_t>;

uint32_t Number(Bytes bytes, size_t at, int size, bool big_endian) {
  uint32_t value = 0;
  for (int i = 0; i < size; ++i) {
    value |= static_cast<uint32_t>(bytes[at + i]) << (8 * (big_endian ? size - 1 - i : i));
  }
  return value;
}

bool Begins(Bytes bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() &&
         std::memcmp(bytes.data(), prefix.data(), prefix.size()) == 0;
}

constexpr std::string_view kExifMark("Exif\0\0", 6);
constexpr uint32_t kOrientationTag = 0x0112;
constexpr double kInchesPerMetre = 1 / 0.0254;

}  // namespace

Orientation ExifOrientation(Bytes data) {
  if (Begins(data, kExifMark)) data.remove_prefix(kExifMark.size());
  if (data.size() < 8) return kUpright;
  const bool big = Begins(data, "MM");
  if (!big && !Begins(data, "II")) return kUpright;
  if (Number(data, 2, 2, big) != 42) return kUpright;
  const uint64_t directory = Number(data, 4, 4, big);
  if (directory + 2 > data.size()) return kUpright;
  const uint32_t entries = Number(data, directory, 2, big);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t at = directory + 2 + 12 * i;
    if (at + 12 > data.size()) break;
    if (Number(data, at, 2, big) != kOrientationTag) continue;
    const uint32_t value = Number(data, at + 8, 2, big);
    return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : kUpright;
  }
  return kUpright;
}

Orientation JpegOrientation(Bytes file) {
  size_t at = 2;
  while (at + 4 <= file.size() && file[at] == 0xff) {
    const uint8_t marker = file[at + 1];
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;
    const size_t length = Number(file, at + 2, 2, /*big_endian=*/true);
    if (length < 2 || at + 2 + length > file.size()) break;
    const Bytes segment = file.subspan(at + 4, length - 2);
    if (marker == 0xe1 && Begins(segment, kExifMark)) return ExifOrientation(segment);
    at += 2 + length;
  }
  return kUpright;
}

PngFacts ReadPngFacts(Bytes file) {
  PngFacts facts;
  size_t at = 8;
  while (at + 12 <= file.size()) {
    const uint64_t length = Number(file, at, 4, /*big_endian=*/true);
    if (length > file.size() - at - 12) break;
    const Bytes kind = file.subspan(at + 4, 4);
    const Bytes body = file.subspan(at + 8, length);
    if (Begins(kind, "eXIf")) facts.orientation = ExifOrientation(body);
    if (Begins(kind, "pHYs") && length == 9 && body[8] == 1) {
      const double per_metre = Number(body, 0, 4, /*big_endian=*/true);
      facts.dots_per_inch = static_cast<uint32_t>(std::lround(per_metre / kInchesPerMetre));
    }
    at += 12 + length;
  }
  return facts;
}

}  // namespace intelligenced

// Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits, palettes and bit fields. Run lengths are refused:
// nobody writes them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "runtime/media/decoders.h"

namespace intelligenced {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr size_t kFileHeader = 14;
constexpr uint32_t kRgb = 0;
constexpr uint32_t kBitFields = 3;
constexpr uint32_t kAlphaBitFields = 6;
constexpr double kInchesPerMetre = 1 / 0.0254;

uint32_t U16(Bytes bytes, size_t at) { return bytes[at] | bytes[at + 1] << 8; }
uint32_t U32(Bytes bytes, size_t at) { return U16(bytes, at) | U16(bytes, at + 2) << 16; }

struct Header {
  uint32_t header_bytes = 0;
  int64_t width = 0;
  int64_t height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  uint32_t compression = kRgb;
  uint32_t colours = 0;
  uint32_t pixels_per_metre = 0;
  uint32_t masks[3] = {0, 0, 0};
};

absl::StatusOr<Header> ReadHeader(Bytes file) {
  if (file.size() < kFileHeader + 12) return DecodeError("BMP", "it is cut off in its header");
  Header header;
  header.header_bytes = U32(file, kFileHeader);
  if (header.header_bytes == 12) {
    header.width = U16(file, kFileHeader + 4);
    header.height = U16(file, kFileHeader + 6);
    header.bits = U16(file, kFileHeader + 10);
    return header;
  }
  if (header.header_bytes < 40 || header.header_bytes > 256 ||
      file.size() < kFileHeader + header.header_bytes) {
    return DecodeError("BMP", "its header is broken");
  }
  header.width = static_cast<int32_t>(U32(file, kFileHeader + 4));
  header.height = static_cast<int32_t>(U32(file, kFileHeader + 8));
  header.top_down = header.height < 0;
  header.height = std::abs(header.height);
  header.bits = U16(file, kFileHeader + 14);
  header.compression = U32(file, kFileHeader + 16);
  header.pixels_per_metre = U32(file, kFileHeader + 24);
  header.colours = U32(file, kFileHeader + 32);
  if (header.compression == kBitFields || header.compression == kAlphaBitFields) {
    if (file.size() < kFileHeader + 52) return DecodeError("BMP", "it is cut off in its header");
    for (int i = 0; i < 3; ++i) header.masks[i] = U32(file, kFileHeader + 40 + 4 * i);
  } else if (header.compression != kRgb) {
    return DecodeError("BMP", "its pixels are compressed");
  } else if (header.bits == 16) {
    header.masks[0] = 0x7c00;
    header.masks[1] = 0x03e0;
    header.masks[2] = 0x001f;
  } else {
    header.masks[0] = 0xff0000;
    header.masks[1] = 0x00ff00;
    header.masks[2] = 0x0000ff;
  }
  return header;
}

struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
};

// As many colours as a pixel can name; those that the file leaves out are black.
absl::StatusOr<std::vector<Colour>> ReadPalette(Bytes file, const Header& header) {
  const uint32_t most = 1U << header.bits;
  const uint32_t count = header.colours == 0 ? most : std::min(header.colours, most);
  const size_t entry = header.header_bytes == 12 ? 3 : 4;
  const size_t start = kFileHeader + header.header_bytes;
  if (file.size() < start + entry * count) return DecodeError("BMP", "its palette is cut off");
  std::vector<Colour> palette(most);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t at = start + entry * i;
    palette[i] = {.red = file[at + 2], .green = file[at + 1], .blue = file[at]};
  }
  return palette;
}

// The bits of a mask as 0 to 255.
uint8_t Field(uint32_t value, uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  const uint64_t most = mask >> shift;
  return static_cast<uint8_t>((uint64_t{(value & mask) >> shift} * 255 + most / 2) / most);
}

void FillRow(const Header& header, const std::vector<Colour>& palette, Bytes from, uint8_t* to) {
  for (int64_t x = 0; x < header.width; ++x, to += 3) {
    Colour colour;
    if (header.bits <= 8) {
      const int64_t bit = x * header.bits;
      const uint32_t shift = 8 - header.bits - static_cast<uint32_t>(bit % 8);
      colour = palette[from[bit / 8] >> shift & ((1U << header.bits) - 1)];
    } else if (header.bits == 24) {
      colour = {.red = from[3 * x + 2], .green = from[3 * x + 1], .blue = from[3 * x]};
    } else {
      const uint32_t value = header.bits == 16 ? U16(from, 2 * x) : U32(from, 4 * x);
      colour = {.red = Field(value, header.masks[0]),
                .green = Field(value, header.masks[1]),
                .blue = Field(value, header.masks[2])};
    }
    to[0] = colour.red;
    to[1] = colour.green;
    to[2] = colour.blue;
  }
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeBmp(Bytes file, const ImageLimits& limits) {
  absl::StatusOr<Header> header = ReadHeader(file);
  if (!header.ok()) return header.status();
  if (header->width < 0) return DecodeError("BMP", "its width is negative");
  if (absl::Status status = CheckExtent(header->width, header->height, limits); !status.ok()) {
    return status;
  }
  const uint32_t bits = header->bits;
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
    return DecodeError("BMP", "its pixels have an unknown number of bits");
  }
  std::vector<Colour> palette;
  if (bits <= 8) {
    absl::StatusOr<std::vector<Colour>> read = ReadPalette(file, *header);
    if (!read.ok()) return read.status();
    palette = *std::move(read);
  }
  const uint64_t stride = (static_cast<uint64_t>(header->width) * bits + 31) / 32 * 4;
  const uint64_t start = U32(file, 10);
  if (start > file.size() || stride * header->height > file.size() - start) {
    return DecodeError("BMP", "it is cut off");
  }
  const auto width = static_cast<int>(header->width);
  const auto height = static_cast<int>(header->height);
  absl::StatusOr<Image> image = Image::Make(width, height, /*channels=*/3);
  if (!image.ok()) return image.status();
  for (int y = 0; y < height; ++y) {
    FillRow(*header, palette, file.subspan(start + stride * y, stride),
            image->row(header->top_down ? y : height - 1 - y));
  }
  DecodedImage decoded;
  decoded.image = *std::move(image);
  decoded.dots_per_inch =
      static_cast<uint32_t>(std::lround(header->pixels_per_metre / kInchesPerMetre));
  return decoded;
}

}  // namespace intelligenced

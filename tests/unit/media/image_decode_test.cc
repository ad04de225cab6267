// Files of every format, good and bad.
#include "runtime/media/image_decode.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/unit/media/image_files.h"

namespace intelligenced {
namespace {

struct NamedFile {
  ImageFormat format;
  std::string file;
};

std::vector<NamedFile> Files(const Image& image) {
  return {{ImageFormat::kJpeg, JpegFile(image)},
          {ImageFormat::kPng, *EncodePng(image)},
          {ImageFormat::kWebp, WebpFile(image)},
          {ImageFormat::kBmp, BmpFile(image)},
          {ImageFormat::kTiff, TiffFile(image)}};
}

void ExpectSame(const Image& image, const Image& expected, int tolerance) {
  ASSERT_EQ(image.width(), expected.width());
  ASSERT_EQ(image.height(), expected.height());
  ASSERT_EQ(image.channels(), expected.channels());
  int worst = 0;
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    worst = std::max(worst, std::abs(image.data()[i] - expected.data()[i]));
  }
  EXPECT_LE(worst, tolerance);
}

TEST(ImageDecodeTest, EveryFormatGivesThePixelsThatWereWritten) {
  const Image image = FourColours(32, 16);
  for (const NamedFile& named : Files(image)) {
    SCOPED_TRACE(ImageFormatName(named.format));
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(named.file));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->format, named.format);
    EXPECT_EQ(decoded->orientation, kUpright);
    ExpectSame(decoded->image, image, named.format == ImageFormat::kJpeg ? 8 : 0);
  }
}

TEST(ImageDecodeTest, GreyStaysGrey) {
  Image image = *Image::Make(16, 16, 1);
  for (int i = 0; i < 256; ++i) image.data()[i] = static_cast<uint8_t>(i);
  for (const std::string& file : {JpegFile(image), *EncodePng(image), TiffFile(image)}) {
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(file));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ExpectSame(decoded->image, image, 8);
  }
}

TEST(ImageDecodeTest, OnePixel) {
  for (const NamedFile& named : Files(FourColours(1, 1))) {
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(named.file));
    ASSERT_TRUE(decoded.ok()) << ImageFormatName(named.format) << decoded.status();
    EXPECT_EQ(decoded->image.width(), 1);
  }
}

TEST(ImageDecodeTest, OrientationAndResolutionAreRead) {
  const Image image = FourColours(8, 8);
  for (char orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(DecodeImage(BytesOf(JpegFileTurned(image, orientation)))->orientation, orientation);
    const std::string tiff = TiffFile(image, static_cast<uint16_t>(orientation));
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(tiff));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->orientation, orientation);
    EXPECT_EQ(decoded->dots_per_inch, 300);
    ExpectSame(decoded->image, image, 0);  // as stored
  }
  EXPECT_EQ(DecodeImage(BytesOf(JpegFileTurned(image, 9)))->orientation, kUpright);
  EXPECT_EQ(DecodeImage(BytesOf(BmpFile(image)))->dots_per_inch, 300);
}

TEST(ImageDecodeTest, WhatIsNoPicture) {
  for (const std::string_view text : {"", "B", "GIF89a", "%PDF-1.7", "hello, world", "\xff\xd8"}) {
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(std::string(text)));
    EXPECT_TRUE(HasReason(decoded.status(), Reason::kImageUndecodable)) << decoded.status();
  }
}

TEST(ImageDecodeTest, APolyglotIsWhatItsFirstBytesSay) {
  const Image image = FourColours(8, 8);
  const std::string png = *EncodePng(image);
  // A PNG with a page of HTML and a JPEG behind its end: a PNG.
  const absl::StatusOr<DecodedImage> decoded =
      DecodeImage(BytesOf(png + "<html><script>" + JpegFile(image)));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->format, ImageFormat::kPng);
  // A page of HTML with a PNG behind it: no picture.
  EXPECT_FALSE(DecodeImage(BytesOf("<html>" + png)).ok());
}

TEST(ImageDecodeTest, CutOffAnywhereIsAnError) {
  for (const NamedFile& named : Files(FourColours(64, 48))) {
    SCOPED_TRACE(ImageFormatName(named.format));
    for (const double part : {0.05, 0.3, 0.6, 0.9}) {
      const std::string file =
          named.file.substr(0, static_cast<size_t>(static_cast<double>(named.file.size()) * part));
      const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(file));
      EXPECT_TRUE(HasReason(decoded.status(), Reason::kImageUndecodable))
          << part << " " << decoded.status();
    }
  }
}

TEST(ImageDecodeTest, FlippedBitsGiveAPictureOrAnError) {
  std::mt19937 random(7);
  for (const NamedFile& named : Files(FourColours(40, 30))) {
    for (int round = 0; round < 300; ++round) {
      std::string file = named.file;
      for (int i = 0; i < 3; ++i)
        file[random() % file.size()] ^= static_cast<char>(1 << random() % 8);
      const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(file));
      if (decoded.ok()) {
        EXPECT_FALSE(decoded->image.empty());
      } else {
        EXPECT_TRUE(ReasonOf(decoded.status()).has_value()) << decoded.status();
      }
    }
  }
}

// The extent that the header claims, changed in place.
std::string Claim(const NamedFile& named, uint32_t width, uint32_t height) {
  std::string file = named.file;
  const auto put = [&](size_t at, uint32_t value, int bytes, bool big) {
    for (int i = 0; i < bytes; ++i) {
      file[at + i] = static_cast<char>(value >> (8 * (big ? bytes - 1 - i : i)) & 255);
    }
  };
  switch (named.format) {
    case ImageFormat::kJpeg: {
      const size_t frame = file.find("\xff\xc0");
      put(frame + 5, height, 2, true);
      put(frame + 7, width, 2, true);
      break;
    }
    case ImageFormat::kPng:
      put(16, width, 4, true);
      put(20, height, 4, true);
      break;
    case ImageFormat::kBmp:
      put(18, width, 4, false);
      put(22, height, 4, false);
      break;
    case ImageFormat::kTiff: {
      // Little-endian; the list of tags, of which 256 and 257 are the sides.
      const auto number = [&](size_t at, int bytes) {
        size_t value = 0;
        for (int i = bytes - 1; i >= 0; --i)
          value = value << 8 | static_cast<uint8_t>(file[at + i]);
        return value;
      };
      const size_t list = number(4, 4);
      for (size_t i = 0; i < number(list, 2); ++i) {
        const size_t entry = list + 2 + 12 * i;
        if (number(entry, 2) != 256 && number(entry, 2) != 257) continue;
        const bool is_short = number(entry + 2, 2) == 3;
        put(entry + 8, number(entry, 2) == 256 ? width : height, is_short ? 2 : 4, false);
      }
      break;
    }
    case ImageFormat::kWebp: {
      // Fourteen bits a side after the mark of a lossless picture: 16384 is the most.
      const size_t mark = file.find("\x2f", 20);
      put(mark + 1, 0x0fffffff, 4, false);
      break;
    }
    default:
      break;
  }
  return file;
}

TEST(ImageDecodeTest, AHugeClaimIsRefusedFromTheHeader) {
  for (const NamedFile& named : Files(FourColours(8, 8))) {
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(Claim(named, 65'500, 65'500)));
    EXPECT_TRUE(HasReason(decoded.status(), Reason::kImageUndecodable))
        << ImageFormatName(named.format) << decoded.status();
  }
  // The limit holds for what would fit as well.
  for (const NamedFile& named : Files(FourColours(64, 64))) {
    const absl::StatusOr<DecodedImage> decoded =
        DecodeImage(BytesOf(named.file), {.max_side = 65'535, .max_pixels = 64 * 63});
    EXPECT_TRUE(HasReason(decoded.status(), Reason::kImageUndecodable)) << decoded.status();
    EXPECT_NE(decoded.status().message().find("64×64"), std::string::npos) << decoded.status();
  }
}

TEST(ImageDecodeTest, BitmapsOfFewColours) {
  // Two pixels of one bit; a palette of blue and white.
  std::string file("BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\x01\0", 30);
  file += std::string(24, '\0') + std::string("\xff\0\0\0\xff\xff\xff\0", 8) +
          std::string("\x40\0\0\0", 4);
  const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(file));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const uint8_t* const row = decoded->image.row(0);
  EXPECT_EQ(std::vector<int>(row, row + 6), (std::vector<int>{0, 0, 255, 255, 255, 255}));
}

}  // namespace
}  // namespace intelligenced

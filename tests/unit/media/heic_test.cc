// HEIC files, made by the library itself where it has an encoder.
#include <libheif/heif.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/media/image_files.h"

namespace intelligenced {
namespace {

struct Release {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_encoder* encoder) const { heif_encoder_release(encoder); }
  void operator()(heif_image* image) const { heif_image_release(image); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
};

heif_error Append(heif_context*, const void* data, size_t size, void* file) {
  static_cast<std::string*>(file)->append(static_cast<const char*>(data), size);
  return {heif_error_Ok, heif_suberror_Unspecified, ""};
}

// Nothing where libheif has no encoder for HEVC.
std::optional<std::string> HeicFile(const Image& image) {
  const std::unique_ptr<heif_context, Release> context(heif_context_alloc());
  heif_encoder* found = nullptr;
  if (heif_context_get_encoder_for_format(context.get(), heif_compression_HEVC, &found).code !=
      heif_error_Ok) {
    return std::nullopt;
  }
  const std::unique_ptr<heif_encoder, Release> encoder(found);
  heif_encoder_set_lossy_quality(found, 95);
  heif_image* made = nullptr;
  heif_image_create(image.width(), image.height(), heif_colorspace_RGB, heif_chroma_interleaved_RGB,
                    &made);
  const std::unique_ptr<heif_image, Release> pixels(made);
  heif_image_add_plane(made, heif_channel_interleaved, image.width(), image.height(), 8);
  size_t stride = 0;
  uint8_t* const rows = heif_image_get_plane2(made, heif_channel_interleaved, &stride);
  for (int y = 0; y < image.height(); ++y) {
    std::memcpy(rows + stride * y, image.row(y), image.row_bytes());
  }
  heif_image_handle* handle = nullptr;
  const heif_error error = heif_context_encode_image(context.get(), made, found, nullptr, &handle);
  EXPECT_EQ(error.code, heif_error_Ok) << error.message;
  const std::unique_ptr<heif_image_handle, Release> own(handle);
  std::string file;
  heif_writer writer = {};
  writer.writer_api_version = 1;
  writer.write = Append;
  heif_context_write(context.get(), &writer, &file);
  return file;
}

constexpr char kNoEncoder[] =
    "libheif has no HEVC encoder here: install libheif-plugin-x265 or libheif-plugin-kvazaar";

TEST(HeicTest, GivesThePixelsThatWereWritten) {
  const Image image = FourColours(128, 64);
  const std::optional<std::string> file = HeicFile(image);
  if (!file.has_value()) GTEST_SKIP() << kNoEncoder;
  const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(*file));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->format, ImageFormat::kHeic);
  ASSERT_EQ(decoded->image.width(), 128);
  ASSERT_EQ(decoded->image.height(), 64);
  // In the middle of each field: chroma is coarse at the borders.
  for (const auto& [x, y] :
       {std::pair(32, 16), std::pair(96, 16), std::pair(32, 48), std::pair(96, 48)}) {
    for (int c = 0; c < 3; ++c) {
      const Image& read = decoded->image;
      EXPECT_NEAR(read.row(y)[3 * x + c], image.row(y)[3 * x + c], 12) << x << "," << y;
    }
  }
  EXPECT_FALSE(DecodeImage(BytesOf(*file), {.max_side = 4096, .max_pixels = 128 * 63}).ok());
}

TEST(HeicTest, CutOffOrFlippedIsAPictureOrAnError) {
  const std::optional<std::string> file = HeicFile(FourColours(64, 64));
  if (!file.has_value()) GTEST_SKIP() << kNoEncoder;
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bad = *file;
    if (round % 3 == 0) {
      bad.resize(random() % bad.size());
    } else {
      bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    }
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(bad));
    if (!decoded.ok()) {
      EXPECT_TRUE(ReasonOf(decoded.status()).has_value()) << decoded.status();
    }
  }
}

TEST(HeicTest, WhatOnlyBeginsLikeOneIsAnError) {
  for (const std::string_view brand : {"heic", "heix", "mif1"}) {
    const std::string file = std::string(
                                 "\0\0\0\x18"
                                 "ftyp",
                                 8) +
                             std::string(brand) + std::string("\0\0\0\0mif1heic", 12);
    const absl::StatusOr<DecodedImage> decoded = DecodeImage(BytesOf(file));
    EXPECT_TRUE(HasReason(decoded.status(), Reason::kImageUndecodable)) << decoded.status();
  }
}

}  // namespace
}  // namespace intelligenced

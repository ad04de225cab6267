// Pixels in memory: raw buffers, turning, resizing.
#include "runtime/media/image.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/unit/media/image_files.h"

namespace intelligenced {
namespace {

std::vector<int> PixelAt(const Image& image, int x, int y) {
  const uint8_t* const pixel = image.row(y) + static_cast<ptrdiff_t>(image.channels()) * x;
  return {pixel, pixel + image.channels()};
}

TEST(ImageTest, RawBuffersOfEveryFormat) {
  const std::array<uint8_t, 8> rgba = {10, 20, 30, 255, 10, 20, 30, 0};
  absl::StatusOr<Image> image =
      ImageFromPixels({.format = PixelFormat::kRgba, .width = 2, .height = 1, .data = rgba});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(PixelAt(*image, 0, 0), (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(PixelAt(*image, 1, 0), (std::vector<int>{255, 255, 255}));  // transparent: white

  image = ImageFromPixels({.format = PixelFormat::kBgra, .width = 2, .height = 1, .data = rgba});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(PixelAt(*image, 0, 0), (std::vector<int>{30, 20, 10}));

  // A stride leaves bytes between the rows; the last row needs none.
  const std::array<uint8_t, 7> grey = {1, 2, 99, 99, 3, 4, 99};
  for (const size_t size : {6, 7}) {
    image = ImageFromPixels({.format = PixelFormat::kGrey,
                             .width = 2,
                             .height = 2,
                             .stride = 4,
                             .data = absl::MakeConstSpan(grey).first(size)});
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->channels(), 1);
    EXPECT_EQ(PixelAt(*image, 1, 1), std::vector<int>{4});
  }

  const std::array<uint8_t, 12> rgb = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  image = ImageFromPixels({.format = PixelFormat::kRgb, .width = 2, .height = 2, .data = rgb});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(PixelAt(*image, 0, 1), (std::vector<int>{7, 8, 9}));

  // White, black, and red by its chroma (BT.601, video range).
  const std::array<uint8_t, 12> nv12 = {235, 235, 81, 81, 235, 235, 81, 81, 128, 128, 90, 240};
  image = ImageFromPixels({.format = PixelFormat::kNv12, .width = 4, .height = 2, .data = nv12});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(PixelAt(*image, 0, 0), (std::vector<int>{255, 255, 255}));
  const std::vector<int> red = PixelAt(*image, 3, 1);
  EXPECT_GE(red[0], 253);
  EXPECT_LE(red[1], 2);
  EXPECT_LE(red[2], 2);
}

TEST(ImageTest, PixelsThatAreKeptAreLookedAtWhereTheyAre) {
  const auto keep = std::make_shared<const std::vector<uint8_t>>(
      std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 99, 99, 7, 8, 9, 10, 11, 12});
  absl::StatusOr<Image> image = ImageFromPixels(
      {.format = PixelFormat::kRgb, .width = 2, .height = 2, .stride = 8, .data = *keep}, {}, keep);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(image->borrowed());
  EXPECT_EQ(std::as_const(*image).data(), keep->data());
  EXPECT_EQ(keep.use_count(), 2);
  EXPECT_EQ(PixelAt(*image, 1, 1), (std::vector<int>{10, 11, 12}));
  // The same PNG, and the same when it is turned, as of a copy.
  const absl::StatusOr<Image> copy = ImageFromPixels(
      {.format = PixelFormat::kRgb, .width = 2, .height = 2, .stride = 8, .data = *keep});
  EXPECT_FALSE(copy->borrowed());
  EXPECT_EQ(*EncodePng(*image), *EncodePng(*copy));
  EXPECT_EQ(PixelAt(*Resize(*image, 1, 1), 0, 0), PixelAt(*Resize(*copy, 1, 1), 0, 0));
  Image moved = *std::move(image);
  EXPECT_TRUE(image->empty());  // NOLINT(bugprone-use-after-move)
  const absl::StatusOr<Image> turned = Upright(std::move(moved), 3);
  EXPECT_FALSE(turned->borrowed());
  EXPECT_EQ(PixelAt(*turned, 0, 0), (std::vector<int>{10, 11, 12}));
  EXPECT_EQ(keep.use_count(), 1);
}

TEST(ImageTest, PixelsThatMustBeConvertedAreCopied) {
  const auto keep = std::make_shared<const std::vector<uint8_t>>(
      std::vector<uint8_t>{1, 2, 3, 255, 4, 5, 6, 255});
  const absl::StatusOr<Image> image = ImageFromPixels(
      {.format = PixelFormat::kBgra, .width = 2, .height = 1, .data = *keep}, {}, keep);
  ASSERT_TRUE(image.ok());
  EXPECT_FALSE(image->borrowed());
  EXPECT_EQ(keep.use_count(), 1);
}

TEST(ImageTest, RawBuffersThatLie) {
  const std::vector<uint8_t> data(64);
  const auto expect_refused = [&](PixelView view, std::string_view words) {
    const absl::StatusOr<Image> image = ImageFromPixels(view);
    EXPECT_TRUE(HasReason(image.status(), Reason::kImageUndecodable)) << image.status();
    EXPECT_NE(image.status().message().find(words), std::string::npos) << image.status();
  };
  const PixelView good = {.format = PixelFormat::kRgb, .width = 4, .height = 4, .data = data};
  PixelView view = good;
  view.width = 0;
  expect_refused(view, "no extent");
  view = good;
  view.stride = 11;
  expect_refused(view, "stride");
  view = good;
  view.height = 6;
  expect_refused(view, "bytes");
  view = good;
  view.height = 2;
  expect_refused(view, "bytes");  // a wrong extent: far more bytes than rows
  view = good;
  view.width = view.height = 65'500;
  expect_refused(view, "65500×65500");
  view = good;
  view.stride = 0xffff'ffff;
  expect_refused(view, "bytes");
  view = {.format = PixelFormat::kNv12, .width = 3, .height = 2, .data = data};
  expect_refused(view, "even");
}

TEST(ImageTest, EveryOrientationComesUpright) {
  // What EXIF's values say: where the stored first row and column belong.
  const Image upright = FourColours(6, 4);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const bool turned = orientation >= 5;
    Image stored = *Image::Make(turned ? 4 : 6, turned ? 6 : 4, 3);
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 6; ++x) {
        const std::array<std::array<int, 2>, 9> places = {{{x, y},
                                                           {x, y},
                                                           {5 - x, y},
                                                           {5 - x, 3 - y},
                                                           {x, 3 - y},
                                                           {y, x},
                                                           {y, 5 - x},
                                                           {3 - y, 5 - x},
                                                           {3 - y, x}}};
        const auto [column, row] = places[orientation];
        for (int c = 0; c < 3; ++c) stored.row(row)[3 * column + c] = upright.row(y)[3 * x + c];
      }
    }
    const absl::StatusOr<Image> result = Upright(std::move(stored), orientation);
    ASSERT_TRUE(result.ok());
    ASSERT_EQ(result->width(), 6);
    EXPECT_EQ(std::string(result->data(), result->data() + result->size_bytes()),
              std::string(upright.data(), upright.data() + upright.size_bytes()))
        << orientation;
  }
}

TEST(ImageTest, ResizeKeepsColoursAndAverages) {
  const Image image = FourColours(64, 32);
  absl::StatusOr<Image> small = Resize(image, 4, 2);
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(PixelAt(*small, 0, 0), (std::vector<int>{255, 0, 0}));
  EXPECT_EQ(PixelAt(*small, 3, 0), (std::vector<int>{0, 255, 0}));
  small = Resize(image, 1, 1);
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(PixelAt(*small, 0, 0), (std::vector<int>{64, 64, 64}));
  const absl::StatusOr<Image> large = Resize(image, 129, 65);
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(PixelAt(*large, 128, 0), (std::vector<int>{0, 255, 0}));
  EXPECT_EQ(PixelAt(*large, 0, 64), (std::vector<int>{0, 0, 255}));
}

}  // namespace
}  // namespace intelligenced

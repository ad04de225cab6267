#include "runtime/media/image_write.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>

#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"
#include "runtime/media/lanczos.h"

namespace intelligenced {
namespace {

Image Pattern(int width, int height, int channels) {
  auto image = Image::Make(width, height, channels);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width * channels; ++x) {
      image->row(y)[x] = static_cast<uint8_t>(x * 37 + y * 91 + (x * y) % 13);
    }
  }
  return *std::move(image);
}

absl::Span<const uint8_t> BytesOf(const std::string& file) {
  return {reinterpret_cast<const uint8_t*>(file.data()), file.size()};
}

void ExpectSamePixels(const Image& a, const Image& b) {
  ASSERT_EQ(a.width(), b.width());
  ASSERT_EQ(a.height(), b.height());
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width() * 3; ++x) {
      ASSERT_EQ(a.row(y)[a.channels() == 3 ? x : x / 3], b.row(y)[b.channels() == 3 ? x : x / 3]);
    }
  }
}

TEST(ImageWriteTest, FilesHoldThePictureAndItsOrigin) {
  const ImageOrigin origin = {
      .source = ImageSource::kGenerated, .model = "tiny & <small>", .seed = 18446744073709551615U};
  for (const int channels : {1, 3}) {
    for (const auto& [width, height] : {std::pair(1, 1), {7, 5}, {64, 33}}) {
      const Image image = Pattern(width, height, channels);
      for (const bool webp : {false, true}) {
        const auto file = webp ? WriteWebp(image, origin) : WritePng(image, origin);
        ASSERT_TRUE(file.ok()) << file.status();
        const auto decoded = DecodeImage(BytesOf(*file));
        ASSERT_TRUE(decoded.ok()) << decoded.status();
        EXPECT_EQ(decoded->format, webp ? ImageFormat::kWebp : ImageFormat::kPng);
        ExpectSamePixels(image, decoded->image);
        EXPECT_NE(file->find("trainedAlgorithmicMedia"), std::string::npos);
        EXPECT_NE(file->find("tiny &amp; &lt;small&gt;"), std::string::npos);
        EXPECT_NE(file->find("18446744073709551615"), std::string::npos);
        EXPECT_EQ(*file, webp ? *WriteWebp(image, origin) : *WritePng(image, origin));
      }
    }
  }
}

TEST(ImageWriteTest, SaysWhatWasDone) {
  EXPECT_NE(OriginXmp({.source = ImageSource::kEnhanced}).find("algorithmicallyEnhanced"),
            std::string::npos);
  EXPECT_NE(OriginXmp({.source = ImageSource::kComposite}).find("compositeWithTrained"),
            std::string::npos);
  EXPECT_EQ(OriginXmp({.source = ImageSource::kEnhanced}).find("seed"), std::string::npos);
}

TEST(ImageWriteTest, WebpHasItsLimit) {
  const auto file = WriteWebp(Pattern(16'384, 1, 1), {});
  ASSERT_FALSE(file.ok());
  EXPECT_TRUE(HasReason(file.status(), Reason::kInputTooLarge));
}

TEST(LanczosTest, KeepsWhatDoesNotChange) {
  const Image image = Pattern(17, 9, 3);
  const auto same = ResizeLanczos(image, 17, 9);
  ASSERT_TRUE(same.ok());
  ExpectSamePixels(image, *same);
  auto flat = Image::Make(5, 4, 1);
  std::fill(flat->data(), flat->data() + flat->size_bytes(), 201);
  for (const auto& [width, height] : {std::pair(1, 1), {3, 2}, {50, 40}, {1, 30}}) {
    const auto resized = ResizeLanczos(*flat, width, height);
    ASSERT_TRUE(resized.ok());
    for (size_t i = 0; i < resized->size_bytes(); ++i) ASSERT_EQ(resized->data()[i], 201);
  }
}

// A wave that the picture has pixels enough for comes out where it belongs, sharper than bilinear.
TEST(LanczosTest, FollowsAWave) {
  const auto wave = [](double x) { return 128 + 100 * std::sin(x * 0.8); };
  auto image = Image::Make(60, 3, 1);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 60; ++x) image->row(y)[x] = static_cast<uint8_t>(std::lround(wave(x)));
  }
  const auto sharp = ResizeLanczos(*image, 240, 12);
  const auto plain = Resize(*image, 240, 12);
  ASSERT_TRUE(sharp.ok() && plain.ok());
  double sharp_error = 0, plain_error = 0;
  for (int x = 20; x < 220; ++x) {
    const double expected = wave((x + 0.5) / 4 - 0.5);
    sharp_error = std::max(sharp_error, std::abs(sharp->row(6)[x] - expected));
    plain_error = std::max(plain_error, std::abs(plain->row(6)[x] - expected));
  }
  EXPECT_LT(sharp_error, 3);
  EXPECT_GT(plain_error, 2 * sharp_error);
}

TEST(LanczosTest, PiecesGiveTheSame) {
  const Image image = Pattern(40, 31, 3);
  const auto whole = ResizeLanczos(image, 23, 77);
  auto resizer = LanczosResizer::Make(&image, 23, 77);
  ASSERT_TRUE(whole.ok() && resizer.ok());
  double before = -1;
  while (!(*resizer)->Advance(5)) {
    EXPECT_GT((*resizer)->done(), before);
    before = (*resizer)->done();
  }
  EXPECT_EQ((*resizer)->done(), 1);
  ExpectSamePixels(*whole, (*resizer)->Take());
}

}  // namespace
}  // namespace intelligenced

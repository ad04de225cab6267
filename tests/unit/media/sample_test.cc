#include "runtime/media/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace intelligenced {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

Image Make(int width, int height, int channels, const std::vector<uint8_t>& pixels) {
  auto image = Image::Make(width, height, channels);
  std::copy(pixels.begin(), pixels.end(), image->data());
  return *std::move(image);
}

std::vector<float> Sample(const Image& image, const SampleOptions& options) {
  std::vector<float> out(static_cast<size_t>(options.width) * options.height * 3, -1);
  SamplePicture(image, options, absl::MakeSpan(out));
  return out;
}

TEST(SampleTest, SameSizeIsTheSamePixels) {
  const Image image = Make(2, 1, 3, {1, 2, 3, 4, 5, 6});
  SampleOptions options = {.width = 2, .height = 1, .to_picture = {}};
  EXPECT_THAT(Sample(image, options), ElementsAre(1, 4, 2, 5, 3, 6));
  options.planar = false;
  EXPECT_THAT(Sample(image, options), ElementsAre(1, 2, 3, 4, 5, 6));
  options.bgr = true;
  EXPECT_THAT(Sample(image, options), ElementsAre(3, 2, 1, 6, 5, 4));
  options.mean = {1, 0, 0};
  options.scale = {2, 1, 0.5};
  EXPECT_THAT(Sample(image, options), ElementsAre(1.5, 2, 0, 3, 5, 6));
}

TEST(SampleTest, GreyGivesThreeEqualColours) {
  const Image image = Make(1, 1, 1, {7});
  EXPECT_THAT(Sample(image, {.width = 1, .height = 1, .to_picture = {}}), ElementsAre(7, 7, 7));
}

TEST(SampleTest, SmallerIsTheMeanAndLargerBetween) {
  const Image image = Make(4, 1, 1, {0, 10, 20, 30});
  const auto smaller = Sample(
      image, {.width = 2, .height = 1, .to_picture = Stretch(0, 0, 4, 1, 2, 1), .planar = false});
  EXPECT_THAT(smaller, ElementsAre(5, 5, 5, 25, 25, 25));
  const Image two = Make(2, 1, 1, {0, 100});
  const auto larger = Sample(two, {.width = 4,
                                   .height = 1,
                                   .to_picture = Stretch(0, 0, 2, 1, 4, 1),
                                   .planar = true,
                                   .repeat_border = true});
  EXPECT_THAT(std::vector<float>(larger.begin(), larger.begin() + 4), ElementsAre(0, 25, 75, 100));
}

TEST(SampleTest, MuchSmallerIsTheMean) {
  std::vector<uint8_t> pixels(64 * 64);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = i % 2 == 0 ? 0 : 200;
  const Image image = Make(64, 64, 1, pixels);
  const auto out =
      Sample(image, {.width = 8, .height = 8, .to_picture = Stretch(0, 0, 64, 64, 8, 8)});
  EXPECT_THAT(out, Each(FloatNear(100, 0.01)));
}

TEST(SampleTest, OutsideIsBlackOrTheBorder) {
  const Image image = Make(1, 1, 1, {50});
  SampleOptions options = {.width = 3, .height = 1, .to_picture = {.c = -1}, .planar = false};
  EXPECT_THAT(Sample(image, options), ElementsAre(0, 0, 0, 50, 50, 50, 0, 0, 0));
  options.repeat_border = true;
  EXPECT_THAT(Sample(image, options), Each(50));
}

TEST(SampleTest, TurnsClockwise) {
  // The part's own top left corner lies at the top right of the picture when it is turned by 90°.
  const Image image = Make(2, 2, 1, {1, 2, 3, 4});
  const auto out = Sample(
      image,
      {.width = 2, .height = 2, .to_picture = Turned({1, 1}, 2, 2, std::numbers::pi / 2, 2, 2)});
  EXPECT_THAT(std::vector<float>(out.begin(), out.begin() + 4),
              Pointwise(FloatNear(1e-3), {2.0F, 4.0F, 1.0F, 3.0F}));
}

TEST(SampleTest, NoNumbersAndFarAwayPlacesAreHarmless) {
  const Image image = Make(1, 1, 3, {9, 9, 9});
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  for (const float far : {1e30F, -1e30F, 3e9F}) {
    const auto out = Sample(
        image, {.width = 2, .height = 2, .to_picture = {1, 0, far, 0, 1, far}, .planar = true});
    EXPECT_THAT(out, Each(0));
  }
  Sample(image, {.width = 2, .height = 2, .to_picture = {nothing, 0, nothing, 0, 1, 0}});
  Sample(image, {.width = 2, .height = 2, .to_picture = {1e30F, 0, 0, 0, 1e30F, 0}});
}

}  // namespace
}  // namespace intelligenced

#include "runtime/engines/onnx/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

TEST(ViewTest, GivesPlacesOfTheWholePicture) {
  const Image image = GreyImage(200, 100);
  const View view(&image, {100, 50, 50, 50});
  vision_proto::Rect box;
  view.SetBox({0, 0, 50, 25}, &box);
  EXPECT_FLOAT_EQ(box.x(), 0.5);
  EXPECT_FLOAT_EQ(box.y(), 0.5);
  EXPECT_FLOAT_EQ(box.width(), 0.25);
  EXPECT_FLOAT_EQ(box.height(), 0.25);
  view.SetBox({-1000, -1000, 1000, 1000}, &box);
  EXPECT_FLOAT_EQ(box.x(), 0);
  EXPECT_FLOAT_EQ(box.width(), 1);
  vision_proto::Face face;
  view.AddLandmark("nose_tip", {-150, 0}, 20, 2, face.mutable_landmarks());
  EXPECT_FLOAT_EQ(face.landmarks(0).position().x(), -0.25) << "may lie outside";
  EXPECT_FLOAT_EQ(face.landmarks(0).depth(), 0.1);
  EXPECT_FLOAT_EQ(face.landmarks(0).confidence(), 1);
}

TEST(ViewTest, SamplesItsPart) {
  Image image = GreyImage(4, 4, 0);
  image.row(2)[3] = 90;
  const View view(&image, {3, 2, 1, 1});
  const Tensor tensor = view.Sample({.width = 1, .height = 1});
  EXPECT_EQ(tensor.shape, (Shape{1, 3, 1, 1}));
  EXPECT_THAT(tensor.values, testing::Each(90));
  EXPECT_EQ(view.Sample({.width = 1, .height = 1, .planar = false}).shape, (Shape{1, 1, 1, 3}));
}

TEST(ViewTest, MapsAPartOntoTheWhole) {
  const Image image = GreyImage(4, 2);
  const View view(&image, {2, 0, 2, 2});
  const float values[] = {1, 0.5, -3, std::numeric_limits<float>::quiet_NaN()};
  const vision_proto::Heatmap map = view.Map(values, 2, 2);
  EXPECT_EQ(map.width(), 4U);
  EXPECT_EQ(map.height(), 2U);
  const auto byte = [&](int x, int y) { return static_cast<uint8_t>(map.values()[y * 4 + x]); };
  EXPECT_EQ(byte(0, 0), 0);
  EXPECT_EQ(byte(2, 0), 255);
  EXPECT_EQ(byte(3, 0), 128);
  EXPECT_EQ(byte(2, 1), 0);
  EXPECT_EQ(byte(3, 1), 0);
}

TEST(ViewTest, LettersKeepTheirShape) {
  const Letterbox left = FitTopLeft(200, 100, 100, 100);
  EXPECT_FLOAT_EQ(left.scale, 0.5);
  EXPECT_FLOAT_EQ(left.top, 0);
  const Letterbox centre = FitCentre(200, 100, 100, 100);
  EXPECT_FLOAT_EQ(centre.top, 25);
  const PointF corner = centre.to_picture()({0, 25});
  EXPECT_FLOAT_EQ(corner.x, 0);
  EXPECT_FLOAT_EQ(corner.y, 0);
}

}  // namespace
}  // namespace intelligenced

// Hands, face mesh, segmentation and classes with networks whose answers are computed here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/families/face_mesh.h"
#include "runtime/engines/onnx/families/hand_pose.h"
#include "runtime/engines/onnx/families/selfie_segmentation.h"
#include "runtime/engines/onnx/families/squeezenet.h"
#include "runtime/engines/onnx/families/ssd.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kPi = std::numbers::pi_v<float>;
constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();

TEST(SsdTest, AnchorsAreThoseOfThePublishedNetworks) {
  EXPECT_EQ(SsdAnchors(128).size(), 896U);
  EXPECT_EQ(SsdAnchors(192).size(), 2016U);
  const auto anchors = SsdAnchors(128);
  EXPECT_FLOAT_EQ(anchors[1].x, 0.5 / 16);
  EXPECT_FLOAT_EQ(anchors[2].x, 1.5 / 16);
  EXPECT_FLOAT_EQ(anchors[895].y, 7.5 / 8);
}

TEST(SsdTest, DecodesFromTheAnchor) {
  const std::vector<PointF> anchors = {{0.5, 0.5}, {0.25, 0.25}};
  const std::vector<float> scores = {kNoNumber, 0};
  const std::vector<float> boxes = {0, 0, 0, 0, 0, 0, 4, -2, 10, 20, 1, 2};
  const auto found = DecodeSsd(anchors, scores, boxes, 1, 100, 0.5);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FLOAT_EQ(found[0].score, 0.5);
  EXPECT_FLOAT_EQ(found[0].box.left, 29 - 5);
  EXPECT_FLOAT_EQ(found[0].box.bottom, 23 + 10);
  EXPECT_FLOAT_EQ(found[0].points[0].x, 26);
  EXPECT_FLOAT_EQ(found[0].points[0].y, 27);
}

TEST(SsdTest, SquaresAreTurnedAndMovedInTheirOwnDirection) {
  EXPECT_NEAR(TurnOf({0, 10}, {0, 0}, kPi / 2), 0, 1e-6) << "points up already";
  EXPECT_NEAR(TurnOf({0, 0}, {10, 0}, kPi / 2), kPi / 2, 1e-6) << "points right";
  EXPECT_NEAR(std::abs(TurnOf({0, 0}, {0, 10}, kPi / 2)), kPi, 1e-5) << "points down";
  EXPECT_NEAR(TurnOf({0, 0}, {10, 10}, 0), kPi / 4, 1e-6) << "falls to the right";
  const TurnedSquare up = SquareAround({0, 0, 10, 20}, 0, 2, -0.5);
  EXPECT_FLOAT_EQ(up.centre.x, 5);
  EXPECT_FLOAT_EQ(up.centre.y, 0);
  EXPECT_FLOAT_EQ(up.side, 40);
  const TurnedSquare right = SquareAround({0, 0, 10, 20}, kPi / 2, 1, -0.5);
  EXPECT_NEAR(right.centre.x, 15, 1e-5);
  EXPECT_NEAR(right.centre.y, 10, 1e-5);
}

// One palm at the anchor in the middle, pointing right, of 38.4 pixels of 192.
std::unique_ptr<Network> MakePalms(bool any) {
  return std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"input_1", {1, 192, 192, 3}}},
      std::vector<PortInfo>{{"Identity", {1, 2016, 18}}, {"Identity_1", {1, 2016, 1}}},
      [any](const std::vector<Tensor>&) {
        Tensor boxes = Zeros({1, 2016, 18});
        Tensor scores = Zeros({1, 2016, 1});
        std::fill(scores.values.begin(), scores.values.end(), -50.0F);
        if (any) {
          // Cell (12, 12) of the grid of 24: its centre is at 100 of 192.
          const size_t anchor = (12 * 24 + 12) * 2;
          scores.values[anchor] = 50;
          float* const box = &boxes.values[anchor * 18];
          box[2] = box[3] = 38.4;
          box[4 + 2 * 2] = 10;  // the middle finger is right of the wrist
        }
        return std::vector<Tensor>{boxes, scores};
      });
}

std::unique_ptr<Network> MakeJoints(float presence, float right, int joints = 21) {
  return std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"input_1", {1, 224, 224, 3}}},
      std::vector<PortInfo>{{"Identity", {1, 63}},
                            {"Identity_1", {1, 1}},
                            {"Identity_2", {1, 1}},
                            {"Identity_3", {1, 63}}},
      [=](const std::vector<Tensor>&) {
        Tensor places = Zeros({1, joints * 3});
        for (size_t i = 0; i + 2 < places.values.size(); i += 3) {
          places.values[i] = places.values[i + 1] = 112;
          places.values[i + 2] = -22.4;
        }
        places.values[0] = 112;
        places.values[1] = 224;  // the wrist at the lower border
        return std::vector<Tensor>{places,
                                   {.shape = {1, 1}, .values = {presence}},
                                   {.shape = {1, 1}, .values = {right}},
                                   Zeros({1, 63})};
      });
}

TEST(HandPoseTest, JointsAreTurnedBackIntoThePicture) {
  FamilyParts parts = PartsOf(MakeJoints(0.9, 0.2));
  parts.networks["palm-detector"] = MakePalms(true);
  auto family = MakeHandPose(std::move(parts));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(1920, 1920);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {0, 0, 1920, 1920}), {}, {}, &result).ok());
  ASSERT_EQ(result.poses().poses_size(), 1);
  const vision_proto::Pose& pose = result.poses().poses(0);
  EXPECT_FLOAT_EQ(pose.confidence(), 0.9);
  EXPECT_EQ(pose.chirality(), "left");
  ASSERT_EQ(pose.joints_size(), 21);
  EXPECT_EQ(pose.joints(0).name(), "wrist");
  EXPECT_EQ(pose.joints(8).name(), "index_tip");
  // The palm's centre is at 1000; the hand lies to its right by half the palm's 384 pixels, and its
  // square has 2.6 times as many. The lower border of a hand that points right is on the left.
  const float centre = 1000 + 192, side = 384 * 2.6;
  EXPECT_NEAR(pose.joints(8).position().x() * 1920, centre, 0.1);
  EXPECT_NEAR(pose.joints(8).position().y() * 1920, 1000, 0.1);
  EXPECT_NEAR(pose.joints(0).position().x() * 1920, centre - side / 2, 0.1);
  EXPECT_NEAR(pose.joints(0).position().y() * 1920, 1000, 0.1);
  EXPECT_NEAR(pose.joints(8).depth() * 1920, 0.1 * side, 0.1) << "towards the viewer";
}

TEST(HandPoseTest, WithoutADetectorTheRegionIsTheHand) {
  auto family = MakeHandPose(PartsOf(MakeJoints(0.9, 0.8)));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(400, 400);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {200, 200, 100, 100}), {}, {}, &result).ok());
  ASSERT_EQ(result.poses().poses_size(), 1);
  EXPECT_EQ(result.poses().poses(0).chirality(), "right");
  EXPECT_FLOAT_EQ(result.poses().poses(0).joints(5).position().x(), 250 / 400.0);
}

TEST(HandPoseTest, NoHandIsAnEmptyAnswer) {
  const Image image = GreyImage(40, 40);
  const View view(&image, {0, 0, 40, 40});
  FamilyParts parts = PartsOf(MakeJoints(0.9, 0.8));
  parts.networks["palm-detector"] = MakePalms(false);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*MakeHandPose(std::move(parts)))->Answer(view, {}, {}, &result).ok());
  EXPECT_TRUE(result.has_poses());
  EXPECT_EQ(result.poses().poses_size(), 0);
  for (const float presence : {0.4F, kNoNumber}) {
    auto family = MakeHandPose(PartsOf(MakeJoints(presence, 0.8)));
    ASSERT_TRUE((*family)->Answer(view, {}, {}, &result).ok());
    EXPECT_EQ(result.poses().poses_size(), 0);
  }
}

TEST(HandPoseTest, AnswersAndNetworksOfOtherShapesAreErrors) {
  const Image image = GreyImage(40, 40);
  vision_proto::VisionResult result;
  auto family = MakeHandPose(PartsOf(MakeJoints(1, 1, 20)));
  EXPECT_TRUE(HasReason((*family)->Answer(View(&image, {0, 0, 40, 40}), {}, {}, &result),
                        Reason::kEngineFailure));
  EXPECT_TRUE(HasReason(MakeHandPose(PartsOf(MakePalms(true))).status(), Reason::kModelLoadFailed));
  FamilyParts parts = PartsOf(MakeJoints(1, 1));
  parts.networks["palm-detector"] = MakeJoints(1, 1);
  EXPECT_TRUE(HasReason(MakeHandPose(std::move(parts)).status(), Reason::kModelLoadFailed));
}

std::unique_ptr<Network> MakeMesh(float logit) {
  return std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"input_1", {1, 192, 192, 3}}},
      std::vector<PortInfo>{{"points", {1, 1, 1, 1404}}, {"flag", {1, 1, 1, 1}}},
      [logit](const std::vector<Tensor>&) {
        Tensor points = Zeros({1, 1, 1, 1404});
        const auto set = [&](size_t i, float x, float y) {
          points.values[i * 3] = x;
          points.values[i * 3 + 1] = y;
        };
        for (size_t i = 0; i < 468; ++i) set(i, 96, 96);
        set(33, 40, 80);
        set(133, 60, 80);
        set(362, 130, 80);
        set(263, 150, 80);
        return std::vector<Tensor>{points, {.shape = {1, 1, 1, 1}, .values = {logit}}};
      });
}

TEST(FaceMeshTest, PointsAreNamedAndEyesRefined) {
  FamilyParts parts = PartsOf(MakeMesh(3));
  int eyes = 0;
  parts.networks["iris"] = std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"input_1", {1, 64, 64, 3}}},
      std::vector<PortInfo>{{"eye", {1, 213}}, {"iris", {1, 15}}},
      [&eyes](const std::vector<Tensor>&) {
        ++eyes;
        Tensor iris = Zeros({1, 15});
        iris.values[0] = 16;  // left of the middle, in the eye as the network sees it
        iris.values[1] = 32;
        return std::vector<Tensor>{Zeros({1, 213}), iris};
      });
  auto family = MakeFaceMesh(std::move(parts));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(384, 384);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {0, 0, 384, 384}), {}, {}, &result).ok());
  EXPECT_EQ(eyes, 2);
  ASSERT_EQ(result.faces().faces_size(), 1);
  std::map<std::string, PointF> places;
  for (const auto& landmark : result.faces().faces(0).landmarks()) {
    places[landmark.name()] = {landmark.position().x() * 384, landmark.position().y() * 384};
  }
  EXPECT_EQ(places.size(), 468U + 11 + 10);
  EXPECT_NEAR(places["right_eye_outer"].x, 80, 0.01);
  EXPECT_NEAR(places["mesh_33"].x, 80, 0.01);
  EXPECT_NEAR(places["nose_tip"].y, 192, 0.01);
  // The eyes' squares have 2.3 × 40 pixels around 100 and 280; the left one is mirrored.
  EXPECT_NEAR(places["right_iris_centre"].x, 100 - 23, 0.01);
  EXPECT_NEAR(places["left_iris_centre"].x, 280 + 23, 0.01);
  EXPECT_NEAR(places["left_iris_centre"].y, 160, 0.01);
}

TEST(FaceMeshTest, NoFaceIsAnEmptyAnswer) {
  auto family = MakeFaceMesh(PartsOf(MakeMesh(-3)));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(100, 100);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {0, 0, 100, 100}), {}, {}, &result).ok());
  EXPECT_TRUE(result.has_faces());
  EXPECT_EQ(result.faces().faces_size(), 0);
}

TEST(SegmentationTest, TheMaskCoversTheWholePicture) {
  auto family = MakeSelfieSegmentation(PartsOf(std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"in", {1, 2, 4, 3}}}, std::vector<PortInfo>{{"out", {1, 2, 4, 1}}},
      [](const std::vector<Tensor>& inputs) {
        // As bright as the picture.
        Tensor mask = Zeros({1, 2, 4, 1});
        for (size_t i = 0; i < 8; ++i) mask.values[i] = inputs[0].values[i * 3];
        return std::vector<Tensor>{mask};
      })));
  ASSERT_TRUE(family.ok()) << family.status();
  Image image = GreyImage(8, 4, 0);
  for (int y = 0; y < 4; ++y) std::fill(image.row(y), image.row(y) + 4, 255);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {0, 0, 8, 4}), {}, {}, &result).ok());
  const vision_proto::Heatmap& mask = result.segmentation().mask();
  EXPECT_EQ(mask.width(), 4U);
  EXPECT_EQ(mask.values(), std::string("\xff\xff\0\0\xff\xff\0\0", 8));
  EXPECT_TRUE(
      HasReason(MakeSelfieSegmentation(PartsOf(MakeMesh(0))).status(), Reason::kModelLoadFailed));
}

TEST(SqueezenetTest, LabelsFitTheClasses) {
  EXPECT_THAT(*ClassNames({}, 2), ElementsAre("class_0", "class_1"));
  EXPECT_THAT(*ClassNames({"a", "b"}, 2), ElementsAre("a", "b"));
  EXPECT_THAT(*ClassNames({"background", "a", "b"}, 2), ElementsAre("a", "b"));
  const auto wrong = ClassNames({"a", "b", "c"}, 2);
  EXPECT_TRUE(HasReason(wrong.status(), Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("3 labels"));
}

TEST(SqueezenetTest, TheSurestComeFirst) {
  const std::vector<float> probabilities = {0.1, kNoNumber, 0.6, 0.2};
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto best = BestClasses(probabilities, names, 0.15, 10);
  ASSERT_EQ(best.classifications_size(), 2);
  EXPECT_EQ(best.classifications(0).identifier(), "c");
  EXPECT_FLOAT_EQ(best.classifications(0).confidence(), 0.6);
  EXPECT_EQ(best.classifications(1).identifier(), "d");
  EXPECT_EQ(BestClasses(probabilities, names, 0, 1).classifications_size(), 1);
}

}  // namespace
}  // namespace intelligenced

// YuNet and ultralight with networks whose answers are computed here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/families/ultralight.h"
#include "runtime/engines/onnx/families/yunet.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();

TEST(YunetTest, DecodesACell) {
  // Four cells in two columns; the last is a face.
  const std::vector<float> classes = {0, 1, kNoNumber, 0.81};
  const std::vector<float> objects = {1, 0, 1, 1.5};
  std::vector<float> boxes(16, 0), points(40, 0);
  boxes[12] = 0.5;
  boxes[13] = 0.25;
  boxes[14] = std::log(2.0F);
  boxes[15] = std::log(4.0F);
  points[30] = -1;
  points[31] = 1;
  std::vector<Detection> found;
  DecodeYunet({.stride = 8,
               .columns = 2,
               .classes = classes,
               .objects = objects,
               .boxes = boxes,
               .points = points},
              0.6, &found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FLOAT_EQ(found[0].score, 0.9);
  EXPECT_FLOAT_EQ(found[0].box.left, 12 - 8);
  EXPECT_FLOAT_EQ(found[0].box.right, 12 + 8);
  EXPECT_FLOAT_EQ(found[0].box.top, 10 - 16);
  EXPECT_FLOAT_EQ(found[0].box.bottom, 10 + 16);
  ASSERT_EQ(found[0].points.size(), 5U);
  EXPECT_FLOAT_EQ(found[0].points[0].x, 0);
  EXPECT_FLOAT_EQ(found[0].points[0].y, 16);
  EXPECT_FLOAT_EQ(found[0].points[4].x, 8);
}

class YunetFamilyTest : public testing::Test {
 protected:
  // Inputs of any extent; one face in the cell at (2, 1) of the grid of 32 pixels.
  std::unique_ptr<Network> Make(bool wrong_count = false) {
    std::vector<PortInfo> outputs;
    for (const char* head : {"cls", "obj", "bbox", "kps"}) {
      for (const int stride : {8, 16, 32}) {
        const int64_t width = head[0] == 'b' ? 4 : head[0] == 'k' ? 10 : 1;
        outputs.push_back({absl::StrCat(head, "_", stride), {1, -1, width}});
      }
    }
    auto ports = outputs;
    return std::make_unique<ComputedNetwork>(
        std::vector<PortInfo>{{"input", {1, 3, -1, -1}}}, std::move(outputs),
        [this, ports, wrong_count](const std::vector<Tensor>& inputs) {
          input_ = inputs[0].shape;
          std::vector<Tensor> answers;
          for (const PortInfo& port : ports) {
            int stride = port.name.back() == '2' ? 32 : port.name.back() == '6' ? 16 : 8;
            const int64_t columns = input_[3] / stride;
            const int64_t cells = columns * (input_[2] / stride) - (wrong_count ? 1 : 0);
            Tensor answer = Zeros({1, cells, port.shape[2]});
            if (stride == 32 && port.shape[2] == 1) answer.values[columns + 2] = 0.8;
            answers.push_back(std::move(answer));
          }
          return answers;
        });
  }
  Shape input_;
};

TEST_F(YunetFamilyTest, GivesBoxesAndNamedLandmarksOfTheWholePicture) {
  auto family = MakeYunet(PartsOf(Make()));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(2560, 1280);
  // The right half: twice as large as the input.
  const View view(&image, {1280, 0, 1280, 1280});
  vision_proto::VisionRequest request;
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(view, request, {}, &result).ok());
  EXPECT_EQ(input_, (Shape{1, 3, 640, 640}));
  ASSERT_EQ(result.faces().faces_size(), 1);
  const vision_proto::Face& face = result.faces().faces(0);
  EXPECT_FLOAT_EQ(face.confidence(), 0.8);
  // The cell's corner at (64, 32) is the centre; its box has one cell's size.
  EXPECT_FLOAT_EQ(face.box().x(), (1280 + 2 * 48) / 2560.0);
  EXPECT_FLOAT_EQ(face.box().y(), 2 * 16 / 1280.0);
  EXPECT_NEAR(face.box().width(), 64 / 2560.0, 1e-6);
  std::vector<std::string> names;
  for (const auto& landmark : face.landmarks()) names.push_back(landmark.name());
  EXPECT_THAT(names, ElementsAre("right_eye", "left_eye", "nose_tip", "right_mouth_corner",
                                 "left_mouth_corner"));
  request.set_min_confidence(0.9);
  result.Clear();
  ASSERT_TRUE((*family)->Answer(view, request, {}, &result).ok());
  EXPECT_EQ(result.faces().faces_size(), 0);
}

TEST_F(YunetFamilyTest, SmallPicturesAreNotEnlarged) {
  auto family = MakeYunet(PartsOf(Make()));
  ASSERT_TRUE(family.ok());
  const Image image = GreyImage(100, 33);
  vision_proto::VisionResult result;
  ASSERT_TRUE((*family)->Answer(View(&image, {0, 0, 100, 33}), {}, {}, &result).ok());
  EXPECT_EQ(input_, (Shape{1, 3, 64, 128}));
}

TEST_F(YunetFamilyTest, AnswersOfAnotherShapeAreAnError) {
  auto family = MakeYunet(PartsOf(Make(true)));
  ASSERT_TRUE(family.ok());
  const Image image = GreyImage(100, 100);
  vision_proto::VisionResult result;
  EXPECT_TRUE(HasReason((*family)->Answer(View(&image, {0, 0, 100, 100}), {}, {}, &result),
                        Reason::kEngineFailure));
}

TEST(FaceFamiliesTest, OtherNetworksAreRefusedWithBothShapes) {
  const auto make = [](Shape input, std::string name, Shape output) {
    return PartsOf(std::make_unique<ComputedNetwork>(
        std::vector<PortInfo>{{"input", std::move(input)}},
        std::vector<PortInfo>{{std::move(name), std::move(output)}},
        [](const auto&) { return std::vector<Tensor>(); }));
  };
  for (auto* maker : {&MakeYunet, &MakeUltralight}) {
    for (const Shape& input : {Shape{1, 320, 320, 3}, Shape{1, 3, 240, 320}, Shape{}}) {
      const auto family = (*maker)(make(input, "scores", {1, 10, 2}));
      EXPECT_TRUE(HasReason(family.status(), Reason::kModelLoadFailed)) << family.status();
    }
  }
  const auto family = MakeYunet(make({1, 320, 320, 3}, "cls_8", {1, 1600, 1}));
  EXPECT_THAT(std::string(family.status().message()), HasSubstr("1×3×?×?"));
  EXPECT_THAT(std::string(family.status().message()), HasSubstr("1×320×320×3"));
}

TEST(UltralightTest, TheBestClassThatIsNotNoneCounts) {
  const std::vector<float> scores = {0.9, 0.1, 0.0, 0.1, 0.2, 0.7, 0, kNoNumber, kNoNumber};
  const std::vector<float> boxes = {0, 0, 1, 1, 0.25, 0.5, 0.75, 1, 0, 0, 1, 1};
  const auto found = DecodeUltralight(scores, boxes, 3, 0.6);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FLOAT_EQ(found[0].score, 0.7);
  EXPECT_FLOAT_EQ(found[0].box.left, 0.25);
  EXPECT_FLOAT_EQ(found[0].box.bottom, 1);
}

}  // namespace
}  // namespace intelligenced

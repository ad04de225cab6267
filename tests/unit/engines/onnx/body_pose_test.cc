// Bodies: the family by networks that the test computes, and the published ones against a straight
// run of TensorFlow Lite.
#include "runtime/engines/onnx/families/body_pose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tensorflow/lite/c/c_api.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/families/ssd.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/engines/onnx/tflite_network.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kLandmarks[] = "models/vision/mediapipe/pose_landmark_lite.tflite";
constexpr char kDetector[] = "models/vision/mediapipe/pose_detection.tflite";
constexpr char kPicture[] = "images/skimage/camera.png";
constexpr size_t kPoints = 39;

std::vector<PortInfo> LandmarkOutputs() {
  return {{"Identity", {1, 195}},
          {"Identity_1", {1, 1}},
          {"Identity_2", {1, 256, 256, 1}},
          {"Identity_3", {1, 64, 64, 39}},
          {"Identity_4", {1, 117}}};
}

// Says that every point is where its number says, and that the map knows nothing.
std::unique_ptr<Network> Landmarks(float presence, float map_value = -20) {
  return std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"input_1", {1, 256, 256, 3}}}, LandmarkOutputs(),
      [presence, map_value](const std::vector<Tensor>&) {
        std::vector<Tensor> outputs;
        for (const PortInfo& port : LandmarkOutputs()) outputs.push_back(Zeros(port.shape));
        for (size_t i = 0; i < kPoints; ++i) {
          float* const point = &outputs[0].values[i * 5];
          point[0] = static_cast<float>(i) * 4;
          point[1] = 128;
          point[2] = -64;
          point[3] = i == 0 ? 100 : -100;
        }
        outputs[1].values[0] = presence;
        std::fill(outputs[3].values.begin(), outputs[3].values.end(), map_value);
        return outputs;
      });
}

vision_proto::VisionResult Ask(Family& family, const View& view) {
  vision_proto::VisionRequest request;
  request.mutable_detect_human_body_pose();
  vision_proto::VisionResult result;
  const absl::Status status = family.Answer(view, request, {}, &result);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

TEST(BodyPoseTest, WithoutADetectorTheViewIsOnePerson) {
  auto family = MakeBodyPose(PartsOf(Landmarks(0.75F)));
  ASSERT_TRUE(family.ok()) << family.status();
  const Image image = GreyImage(512, 512);
  const auto result = Ask(**family, View(&image, {0, 0, 512, 512}));
  ASSERT_EQ(result.poses().poses_size(), 1);
  const vision_proto::Pose& pose = result.poses().poses(0);
  EXPECT_EQ(pose.confidence(), 0.75F);
  ASSERT_EQ(pose.joints_size(), 33);
  EXPECT_EQ(pose.joints(0).name(), "nose");
  EXPECT_EQ(pose.joints(15).name(), "left_wrist");
  EXPECT_EQ(pose.joints(32).name(), "right_foot_tip");
  EXPECT_NEAR(pose.joints(15).position().x(), 60.0 / 256, 1e-5);
  EXPECT_NEAR(pose.joints(15).position().y(), 0.5, 1e-5);
  EXPECT_NEAR(pose.joints(15).depth(), 0.25, 1e-5) << "towards the viewer";
  EXPECT_NEAR(pose.joints(0).confidence(), 1, 1e-5);
  EXPECT_NEAR(pose.joints(1).confidence(), 0, 1e-5);
}

TEST(BodyPoseTest, NobodyThereAndNumbersThatAreNone) {
  const Image image = GreyImage(64, 64);
  const View view(&image, {0, 0, 64, 64});
  for (const float presence : {0.25F, std::numeric_limits<float>::quiet_NaN()}) {
    auto family = MakeBodyPose(PartsOf(Landmarks(presence)));
    ASSERT_TRUE(family.ok());
    EXPECT_EQ(Ask(**family, view).poses().poses_size(), 0);
  }
  auto family = MakeBodyPose(PartsOf(Landmarks(1, std::numeric_limits<float>::quiet_NaN())));
  ASSERT_TRUE(family.ok());
  EXPECT_NEAR(Ask(**family, view).poses().poses(0).joints(15).position().x(), 60.0 / 256, 1e-5);
}

TEST(BodyPoseTest, OtherShapesAreRefusedWithWhatIsWanted) {
  auto network = std::make_unique<ComputedNetwork>(
      std::vector<PortInfo>{{"x", {1, 256, 256, 3}}}, std::vector<PortInfo>{{"y", {1, 195}}},
      [](const std::vector<Tensor>&) { return std::vector<Tensor>(); });
  const auto family = MakeBodyPose(PartsOf(std::move(network)));
  EXPECT_TRUE(HasReason(family.status(), Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(family.status().message()), HasSubstr("mediapipe-pose"));
}

TEST(RefineByMapTest, GoesToTheMiddleOfWhatIsSure) {
  constexpr int kSide = 16;
  std::vector<float> map(kSide * kSide * 2, -30);
  // Two cells of the second channel, beside each other.
  map[(5 * kSide + 6) * 2 + 1] = 30;
  map[(5 * kSide + 8) * 2 + 1] = 30;
  const PointF at = {5.5F / kSide, 5.5F / kSide};
  const PointF refined = RefineByMap(at, map, kSide, 2, 1);
  EXPECT_NEAR(refined.x, 7.0F / kSide, 1e-5);
  EXPECT_NEAR(refined.y, 5.0F / kSide, 1e-5);
  const PointF other = RefineByMap(at, map, kSide, 2, 0);
  EXPECT_EQ(other.x, at.x) << "nothing is sure there";
  for (const PointF outside : {PointF{-0.01F, 0.5F}, {0.5F, 1}, {NAN, 0.5F}, {1e30F, 0}}) {
    const PointF same = RefineByMap(outside, map, kSide, 2, 1);
    EXPECT_EQ(same.y, outside.y);
  }
}

// MediaPipe's own count of anchors.
TEST(SsdAnchorsTest, OfTheBodysDetector) {
  constexpr SsdGrid kGrids[] = {{8, 2}, {16, 2}, {32, 6}};
  EXPECT_THAT(SsdAnchors(224, kGrids), SizeIs(2254));
  EXPECT_THAT(SsdAnchors(128), SizeIs(896));
}

// The library's own API, with nothing of the engine between.
std::vector<std::vector<float>> StraightTflite(const std::string& path,
                                               const std::vector<float>& input) {
  TfLiteModel* const model = TfLiteModelCreateFromFile(path.c_str());
  TfLiteInterpreterOptions* const options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetNumThreads(options, 1);
  TfLiteInterpreter* const interpreter = TfLiteInterpreterCreate(model, options);
  std::vector<std::vector<float>> outputs;
  if (TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk &&
      TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 0), input.data(),
                                 input.size() * sizeof(float)) == kTfLiteOk &&
      TfLiteInterpreterInvoke(interpreter) == kTfLiteOk) {
    for (int i = 0; i < TfLiteInterpreterGetOutputTensorCount(interpreter); ++i) {
      const TfLiteTensor* const tensor = TfLiteInterpreterGetOutputTensor(interpreter, i);
      const auto* const from = static_cast<const float*>(TfLiteTensorData(tensor));
      outputs.emplace_back(from, from + TfLiteTensorByteSize(tensor) / sizeof(float));
    }
  }
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
  return outputs;
}

// Keeps what goes in and comes out.
struct Seen {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
};
class WatchedNetwork final : public Network {
 public:
  WatchedNetwork(std::unique_ptr<Network> network, Seen* seen)
      : network_(std::move(network)), seen_(seen) {}
  const std::vector<PortInfo>& inputs() const override { return network_->inputs(); }
  const std::vector<PortInfo>& outputs() const override { return network_->outputs(); }
  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs,
                                          const CancelToken& cancel) override {
    auto outputs = network_->Run(inputs, cancel);
    seen_->inputs = inputs;
    if (outputs.ok()) seen_->outputs = *outputs;
    return outputs;
  }

 private:
  const std::unique_ptr<Network> network_;
  Seen* const seen_;
};

void ExpectClose(const std::vector<Tensor>& ours, const std::vector<std::vector<float>>& straight) {
  ASSERT_EQ(ours.size(), straight.size());
  for (size_t i = 0; i < straight.size(); ++i) {
    ASSERT_THAT(ours[i].values, SizeIs(straight[i].size()));
    for (size_t j = 0; j < straight[i].size(); ++j) {
      ASSERT_NEAR(ours[i].values[j], straight[i][j], 1e-3) << i << " " << j;
    }
  }
}

TEST(PublishedBodyPoseTest, EqualsAStraightRunOnTheSameCrop) {
  const std::string bytes = ReadTestdata(kPicture);
  const std::string model = TestdataPath(kLandmarks), detector = TestdataPath(kDetector);
  if (bytes.empty() || !std::filesystem::exists(model) || !std::filesystem::exists(detector)) {
    GTEST_SKIP() << "no test data";
  }
  Seen landmarks, people;
  FamilyParts parts;
  for (const auto& [role, path, seen] : {std::tuple{kModelRole, &model, &landmarks},
                                         std::tuple{"pose-detector", &detector, &people}}) {
    auto network = LoadTfliteNetwork(*path, 2, {});
    ASSERT_TRUE(network.ok()) << network.status();
    parts.networks[role] = std::make_unique<WatchedNetwork>(*std::move(network), seen);
  }
  auto family = MakeBodyPose(std::move(parts));
  ASSERT_TRUE(family.ok()) << family.status();
  auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(decoded.ok());
  const Image& image = decoded->image;
  const auto result = Ask(**family, View(&image, {0, 0, image.width(), image.height()}));
  ASSERT_EQ(result.poses().poses_size(), 1) << "one man";
  ExpectClose(people.outputs, StraightTflite(detector, people.inputs[0].values));
  const auto straight = StraightTflite(model, landmarks.inputs[0].values);
  ExpectClose(landmarks.outputs, straight);

  // The formulas written down a second time.
  const std::vector<float>*points = nullptr, *map = nullptr;
  for (const auto& output : straight) {
    if (output.size() == 195) points = &output;
    if (output.size() == 64 * 64 * 39) map = &output;
  }
  ASSERT_TRUE(points != nullptr && map != nullptr);
  // Where the crop lies is told by two joints; the others must then fit it. A crop is turned and
  // made larger, so that distances between joints keep their ratio.
  std::vector<std::pair<double, double>> in_crop;
  for (size_t i = 0; i < 33; ++i) {
    double x = (*points)[i * 5] / 256, y = (*points)[i * 5 + 1] / 256;
    const int column = static_cast<int>(x * 64), row = static_cast<int>(y * 64);
    if (x >= 0 && y >= 0 && column < 64 && row < 64) {
      double sum = 0, most = 0, xs = 0, ys = 0;
      for (int r = std::max(0, row - 3); r < std::min(64, row + 4); ++r) {
        for (int c = std::max(0, column - 3); c < std::min(64, column + 4); ++c) {
          const double sure = 1 / (1 + std::exp(-(*map)[(r * 64 + c) * 39 + i]));
          sum += sure;
          most = std::max(most, sure);
          xs += c * sure;
          ys += r * sure;
        }
      }
      if (most >= 0.5) {
        x = xs / 64 / sum;
        y = ys / 64 / sum;
      }
    }
    in_crop.emplace_back(x, y);
  }
  const vision_proto::Pose& pose = result.poses().poses(0);
  const auto found = [&](int i) {
    return std::pair(static_cast<double>(pose.joints(i).position().x()),
                     static_cast<double>(pose.joints(i).position().y()));
  };
  // Of a turn with a change of size, z' = a z + b in complex numbers.
  const auto minus = [](auto p, auto q) {
    return std::pair(p.first - q.first, p.second - q.second);
  };
  const auto d = minus(in_crop[28], in_crop[0]), e = minus(found(28), found(0));
  const double length = d.first * d.first + d.second * d.second;
  const double re = (e.first * d.first + e.second * d.second) / length;
  const double im = (e.second * d.first - e.first * d.second) / length;
  for (int i = 0; i < 33; ++i) {
    const auto offset = minus(in_crop[i], in_crop[0]);
    EXPECT_NEAR(found(i).first, found(0).first + re * offset.first - im * offset.second, 1e-3) << i;
    EXPECT_NEAR(found(i).second, found(0).second + re * offset.second + im * offset.first, 1e-3)
        << i;
    EXPECT_NEAR(pose.joints(i).confidence(), 1 / (1 + std::exp(-(*points)[i * 5 + 3])), 1e-3);
  }
}

TEST(TfliteNetworkTest, WhatIsNoNetworkIsRefused) {
  const std::string whole = ReadTestdata(kLandmarks);
  const auto load = [](const std::string& bytes) {
    const OnnxTestFile file(bytes, "network.tflite");
    return LoadTfliteNetwork(file.path(), 1, {}).status();
  };
  EXPECT_TRUE(HasReason(load(""), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(load(std::string("\x1c\0\0\0TFL3", 8)), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(load(std::string(4096, '\xff')), Reason::kModelCorrupt));
  if (whole.empty()) GTEST_SKIP() << "no test data";
  EXPECT_TRUE(HasReason(load(whole.substr(0, whole.size() / 2)), Reason::kModelCorrupt));
  // The tables lie at both ends of the file.
  for (size_t i = 0; i < 40; ++i) {
    std::string flipped = whole;
    const size_t place = i % 2 == 0 ? i * 4 : whole.size() - 1 - i * 97;
    flipped[place] = static_cast<char>(flipped[place] ^ (1 << (i % 8)));
    const absl::Status status = load(flipped);
    EXPECT_TRUE(status.ok() || ReasonOf(status).has_value()) << status;
  }
}

TEST(TfliteNetworkTest, OperatorsThatTheLibraryLacksAreNamed) {
  const std::string path = TestdataPath("models/vision/mediapipe/hair_segmentation.tflite");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  const absl::Status status = LoadTfliteNetwork(path, 1, {}).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("MaxPoolingWithArgmax2D"));
}

TEST(TfliteNetworkTest, ChecksWhatGoesInAndNeedsAFamily) {
  const std::string path = TestdataPath(kDetector);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  auto network = LoadTfliteNetwork(path, 1, {});
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ((*network)->inputs()[0].shape, (Shape{1, 224, 224, 3}));
  EXPECT_TRUE(HasReason((*network)->Run({}, {}).status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason((*network)->Run({Zeros({1, 224, 3})}, {}).status(), Reason::kFieldInvalid));
  Tensor shorter = Zeros({1, 224, 224, 3});
  shorter.values.pop_back();
  EXPECT_TRUE(HasReason((*network)->Run({shorter}, {}).status(), Reason::kFieldInvalid));
  CancelSource source;
  source.Cancel();
  EXPECT_TRUE(HasReason((*network)->Run({Zeros({1, 224, 224, 3})}, source.token()).status(),
                        Reason::kCancelled));
  const absl::Status status = MakeOnnxEngine()->Load(SpecFor("tensor", path), {}).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs a family"));
}

}  // namespace
}  // namespace intelligenced

// The published networks of the families beside faces: what the engine answers against a straight
// run on the same crop, and against what a person sees. Skipped where the test data is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/engines/onnx/networks.h"
#include "tests/unit/engines/onnx/straight_run.h"

namespace intelligenced {
namespace {

constexpr char kMesh[] = "models/vision/mediapipe_onnx/face_landmark.onnx";
constexpr char kFace[] = "models/vision/mediapipe_onnx/face_detection_short_range.onnx";
constexpr char kIris[] = "models/vision/mediapipe_onnx/iris_landmark.onnx";
constexpr char kHand[] = "models/vision/mediapipe_onnx/hand_landmark_lite.onnx";
constexpr char kPalm[] = "models/vision/mediapipe_onnx/palm_detection_lite.onnx";
constexpr char kSelfie[] = "models/vision/mediapipe_onnx/selfie_segmentation_landscape.onnx";
constexpr char kSqueezenet[] = "models/vision/classify/SqueezeNet_fp16.onnx";
constexpr char kLabels[] = "models/vision/imagenet_labels.txt";
constexpr char kFacePicture[] = "images/mediapipe/sergey.png";

class PublishedFamiliesTest : public testing::Test {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;

  // One request on one picture; nothing: a file is not there.
  std::optional<vision_proto::VisionResult> Ask(const std::string& family, const Files& files,
                                                const engine_proto::Task& task) {
    engine_proto::ModelSpec spec;
    spec.set_engine("onnx");
    spec.set_family(family);
    spec.set_threads(2);
    for (const auto& [role, path] : files) {
      if (!std::filesystem::exists(TestdataPath(path))) return std::nullopt;
      spec.add_files()->set_role(role);
      spec.mutable_files(spec.files_size() - 1)->set_path(TestdataPath(path));
    }
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    if (!model.ok()) return std::nullopt;
    auto job = (*model)->Start(task, {});
    EXPECT_TRUE(job.ok()) << job.status();
    if (!job.ok()) return std::nullopt;
    Job* const jobs[] = {job->get()};
    auto outputs = (*model)->Step(jobs, {.budget = absl::InfiniteDuration()});
    EXPECT_TRUE(outputs.ok() && outputs->front().status.ok())
        << outputs.status() << outputs->front().status;
    if (outputs->front().events.size() < 2) return std::nullopt;
    return outputs->front().events[1].vision();
  }

  // A picture from the test data, cut and brought to an exact size so that a network that takes
  // this size sees these very pixels.
  static std::optional<Image> Picture(const std::string& path, int width, int height) {
    const std::string bytes = ReadTestdata(path);
    if (bytes.empty()) return std::nullopt;
    auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    auto resized = Resize(decoded->image, width, height);
    EXPECT_TRUE(resized.ok());
    return *std::move(resized);
  }

  // Colours side by side, 0 to 1.
  static Tensor TensorOf(const Image& image) {
    Tensor tensor = Zeros({1, image.height(), image.width(), 3});
    for (size_t i = 0; i < image.size_bytes(); ++i) {
      tensor.values[i] = static_cast<float>(image.data()[i]) / 255;
    }
    return tensor;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

TEST_F(PublishedFamiliesTest, MeshOnTheSameCropIsThatOfAStraightRun) {
  const auto picture = Picture(kFacePicture, 192, 192);
  if (!picture.has_value()) GTEST_SKIP() << "no test data";
  engine_proto::Task task = TaskOn(*picture);
  auto* const request = task.mutable_vision()->add_requests();
  request->mutable_detect_face_landmarks();
  request->set_min_confidence(1e-6);
  const auto result = Ask("face-mesh", {{"model", kMesh}}, task);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  const auto straight = StraightRun(TestdataPath(kMesh), TensorOf(*picture));
  const auto& points = straight[0].size() == 1404 ? straight[0] : straight[1];
  ASSERT_EQ(result->faces().faces_size(), 1);
  int compared = 0;
  for (const auto& landmark : result->faces().faces(0).landmarks()) {
    if (landmark.name().rfind("mesh_", 0) != 0) continue;
    const float* const point = &points[std::stoul(landmark.name().substr(5)) * 3];
    EXPECT_NEAR(landmark.position().x() * 192, point[0], 1e-3) << landmark.name();
    EXPECT_NEAR(landmark.position().y() * 192, point[1], 1e-3) << landmark.name();
    EXPECT_NEAR(landmark.depth() * 192, -point[2], 1e-3) << landmark.name();
    ++compared;
  }
  EXPECT_EQ(compared, 468);
}

TEST_F(PublishedFamiliesTest, MeshAndIrisLieWhereAPersonSeesThem) {
  const std::string bytes = ReadTestdata(kFacePicture);
  if (bytes.empty()) GTEST_SKIP() << "no test data";
  engine_proto::Task task;
  task.mutable_vision()->mutable_image()->set_encoded(bytes);
  task.mutable_vision()->add_requests()->mutable_detect_face_landmarks();
  const auto result =
      Ask("face-mesh", {{"model", kMesh}, {"face-detector", kFace}, {"iris", kIris}}, task);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  ASSERT_EQ(result->faces().faces_size(), 1);
  std::map<std::string, PointF> places;
  for (const auto& landmark : result->faces().faces(0).landmarks()) {
    places[landmark.name()] = {landmark.position().x() * 600, landmark.position().y() * 600};
  }
  // faces_gt.tsv, by eye, ±15 pixels.
  const std::pair<const char*, PointF> seen[] = {{"right_iris_centre", {220, 257}},
                                                 {"left_iris_centre", {370, 257}},
                                                 {"nose_tip", {292, 325}}};
  for (const auto& [name, place] : seen) {
    EXPECT_NEAR(places[name].x, place.x, 25) << name;
    EXPECT_NEAR(places[name].y, place.y, 25) << name;
  }
  EXPECT_NEAR((places["upper_lip"].y + places["lower_lip"].y) / 2, 405, 25);
}

TEST_F(PublishedFamiliesTest, JointsOnTheSameCropAreThoseOfAStraightRun) {
  // No hand: the numbers are compared all the same.
  const auto picture = Picture(kFacePicture, 224, 224);
  if (!picture.has_value()) GTEST_SKIP() << "no test data";
  engine_proto::Task task = TaskOn(*picture);
  auto* const request = task.mutable_vision()->add_requests();
  request->mutable_detect_human_hand_pose();
  request->set_min_confidence(1e-30F);
  const auto result = Ask("mediapipe-handpose", {{"model", kHand}}, task);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  const auto straight = StraightRun(TestdataPath(kHand), TensorOf(*picture));
  ASSERT_EQ(result->poses().poses_size(), 1);
  const vision_proto::Pose& pose = result->poses().poses(0);
  EXPECT_NEAR(pose.confidence(), straight[1][0], 1e-3);
  EXPECT_EQ(pose.chirality(), straight[2][0] > 0.5 ? "right" : "left");
  for (int i = 0; i < 21; ++i) {
    EXPECT_NEAR(pose.joints(i).position().x() * 224, straight[0][i * 3], 1e-3);
    EXPECT_NEAR(pose.joints(i).position().y() * 224, straight[0][i * 3 + 1], 1e-3);
    EXPECT_NEAR(pose.joints(i).depth() * 224, -straight[0][i * 3 + 2], 1e-3);
  }
}

// A drawn hand, palm to the viewer, fingers up; and the same lying on its side.
TEST_F(PublishedFamiliesTest, FingersOfADrawnHandAreWhereTheyAre) {
  const std::string bytes =
      ReadTestdata("emoji/fluent3d_128/hand_with_fingers_splayed__Light.webp");
  if (bytes.empty()) GTEST_SKIP() << "no test data";
  for (const auto orientation :
       {engine_proto::IMAGE_ORIENTATION_UP, engine_proto::IMAGE_ORIENTATION_RIGHT}) {
    engine_proto::Task task;
    task.mutable_vision()->mutable_image()->set_encoded(bytes);
    task.mutable_vision()->mutable_image()->set_orientation(orientation);
    task.mutable_vision()->add_requests()->mutable_detect_human_hand_pose();
    const auto result =
        Ask("mediapipe-handpose", {{"model", kHand}, {"palm-detector", kPalm}}, task);
    if (!result.has_value()) GTEST_SKIP() << "no test data";
    ASSERT_EQ(result->poses().poses_size(), 1);
    std::map<std::string, PointF> places;
    for (const auto& joint : result->poses().poses(0).joints()) {
      places[joint.name()] = {joint.position().x(), joint.position().y()};
    }
    const bool up = orientation == engine_proto::IMAGE_ORIENTATION_UP;
    for (const std::string finger : {"index", "middle", "ring", "little"}) {
      const PointF tip = places[finger + "_tip"], base = places[finger + "_mcp"];
      // Turned clockwise, what was up is on the right.
      const float along = up ? base.y - tip.y : tip.x - base.x;
      const float from_wrist = up ? places["wrist"].y - base.y : base.x - places["wrist"].x;
      EXPECT_GT(along, 0.05) << finger;  // the little one is short
      EXPECT_GT(from_wrist, 0.1) << finger;
    }
  }
}

TEST_F(PublishedFamiliesTest, NoHandsWhereThereAreNone) {
  for (const char* path : {"images/skimage/rocket.jpg", "images/skimage/coins.png"}) {
    const std::string bytes = ReadTestdata(path);
    if (bytes.empty()) GTEST_SKIP() << "no test data";
    engine_proto::Task task;
    task.mutable_vision()->mutable_image()->set_encoded(bytes);
    task.mutable_vision()->add_requests()->mutable_detect_human_hand_pose();
    const auto result =
        Ask("mediapipe-handpose", {{"model", kHand}, {"palm-detector", kPalm}}, task);
    if (!result.has_value()) GTEST_SKIP() << "no test data";
    EXPECT_EQ(result->poses().poses_size(), 0) << path;
  }
}

TEST_F(PublishedFamiliesTest, TheMaskIsThatOfAStraightRun) {
  const auto picture = Picture(kFacePicture, 256, 144);
  if (!picture.has_value()) GTEST_SKIP() << "no test data";
  engine_proto::Task task = TaskOn(*picture);
  task.mutable_vision()->add_requests()->mutable_generate_person_segmentation();
  const auto result = Ask("selfie-segmentation", {{"model", kSelfie}}, task);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  const auto straight = StraightRun(TestdataPath(kSelfie), TensorOf(*picture));
  const vision_proto::Heatmap& mask = result->segmentation().mask();
  ASSERT_EQ(mask.width(), 256U);
  ASSERT_EQ(mask.height(), 144U);
  for (size_t i = 0; i < mask.values().size(); ++i) {
    EXPECT_NEAR(static_cast<uint8_t>(mask.values()[i]) / 255.0, straight[0][i], 1e-3 + 0.5 / 255);
  }
  // The face is a person, the upper corners are not.
  const auto at = [&](int x, int y) { return static_cast<uint8_t>(mask.values()[y * 256 + x]); };
  EXPECT_GT(at(128, 80), 200);
  EXPECT_LT(at(3, 3), 50);
}

TEST_F(PublishedFamiliesTest, ATenchIsATench) {
  const std::string bytes = ReadTestdata("images/winml/fish.png");
  if (bytes.empty()) GTEST_SKIP() << "no test data";
  engine_proto::Task task;
  task.mutable_vision()->mutable_image()->set_encoded(bytes);
  auto* const request = task.mutable_vision()->add_requests();
  request->mutable_classify_image();
  request->set_max_results(3);
  const auto result = Ask("squeezenet", {{"model", kSqueezenet}, {"labels", kLabels}}, task);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  ASSERT_GE(result->classifications().classifications_size(), 1);
  EXPECT_LE(result->classifications().classifications_size(), 3);
  EXPECT_THAT(result->classifications().classifications(0).identifier(),
              testing::HasSubstr("tench"));
}

}  // namespace
}  // namespace intelligenced

// Published networks against a straight run through ONNX Runtime's own API, and faces against what
// a person sees. Skipped where the test data is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/engines/onnx/onnx_session.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/engines/onnx/networks.h"
#include "tests/unit/engines/onnx/straight_run.h"

namespace intelligenced {
namespace {

using testing::SizeIs;

constexpr char kYunet[] = "models/vision/yunet/yunet_n_dynamic.onnx";
constexpr char kYunetFixed[] = "models/vision/yunet/yunet_n_640_640.onnx";
constexpr char kUltralight[] = "models/vision/ultralight/version-RFB-640.onnx";

class StraightRunTest : public testing::TestWithParam<std::string> {};

TEST_P(StraightRunTest, TheSessionGivesTheSameNumbers) {
  const std::string path = TestdataPath(GetParam());
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  auto library = OnnxLibrary::Open();
  ASSERT_TRUE(library.ok());
  auto session = LoadOnnxSession(**library, path, {.threads = 2}, {});
  ASSERT_TRUE(session.ok()) << session.status();
  Shape shape = (*session)->inputs()[0].shape;
  for (int64_t& extent : shape) extent = extent < 0 ? 64 : extent;
  shape[0] = 1;
  Tensor input = Zeros(shape);
  for (size_t i = 0; i < input.values.size(); ++i) {
    input.values[i] = static_cast<float>(i * 7919 % 256) / 255;
  }
  const auto ours = (*session)->Run({input}, {});
  ASSERT_TRUE(ours.ok()) << ours.status();
  const auto straight = StraightRun(path, input);
  ASSERT_EQ(ours->size(), straight.size());
  for (size_t i = 0; i < straight.size(); ++i) {
    ASSERT_THAT((*ours)[i].values, SizeIs(straight[i].size()));
    float largest = 0;
    for (size_t j = 0; j < straight[i].size(); ++j) {
      largest = std::max(largest, std::abs((*ours)[i].values[j] - straight[i][j]));
    }
    EXPECT_LE(largest, 1e-3) << "output " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Published, StraightRunTest,
    testing::Values(kYunet, kYunetFixed, kUltralight,
                    "models/vision/ultralight/version-slim-320_simplified.onnx",
                    "models/vision/mediapipe_onnx/selfie_segmentation_landscape.onnx",
                    "models/vision/mediapipe_onnx/face_landmark.onnx",
                    "models/vision/mediapipe_onnx/iris_landmark.onnx",
                    "models/vision/mediapipe_onnx/palm_detection_lite.onnx",
                    "models/vision/mediapipe_onnx/hand_landmark_lite.onnx"),
    [](const auto& info) {
      std::string name = std::filesystem::path(info.param).stem().string();
      std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

class FacesTest : public testing::Test {
 protected:
  // Nothing: the network or the picture is not there.
  std::optional<vision_proto::VisionResult> Detect(const std::string& family,
                                                   const std::string& network,
                                                   const std::string& bytes,
                                                   vision_proto::ImageInfo* info) {
    const std::string path = TestdataPath(network);
    if (bytes.empty() || !std::filesystem::exists(path)) return std::nullopt;
    if (model_ == nullptr || loaded_ != network) {
      auto model = engine_->Load(SpecFor(family, path), {});
      EXPECT_TRUE(model.ok()) << model.status();
      if (!model.ok()) return std::nullopt;
      model_ = *std::move(model);
      loaded_ = network;
    }
    engine_proto::Task task;
    task.mutable_vision()->mutable_image()->set_encoded(bytes);
    task.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
    auto job = model_->Start(task, {});
    EXPECT_TRUE(job.ok()) << job.status();
    Job* const jobs[] = {job->get()};
    auto outputs = model_->Step(jobs, {.budget = absl::InfiniteDuration()});
    EXPECT_TRUE(outputs.ok() && outputs->front().done) << outputs.status();
    EXPECT_TRUE(outputs->front().status.ok()) << outputs->front().status;
    if (!outputs->front().status.ok()) return std::nullopt;
    *info = outputs->front().events[0].image();
    return outputs->front().events[1].vision();
  }

  // faces_gt.tsv: how many faces, and for some where, by a person's eye.
  void CheckAll(const std::string& family, const std::string& network) {
    std::istringstream table(ReadTestdata("images/faces_gt.tsv"));
    std::string line;
    std::getline(table, line);
    int checked = 0;
    while (std::getline(table, line)) {
      const std::vector<std::string> cells = absl::StrSplit(line, '\t');
      vision_proto::ImageInfo info;
      const auto result = Detect(family, network, ReadTestdata("images/" + cells[0]), &info);
      if (!result.has_value()) continue;
      ++checked;
      int count = 0;
      ASSERT_TRUE(absl::SimpleAtoi(cells[1], &count));
      if (line.find("may be missed") != std::string::npos) {
        EXPECT_LE(result->faces().faces_size(), count) << cells[0];
        continue;
      }
      ASSERT_EQ(result->faces().faces_size(), count) << cells[0];
      if (cells[2].empty()) continue;
      CheckPlace(result->faces().faces(0), info, cells);
    }
    if (checked == 0) GTEST_SKIP() << "no test data";
  }

  static void CheckPlace(const vision_proto::Face& face, const vision_proto::ImageInfo& info,
                         const std::vector<std::string>& cells) {
    float seen[4] = {};
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(absl::SimpleAtof(cells[2 + i], &seen[i]));
    const float width = info.width(), height = info.height();
    const BoxF box = {face.box().x() * width, face.box().y() * height,
                      (face.box().x() + face.box().width()) * width,
                      (face.box().y() + face.box().height()) * height};
    EXPECT_GT(Overlap(box, {seen[0], seen[1], seen[2], seen[3]}), 0.5) << cells[0];
    // The eyes as the viewer says: the person's right one is on the left.
    const std::pair<const char*, int> points[] = {
        {"right_eye", 6}, {"left_eye", 7}, {"nose_tip", 8}};
    for (const auto& landmark : face.landmarks()) {
      for (const auto& [name, cell] : points) {
        if (landmark.name() != name) continue;
        const std::vector<std::string> place = absl::StrSplit(cells[cell], ',');
        float x = 0, y = 0;
        ASSERT_TRUE(absl::SimpleAtof(place[0], &x) && absl::SimpleAtof(place[1], &y));
        EXPECT_NEAR(landmark.position().x() * width, x, 30) << cells[0] << " " << name;
        EXPECT_NEAR(landmark.position().y() * height, y, 30) << cells[0] << " " << name;
      }
    }
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  std::unique_ptr<Model> model_;
  std::string loaded_;
};

TEST_F(FacesTest, YunetFindsWhatAPersonSees) { CheckAll("yunet", kYunet); }
TEST_F(FacesTest, YunetOfFixedSizeFindsWhatAPersonSees) { CheckAll("yunet", kYunetFixed); }
TEST_F(FacesTest, UltralightFindsWhatAPersonSees) { CheckAll("ultralight", kUltralight); }

// The picture as it is, the network's formulas written down a second time.
TEST_F(FacesTest, YunetsBestBoxIsThatOfAStraightRun) {
  const std::string bytes = ReadTestdata("images/mediapipe/sergey.png");
  vision_proto::ImageInfo info;
  const auto result = Detect("yunet", kYunet, bytes, &info);
  if (!result.has_value()) GTEST_SKIP() << "no test data";
  auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(decoded.ok());
  // 600 pixels a side in a field of 608.
  Tensor input = Zeros({1, 3, 608, 608});
  for (int y = 0; y < decoded->image.height(); ++y) {
    for (int x = 0; x < decoded->image.width(); ++x) {
      for (int c = 0; c < 3; ++c) {
        input.values[((2 - c) * 608 + y) * 608 + x] = decoded->image.row(y)[x * 3 + c];
      }
    }
  }
  const auto outputs = StraightRun(TestdataPath(kYunet), input);
  float best = 0, left = 0, top = 0, width = 0, height = 0;
  const int strides[] = {8, 16, 32};
  for (int level = 0; level < 3; ++level) {
    const int stride = strides[level], columns = 608 / stride;
    for (size_t cell = 0; cell < outputs[level].size(); ++cell) {
      const float score = std::sqrt(outputs[level][cell] * outputs[3 + level][cell]);
      if (score <= best) continue;
      best = score;
      const float* const box = &outputs[6 + level][cell * 4];
      width = std::exp(box[2]) * stride;
      height = std::exp(box[3]) * stride;
      left = (cell % columns + box[0]) * stride - width / 2;
      top = (cell / columns + box[1]) * stride - height / 2;
    }
  }
  const vision_proto::Face& face = result->faces().faces(0);
  EXPECT_NEAR(face.confidence(), best, 1e-3);
  EXPECT_NEAR(face.box().x() * 600, left, 0.1);
  EXPECT_NEAR(face.box().y() * 600, top, 0.1);
  EXPECT_NEAR(face.box().width() * 600, width, 0.1);
  EXPECT_NEAR(face.box().height() * 600, height, 0.1);
}

}  // namespace
}  // namespace intelligenced

#include "runtime/engines/onnx/families/ppocr_detection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

// 1 in a rectangle of 40×10 around (50, 50) that is turned clockwise, 0 elsewhere.
std::vector<float> TurnedBar(float radians) {
  std::vector<float> map(100 * 100, 0.0F);
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x) {
      const float dx = x + 0.5F - 50, dy = y + 0.5F - 50;
      const float along = dx * std::cos(radians) + dy * std::sin(radians);
      const float across = -dx * std::sin(radians) + dy * std::cos(radians);
      if (std::abs(along) <= 20 && std::abs(across) <= 5) map[y * 100 + x] = 1;
    }
  }
  return map;
}

TEST(PpocrDetectionTest, TheSmallestRectangleStartsAtTheTopLeftOfTheLine) {
  const auto flat = SmallestRectangle({{0, 0}, {10, 0}, {10, 2}, {0, 2}, {5, 1}});
  ASSERT_EQ(flat.size(), 4U);
  EXPECT_NEAR(flat[0].x, 0, 1e-5);
  EXPECT_NEAR(flat[0].y, 0, 1e-5);
  EXPECT_NEAR(flat[1].x, 10, 1e-5);
  EXPECT_NEAR(flat[2].y, 2, 1e-5);
  const auto diamond = SmallestRectangle({{0, 3}, {3, 0}, {13, 10}, {10, 13}});
  ASSERT_EQ(diamond.size(), 4U);
  EXPECT_NEAR(diamond[0].x, 3, 1e-4);
  EXPECT_NEAR(diamond[1].x, 13, 1e-4);
  EXPECT_TRUE(SmallestRectangle({}).empty());
  EXPECT_TRUE(SmallestRectangle({{1, 1}}).empty());
  EXPECT_TRUE(SmallestRectangle({{0, 0}, {1, 1}, {2, 2}}).empty());
}

TEST(PpocrDetectionTest, ABarIsFoundAndGrownInItsDirection) {
  for (const float radians : {0.0F, 0.4F, -0.4F}) {
    const auto boxes = FindTextBoxes(TurnedBar(radians), 100, 0.6);
    ASSERT_EQ(boxes.size(), 1U) << radians;
    const auto& corners = boxes[0].corners;
    EXPECT_GT(boxes[0].score, 0.8);
    // Growth: 40 × 10 × 1.5 / 100 = 6 on each side.
    EXPECT_NEAR(std::hypot(corners[1].x - corners[0].x, corners[1].y - corners[0].y), 52, 4);
    EXPECT_NEAR(std::hypot(corners[2].x - corners[1].x, corners[2].y - corners[1].y), 22, 4);
    EXPECT_NEAR(std::atan2(corners[1].y - corners[0].y, corners[1].x - corners[0].x), radians,
                0.06);
    EXPECT_NEAR((corners[0].x + corners[2].x) / 2, 50, 1);
    EXPECT_NEAR((corners[0].y + corners[2].y) / 2, 50, 1);
  }
}

TEST(PpocrDetectionTest, SmallAndUnsurePartsAreLeftOut) {
  std::vector<float> map(100 * 100, 0.0F);
  for (int x = 10; x < 50; ++x) {
    map[10 * 100 + x] = map[11 * 100 + x] = 1;             // two pixels high
    for (int y = 30; y < 40; ++y) map[y * 100 + x] = 0.5;  // not sure
    for (int y = 60; y < 70; ++y) map[y * 100 + x] = 0.9;  // a line
  }
  map[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(FindTextBoxes(map, 100, 0.6).size(), 1U);
  EXPECT_EQ(FindTextBoxes(map, 100, 0.4).size(), 2U);
  std::fill(map.begin(), map.end(), 1.0F);
  EXPECT_EQ(FindTextBoxes(map, 100, 0.6).size(), 1U) << "all of it";
}

TEST(PpocrDetectionTest, OtherNetworksAreRefused) {
  auto other = std::make_unique<ComputedNetwork>(std::vector<PortInfo>{{"x", {1, 3, -1, -1}}},
                                                 std::vector<PortInfo>{{"y", {1, 10}}},
                                                 [](const auto&) { return std::vector<Tensor>(); });
  EXPECT_TRUE(
      HasReason(MakePpocrDetection(PartsOf(std::move(other))).status(), Reason::kModelLoadFailed));
}

TEST(PpocrDetectionTest, LinesOfAPageAreFoundByThePublishedNetwork) {
  const std::string path = TestdataPath("models/ocr/ch_PP-OCRv3_det_infer.onnx");
  const std::string bytes = ReadTestdata("images/skimage/bw_text.png");
  if (bytes.empty() || !std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  const auto engine = MakeOnnxEngine();
  auto model = engine->Load(SpecFor("ppocr-det", path), {});
  ASSERT_TRUE(model.ok()) << model.status();
  engine_proto::Task task;
  task.mutable_vision()->mutable_image()->set_encoded(bytes);
  task.mutable_vision()->add_requests()->mutable_detect_text_rectangles();
  auto job = (*model)->Start(task, {});
  ASSERT_TRUE(job.ok()) << job.status();
  Job* const jobs[] = {job->get()};
  auto outputs = (*model)->Step(jobs, {.budget = absl::InfiniteDuration()});
  ASSERT_TRUE(outputs.ok() && outputs->front().status.ok()) << outputs->front().status;
  const auto& regions = outputs->front().events[1].vision().regions();
  EXPECT_EQ(regions.regions_size(), 10) << "lines of the page";
  for (const auto& region : regions.regions()) {
    EXPECT_GE(region.confidence(), 0.6);
    EXPECT_GT(region.box().width(), 0);
    EXPECT_LE(region.box().x() + region.box().width(), 1.0001);
  }
}

}  // namespace
}  // namespace intelligenced

// Restyling, by networks whose answers are known and by published ones.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"
#include "tests/support/onnx_bytes.h"
#include "tests/unit/engines/onnx/diffusion/random_models.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

std::string NetworkOf(const std::string& operation, int64_t side, int64_t channels = 3) {
  OnnxParts parts;
  parts.nodes = {OnnxNode(operation, {"picture"}, {"styled"})};
  parts.inputs = {OnnxPortBytes("picture", {1, channels, side, side})};
  parts.outputs = {OnnxPortBytes("styled", {1, channels, side, side})};
  return OnnxModelBytes(parts);
}

engine_proto::Task Restyle(const Image& image, const std::string& style = "") {
  engine_proto::Task task;
  *task.mutable_restyle_image()->mutable_image() = TaskOn(image).vision().image();
  task.mutable_restyle_image()->set_style(style);
  return task;
}

Image Waves(int width, int height) {
  auto image = Image::Make(width, height, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width * 3; ++x) {
      image->row(y)[x] = static_cast<uint8_t>(128 + 100 * std::sin(x * 0.05 + y * 0.15));
    }
  }
  return *std::move(image);
}

Image Decoded(const Told& told) {
  EXPECT_TRUE(told.status.ok()) << told.status;
  if (told.images.empty()) return Image();
  const std::string& file = told.images[0].data();
  auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  return std::move(decoded->image);
}

double MeanDifference(const Image& a, const Image& b) {
  double sum = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (size_t i = 0; i < a.row_bytes(); ++i) sum += std::abs(a.row(y)[i] - b.row(y)[i]);
  }
  return sum / static_cast<double>(a.size_bytes());
}

class StyleTransferTest : public testing::Test {
 protected:
  std::unique_ptr<Model> Load(const engine_proto::ModelSpec& spec) {
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

TEST_F(StyleTransferTest, KeepsThePicturesSize) {
  // What is answered is what was asked.
  const OnnxTestFile open(NetworkOf("Relu", -1));
  const OnnxTestFile fixed(NetworkOf("Relu", 48));
  for (const bool is_fixed : {false, true}) {
    const auto model = Load(SpecFor("style-transfer", is_fixed ? fixed.path() : open.path()));
    ASSERT_NE(model, nullptr);
    for (const auto& [width, height] : {std::pair(48, 48), {96, 40}, {30, 61}}) {
      const Image image = Waves(width, height);
      const Told told = RunJob(*model, Restyle(image));
      const Image styled = Decoded(told);
      ASSERT_EQ(styled.width(), width);
      ASSERT_EQ(styled.height(), height);
      // Scaled to fit and back it is nearly the same.
      EXPECT_LT(MeanDifference(styled, image), width == 48 ? 0.01 : 12) << width;
      EXPECT_TRUE(told.completed);
      EXPECT_NE(told.images[0].data().find("compositeWithTrained"), std::string::npos);
      ASSERT_EQ(told.steps.size(), 3U);
      EXPECT_EQ(told.steps.back().step(), told.steps.back().steps());
    }
  }
}

TEST_F(StyleTransferTest, HasTheStylesOfItsFiles) {
  const OnnxTestFile same(NetworkOf("Relu", -1));
  const OnnxTestFile dark(NetworkOf("Neg", -1));
  engine_proto::ModelSpec spec = SpecFor("style-transfer", dark.path(), "style-night");
  engine_proto::ModelFile& file = *spec.add_files();
  file.set_role("style-day");
  file.set_path(same.path());
  const auto model = Load(spec);
  ASSERT_NE(model, nullptr);
  const auto& info = model->info().image_generation();
  ASSERT_EQ(info.styles_size(), 2);
  EXPECT_EQ(info.styles(0), "day");
  EXPECT_EQ(info.styles(1), "night");
  const Image image = Waves(48, 48);
  EXPECT_LT(MeanDifference(Decoded(RunJob(*model, Restyle(image))), image), 0.01);
  EXPECT_EQ(Decoded(RunJob(*model, Restyle(image, "Night"))).row(3)[5], 0);
  EXPECT_EQ(FactsOf(RunJob(*model, Restyle(image, "dusk")).status).field, "style");
  engine_proto::Task none;
  none.mutable_restyle_image();
  EXPECT_EQ(FactsOf(RunJob(*model, none).status).field, "image");
  engine_proto::Task broken;
  broken.mutable_restyle_image()->mutable_image()->set_encoded("x");
  EXPECT_TRUE(HasReason(RunJob(*model, broken).status, Reason::kImageUndecodable));
  EXPECT_EQ(FactsOf(RunJob(*model, Imagine("a red car")).status).field, "kind");
  // The parameter names the only file's.
  engine_proto::ModelSpec single = SpecFor("style-transfer", same.path());
  (*single.mutable_parameters())["style"] = "plain";
  EXPECT_EQ(Load(single)->info().image_generation().styles(0), "plain");
}

TEST_F(StyleTransferTest, TakesColoursInTheOrderOfTheNetwork) {
  // Answers its first colour as all three.
  OnnxParts parts;
  parts.weights = {OnnxShapeWeight("zero", {0}), OnnxShapeWeight("one", {1}),
                   OnnxShapeWeight("three", {1, 3, 1, 1})};
  parts.nodes = {OnnxNode("Slice", {"picture", "zero", "one", "one"}, {"first"}),
                 OnnxNode("Expand", {"first", "three"}, {"styled"})};
  parts.inputs = {OnnxPortBytes("picture", {1, 3, 16, 16})};
  parts.outputs = {OnnxPortBytes("styled", {1, 3, 16, 16})};
  const OnnxTestFile file(OnnxModelBytes(parts));
  const OnnxTestFile same(NetworkOf("Relu", 16));
  const Image image = Waves(16, 16);
  for (const auto& [order, channel] : {std::pair("rgb", 0), {"bgr", 2}}) {
    engine_proto::ModelSpec spec = SpecFor("style-transfer", file.path());
    (*spec.mutable_parameters())["colour_order"] = order;
    const Image styled = Decoded(RunJob(*Load(spec), Restyle(image)));
    for (int x = 0; x < 16; ++x) {
      for (int c = 0; c < 3; ++c) {
        ASSERT_EQ(styled.row(5)[x * 3 + c], image.row(5)[x * 3 + channel]) << order;
      }
    }
    spec = SpecFor("style-transfer", same.path());
    (*spec.mutable_parameters())["colour_order"] = order;
    EXPECT_EQ(MeanDifference(Decoded(RunJob(*Load(spec), Restyle(image))), image), 0);
  }
  engine_proto::ModelSpec wrong = SpecFor("style-transfer", same.path());
  (*wrong.mutable_parameters())["colour_order"] = "grb";
  EXPECT_TRUE(HasReason(engine_->Load(wrong, {}).status(), Reason::kModelCorrupt));
}

TEST_F(StyleTransferTest, RefusesWhatIsNoStyle) {
  const OnnxTestFile grey(NetworkOf("Relu", 48, 1));
  EXPECT_TRUE(HasReason(engine_->Load(SpecFor("style-transfer", grey.path()), {}).status(),
                        Reason::kModelLoadFailed));
  engine_proto::ModelSpec none;
  none.set_family("style-transfer");
  EXPECT_TRUE(HasReason(engine_->Load(none, {}).status(), Reason::kModelLoadFailed));
  const OnnxTestFile infinite(NetworkOf("Log", 48));
  const auto model = Load(SpecFor("style-transfer", infinite.path()));
  const Told told = RunJob(*model, Restyle(GreyImage(48, 48, 0)));
  EXPECT_TRUE(HasReason(told.status, Reason::kEngineFailure)) << told.status;
}

TEST_F(StyleTransferTest, CanBeCancelledBeforeEveryUnit) {
  const OnnxTestFile file(NetworkOf("Relu", -1));
  const auto model = Load(SpecFor("style-transfer", file.path()));
  const engine_proto::Task task = Restyle(Waves(48, 48));
  const Told whole = RunJob(*model, task);
  for (int unit = 0; unit < whole.units; ++unit) {
    EXPECT_TRUE(HasReason(RunJob(*model, task, unit).status, Reason::kCancelled)) << unit;
  }
}

TEST_F(StyleTransferTest, PublishedOnesChangeAPicture) {
  engine_proto::ModelSpec spec;
  spec.set_family("style-transfer");
  spec.set_threads(2);
  (*spec.mutable_parameters())["colour_order"] = "bgr";
  for (const std::string name : {"candy", "la_muse", "mosaic", "udnie"}) {
    const std::string path = TestdataPath("models/diffusion/style_transfer/" + name + ".onnx");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
    engine_proto::ModelFile& file = *spec.add_files();
    file.set_role("style-" + name);
    file.set_path(path);
  }
  const auto model = Load(spec);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().image_generation().width(), 720U);
  const Image image = Waves(120, 90);
  std::string before;
  for (const std::string style : {"candy", "mosaic"}) {
    const Told told = RunJob(*model, Restyle(image, style));
    const Image styled = Decoded(told);
    ASSERT_EQ(styled.width(), 120);
    ASSERT_EQ(styled.height(), 90);
    const double difference = MeanDifference(styled, image);
    EXPECT_GT(difference, 10) << style;
    EXPECT_LT(difference, 150) << style;
    EXPECT_NE(told.images[0].data(), before);
    before = told.images[0].data();
  }
}

}  // namespace
}  // namespace intelligenced

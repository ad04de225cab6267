// Models that are no whole models, and networks that do not do their work.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/diffusion_settings.h"
#include "runtime/engines/onnx/diffusion/memory_plan.h"
#include "runtime/engines/onnx/diffusion/upscale_job.h"
#include "runtime/media/image_decode.h"
#include "tests/support/onnx_bytes.h"
#include "tests/unit/engines/onnx/diffusion/random_models.h"

namespace intelligenced {
namespace {

class DiffusionLoadTest : public testing::Test {
 protected:
  absl::Status StatusOf(const engine_proto::ModelSpec& spec) {
    return engine_->Load(spec, {}).status();
  }
  // Refused with words that name what is wrong.
  void ExpectRefused(const RandomModel& model, Reason reason, const std::string& word) {
    const absl::Status status = StatusOf(model.Spec());
    EXPECT_TRUE(HasReason(status, reason)) << word << ": " << status;
    EXPECT_NE(status.message().find(word), std::string::npos) << status;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

TEST_F(DiffusionLoadTest, MissingPartsAreNamed) {
  const std::pair<const char*, const char*> kParts[] = {
      {"model_index.json", "model-index"},
      {"tokenizer/vocab.json", "vocabulary"},
      {"tokenizer/merges.txt", "merges"},
      {"text_encoder/model.onnx", "text-encoder"},
      {"unet/model.onnx", "unet"},
      {"vae_decoder/model.onnx", "vae-decoder"},
      {"scheduler/scheduler_config.json", "scheduler-config"},
  };
  for (const auto& [name, role] : kParts) {
    const RandomModel model("latent");
    model.Remove(name);
    ExpectRefused(model, Reason::kModelLoadFailed, role);
  }
}

TEST_F(DiffusionLoadTest, WithoutAnEncoderThereIsNoSource) {
  const RandomModel files("latent");
  files.Remove("vae_encoder/model.onnx");
  auto model = engine_->Load(files.Spec(), {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE((*model)->info().image_generation().takes_source_image());
  engine_proto::Task task = Imagine("a red car");
  EXPECT_TRUE(RunJob(**model, task).status.ok());
  task.mutable_generate_image()->mutable_source_image()->set_encoded("x");
  EXPECT_EQ(FactsOf(RunJob(**model, task).status).field, "source_image");
}

TEST_F(DiffusionLoadTest, PartsThatDoNotFitTogetherAreRefused) {
  {
    const RandomModel model("latent");
    model.Change("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 9");
    ExpectRefused(model, Reason::kModelLoadFailed, "channels");
  }
  {
    // Four channels, and nothing that makes pictures of them.
    const RandomModel model("latent");
    model.Remove("vae_decoder/model.onnx");
    model.Remove("vae_encoder/model.onnx");
    ExpectRefused(model, Reason::kModelLoadFailed, "3 channels");
  }
  {
    const RandomModel model("latent");
    model.Change("vae_decoder/config.json", "16", "16, 16");
    ExpectRefused(model, Reason::kModelLoadFailed, "VAE decoder");
  }
  {
    const RandomModel model("pixel");
    model.Change("tokenizer/tokenizer_config.json", "16", "20");
    ExpectRefused(model, Reason::kModelLoadFailed, "16 tokens");
  }
  {
    const RandomModel model("pixel");
    model.Put("unet/model.onnx", "no network");
    EXPECT_FALSE(StatusOf(model.Spec()).ok());
  }
  {
    // Text encoder and denoiser changed places.
    const RandomModel model("pixel");
    model.Put(
        "unet/model.onnx",
        *ReadFile(BuildPath("tests/unit/engines/onnx/diffusion/pixel/text_encoder/model.onnx"),
                  1 << 24));
    ExpectRefused(model, Reason::kModelLoadFailed, "input_ids");
  }
}

TEST_F(DiffusionLoadTest, BrokenConfigurationsAreRefused) {
  const auto refused = [&](const char* name, const char* from, const char* to, Reason reason,
                           const std::string& word) {
    const RandomModel model("latent");
    model.Change(name, from, to);
    ExpectRefused(model, reason, word);
  };
  constexpr char kScheduler[] = "scheduler/scheduler_config.json";
  constexpr char kIndex[] = "model_index.json";
  refused(kScheduler, "DDIMScheduler", "MagicScheduler", Reason::kModelLoadFailed,
          "MagicScheduler");
  refused(kScheduler, "{", "[", Reason::kModelCorrupt, "scheduler_config");
  refused(kIndex, "{", "[", Reason::kModelCorrupt, "model-index");
  refused(kIndex, "_class_name", "name", Reason::kModelCorrupt, "_class_name");
  refused(kIndex, "\"tokenizer\":", "\"tokenizer_2\": [\"a\", \"b\"], \"tokenizer\":",
          Reason::kModelLoadFailed, "tokenizer_2");
  refused(kIndex, "\"default_steps\": 4", "\"default_steps\": 0", Reason::kModelCorrupt,
          "default_steps");
  refused(kIndex, "\"default_steps\": 4", "\"width\": 33", Reason::kModelCorrupt, "33");
  refused(kIndex, "\"default_steps\": 4", "\"default_scheduler\": \"x\"", Reason::kModelLoadFailed,
          "default_scheduler");
  refused(kIndex, "\"{prompt}\"", "7", Reason::kModelCorrupt, "styles");
  refused("unet/config.json", "\"sample_size\": 8", "\"sample_size\": \"large\"",
          Reason::kModelCorrupt, "sample_size");
  refused("vae_decoder/config.json", "0.18215", "0", Reason::kModelCorrupt, "scaling_factor");
}

TEST_F(DiffusionLoadTest, ParametersGoFirst) {
  const RandomModel files("pixel");
  engine_proto::ModelSpec spec = files.Spec();
  auto& parameters = *spec.mutable_parameters();
  parameters["steps"] = "9";
  parameters["guidance_scale"] = "1.5";
  parameters["width"] = "24";
  parameters["scheduler"] = "euler";
  parameters["styles"] = R"({"zebra":"{prompt} in stripes","ape":""})";
  auto model = engine_->Load(spec, {});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto& info = (*model)->info().image_generation();
  EXPECT_EQ(info.default_steps(), 9U);
  EXPECT_FLOAT_EQ(info.default_guidance_scale(), 1.5F);
  EXPECT_EQ(info.width(), 24U);
  ASSERT_EQ(info.styles_size(), 2);
  EXPECT_EQ(info.styles(0), "zebra");
  for (const auto& [key, value] :
       {std::pair("steps", "many"), {"styles", "[1]"}, {"width", "25"}}) {
    engine_proto::ModelSpec wrong = files.Spec();
    (*wrong.mutable_parameters())[key] = value;
    EXPECT_TRUE(HasReason(StatusOf(wrong), Reason::kModelCorrupt)) << key;
  }
}

TEST_F(DiffusionLoadTest, WeightsMayLieInAFileOfTheirOwn) {
  const RandomModel whole("pixel"), apart("external");
  auto one = engine_->Load(whole.Spec(), {});
  auto other = engine_->Load(apart.Spec(), {});
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_TRUE(other.ok()) << other.status();
  const engine_proto::Task task = Imagine("a red car");
  const Told told = RunJob(**other, task);
  ASSERT_EQ(told.images.size(), 1U) << told.status;
  EXPECT_EQ(RunJob(**one, task).images.front().data(), told.images.front().data());
  // Cut off, empty, and not there.
  apart.Put("unet/model.onnx_data", "short");
  EXPECT_TRUE(HasReason(StatusOf(apart.Spec()), Reason::kModelLoadFailed));
  apart.Put("unet/model.onnx_data", "");
  EXPECT_TRUE(HasReason(StatusOf(apart.Spec()), Reason::kModelCorrupt));
  apart.Remove("unet/model.onnx_data");
  ExpectRefused(apart, Reason::kModelLoadFailed, "model.onnx_data");
  // One that nobody asks for.
  whole.Put("unet/model.onnx_data", "more");
  ExpectRefused(whole, Reason::kModelLoadFailed, "0 other files");
}

// A denoiser of one operation on the sample.
std::string DenoiserOf(const std::string& operation) {
  OnnxParts parts;
  parts.nodes = {OnnxNode(operation, {"sample"}, {"out_sample"})};
  parts.inputs = {OnnxPortBytes("sample", {-1, 3, -1, -1}), OnnxPortBytes("timestep", {1}),
                  OnnxPortBytes("encoder_hidden_states", {-1, -1, 8})};
  parts.outputs = {OnnxPortBytes("out_sample", {-1, 3, -1, -1})};
  return OnnxModelBytes(parts);
}

TEST_F(DiffusionLoadTest, WhatIsNoNumberIsAnErrorAndNoPicture) {
  const RandomModel files("pixel");
  // Of noise below 0 there is no root.
  files.Put("unet/model.onnx", DenoiserOf("Sqrt"));
  auto model = engine_->Load(files.Spec(), {});
  ASSERT_TRUE(model.ok()) << model.status();
  const Told told = RunJob(**model, Imagine("a red car"));
  EXPECT_TRUE(HasReason(told.status, Reason::kEngineFailure)) << told.status;
  EXPECT_TRUE(told.images.empty());
  // One that never answers a number is not loaded.
  const RandomModel broken("pixel");
  broken.Put("unet/model.onnx", DenoiserOf("Log"));
  ExpectRefused(broken, Reason::kModelLoadFailed, "do not do their work");
}

TEST_F(DiffusionLoadTest, LoadingCanBeCancelled) {
  const RandomModel files("latent");
  CancelSource source;
  source.Cancel();
  EXPECT_TRUE(HasReason(engine_->Load(files.Spec(), source.token()).status(), Reason::kCancelled));
}

TEST(MemoryPlanTest, GrowsAsTwoSizesSay) {
  const MemoryGrowth growth = MemoryGrowth::Fit(10, 10 * 5 + 100 * 2, 20, 20 * 5 + 400 * 2);
  EXPECT_NEAR(growth.linear, 5, 1e-9);
  EXPECT_NEAR(growth.quadratic, 2, 1e-9);
  EXPECT_EQ(growth.Bytes(100), 500U + 20'000U);
  EXPECT_EQ(growth.Bytes(1e30), uint64_t{1} << 62);
  // Never falling, whatever was measured.
  EXPECT_EQ(MemoryGrowth::Fit(10, 100, 20, 100).quadratic, 0);
  EXPECT_GE(MemoryGrowth::Fit(10, 1, 20, 1000).linear, 0);
  EXPECT_EQ(MemoryGrowth::Fit(10, 70, 10, 70).Bytes(20), 140U);
}

TEST(MemoryPlanTest, ReadsTheSystemsWords) {
  constexpr char kText[] = "MemTotal:  100 kB\nMemAvailable:    42 kB\nx: y\n";
  EXPECT_EQ(ParseMeminfo(kText, "MemAvailable:"), 42U * 1024);
  EXPECT_EQ(ParseMeminfo(kText, "Swap:"), 0U);
  EXPECT_EQ(ParseMeminfo(kText, "x:"), 0U);
  EXPECT_GT(ReadMemoryRoom(), 0U);
}

engine_proto::Task Upscale(int width, int height, uint32_t to_width, uint32_t to_height) {
  engine_proto::Task task;
  auto& pixels = *task.mutable_upscale_image()->mutable_image()->mutable_pixels();
  pixels.set_format(engine_proto::PIXEL_FORMAT_GREY);
  pixels.set_width(static_cast<uint32_t>(width));
  pixels.set_height(static_cast<uint32_t>(height));
  pixels.set_data(std::string(static_cast<size_t>(width) * height, '\x50'));
  task.mutable_upscale_image()->set_width(to_width);
  task.mutable_upscale_image()->set_height(to_height);
  return task;
}

class LanczosModelTest : public testing::Test {
 protected:
  LanczosModelTest() {
    engine_proto::ModelSpec spec;
    spec.set_engine("onnx");
    spec.set_family("lanczos");
    auto model = engine_->Load(spec, {});
    EXPECT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  std::unique_ptr<Model> model_;
};

TEST_F(LanczosModelTest, NeedsNoFiles) {
  ASSERT_EQ(model_->info().task_kinds_size(), 1);
  EXPECT_EQ(model_->info().task_kinds(0), engine_proto::TASK_KIND_UPSCALE_IMAGE);
  for (const auto format :
       {engine_proto::IMAGE_FILE_FORMAT_PNG, engine_proto::IMAGE_FILE_FORMAT_WEBP}) {
    engine_proto::Task task = Upscale(30, 20, 0, 500);
    task.mutable_upscale_image()->set_format(format);
    const Told told = RunJob(*model_, task);
    ASSERT_TRUE(told.status.ok()) << told.status;
    EXPECT_TRUE(told.completed);
    ASSERT_EQ(told.images.size(), 1U);
    EXPECT_EQ(told.images[0].width(), 750U);
    EXPECT_EQ(told.images[0].height(), 500U);
    const std::string& file = told.images[0].data();
    EXPECT_NE(file.find("algorithmicallyEnhanced"), std::string::npos);
    const auto image = DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->image.row(77)[333], 0x50);
  }
}

TEST_F(LanczosModelTest, RefusesWhatItCannotMake) {
  const auto field = [&](const engine_proto::Task& task) {
    const Told told = RunJob(*model_, task);
    EXPECT_TRUE(HasReason(told.status, Reason::kFieldInvalid)) << told.status;
    return FactsOf(told.status).field;
  };
  EXPECT_EQ(field(Upscale(4, 4, 0, 0)), "width");
  EXPECT_EQ(field(Upscale(4, 4, 8193, 0)), "width");
  EXPECT_EQ(field(Upscale(4, 4, 1, 8193)), "height");
  // Ten times as wide as tall.
  EXPECT_EQ(field(Upscale(100, 10, 0, 1000)), "height");
  engine_proto::Task none;
  none.mutable_upscale_image()->set_width(3);
  EXPECT_EQ(field(none), "image");
  EXPECT_EQ(field(Imagine("a red car")), "kind");
  engine_proto::Task broken = Upscale(4, 4, 8, 8);
  broken.mutable_upscale_image()->mutable_image()->set_encoded("x");
  EXPECT_TRUE(HasReason(RunJob(*model_, broken).status, Reason::kImageUndecodable));
}

TEST_F(LanczosModelTest, LargePicturesComeInUnits) {
  const engine_proto::Task task = Upscale(100, 100, 2000, 2000);
  const Told whole = RunJob(*model_, task);
  ASSERT_TRUE(whole.status.ok());
  EXPECT_GT(whole.units, 5);
  for (int unit = 0; unit < whole.units; ++unit) {
    EXPECT_TRUE(HasReason(RunJob(*model_, task, unit).status, Reason::kCancelled));
  }
}

}  // namespace
}  // namespace intelligenced

// Pictures by the models of random weights: what comes out, that it comes out again, and what is
// refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/diffusion_job.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/engines/onnx/diffusion/random_models.h"

namespace intelligenced {
namespace {

Image Decoded(const std::string& file) {
  auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  return decoded.ok() ? std::move(decoded->image) : Image();
}

// A clock that stands still: a run takes no time, so that as many pictures go together as can.
class GenerateTest : public testing::TestWithParam<const char*> {
 protected:
  GenerateTest() { Load(GetParam()); }

  void Load(const std::string& kind) {
    files_ = std::make_unique<RandomModel>(kind);
    auto model = engine_->Load(files_->Spec(), {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    side_ = static_cast<int>(model_->info().image_generation().width());
  }

  std::string Picture(const engine_proto::Task& task) {
    const Told told = RunJob(*model_, task);
    EXPECT_TRUE(told.status.ok()) << told.status;
    return told.images.empty() ? "" : told.images.front().data();
  }

  // Its own pattern, in colours.
  engine_proto::VisionImage Source(int width, int height, int channels = 3) {
    engine_proto::VisionImage image;
    engine_proto::PixelBuffer& pixels = *image.mutable_pixels();
    pixels.set_format(channels == 3 ? engine_proto::PIXEL_FORMAT_RGB
                                    : engine_proto::PIXEL_FORMAT_GREY);
    pixels.set_width(static_cast<uint32_t>(width));
    pixels.set_height(static_cast<uint32_t>(height));
    std::string data;
    for (int i = 0; i < width * height * channels; ++i) {
      data.push_back(static_cast<char>(i * 29 % 251));
    }
    pixels.set_data(data);
    return image;
  }

  void ExpectRefused(const engine_proto::Task& task, const std::string& field) {
    const Told told = RunJob(*model_, task);
    EXPECT_TRUE(HasReason(told.status, Reason::kFieldInvalid)) << field << ": " << told.status;
    EXPECT_EQ(FactsOf(told.status).field, field);
    EXPECT_TRUE(told.images.empty());
  }

  // Opening the library takes longer than most of these.
  static Engine& SharedEngine() {
    static const ManualClock clock;
    static const std::unique_ptr<Engine> engine = MakeOnnxEngine(&clock);
    return *engine;
  }

  Engine* const engine_ = &SharedEngine();
  std::unique_ptr<RandomModel> files_;
  std::unique_ptr<Model> model_;
  int side_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Kinds, GenerateTest, testing::Values("pixel", "latent"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(GenerateTest, TellsWhatItCan) {
  const engine_proto::ModelInfo& info = model_->info();
  const std::set<int> kinds(info.task_kinds().begin(), info.task_kinds().end());
  EXPECT_TRUE(kinds.contains(engine_proto::TASK_KIND_GENERATE_IMAGE));
  EXPECT_TRUE(kinds.contains(engine_proto::TASK_KIND_UPSCALE_IMAGE));
  const engine_proto::ImageGenerationInfo& image = info.image_generation();
  EXPECT_EQ(image.width(), side_);
  EXPECT_EQ(side_, GetParam() == std::string("pixel") ? 16 : 32);
  EXPECT_EQ(image.size_multiple(), GetParam() == std::string("pixel") ? 2U : 8U);
  ASSERT_EQ(image.styles_size(), 3);
  EXPECT_EQ(image.styles(1), "Sketch");
  EXPECT_EQ(image.schedulers_size(), 6);
  EXPECT_EQ(image.default_steps(), 4U);
  EXPECT_FLOAT_EQ(image.default_guidance_scale(), 2.5F);
  EXPECT_GT(image.bytes_per_image(), 0U);
  EXPECT_TRUE(image.takes_source_image());
  EXPECT_FALSE(image.fixed_size());
}

TEST_P(GenerateTest, MakesAPictureStepByStep) {
  engine_proto::Task task = Imagine("a red car");
  task.mutable_generate_image()->set_preview_interval(2);
  const Told told = RunJob(*model_, task);
  ASSERT_TRUE(told.status.ok()) << told.status;
  EXPECT_TRUE(told.completed);
  ASSERT_EQ(told.images.size(), 1U);
  EXPECT_EQ(told.images[0].seed(), 7U);
  EXPECT_EQ(told.images[0].index(), 0U);
  EXPECT_NE(told.images[0].data().find("random"), std::string::npos);
  const Image image = Decoded(told.images[0].data());
  EXPECT_EQ(image.width(), side_);
  EXPECT_EQ(image.height(), side_);
  // Two windows of text, four steps, one picture.
  ASSERT_EQ(told.steps.size(), 7U);
  int previews = 0;
  for (size_t i = 0; i < told.steps.size(); ++i) {
    EXPECT_EQ(told.steps[i].step(), i + 1);
    EXPECT_EQ(told.steps[i].steps(), told.steps.size());
    if (told.steps[i].preview().empty()) continue;
    ++previews;
    EXPECT_EQ(Decoded(told.steps[i].preview()).width(), side_);
  }
  EXPECT_EQ(previews, 1);
}

TEST_P(GenerateTest, EveryOptionCounts) {
  std::set<std::string> pictures = {Picture(Imagine("a red car"))};
  const auto differs = [&](const char* what, auto change) {
    engine_proto::Task task = Imagine("a red car");
    change(*task.mutable_generate_image());
    EXPECT_TRUE(pictures.insert(Picture(task)).second) << what;
  };
  using Task = engine_proto::GenerateImageTask;
  differs("prompt", [](Task& task) { task.set_prompt("a blue car"); });
  differs("weights", [](Task& task) { task.set_prompt("a (red:1.5) car"); });
  differs("negative", [](Task& task) { task.set_negative_prompt("wheels"); });
  differs("style", [](Task& task) { task.set_style("sKETCH"); });
  differs("seed", [](Task& task) { task.set_seed(8); });
  differs("steps", [](Task& task) { task.set_steps(5); });
  differs("guidance", [](Task& task) { task.set_guidance_scale(4); });
  differs("no guidance", [](Task& task) { task.set_guidance_scale(1); });
  differs("size", [&](Task& task) { task.set_width(static_cast<uint32_t>(2 * side_)); });
  differs("long", [](Task& task) {
    task.set_prompt("a red car and a blue car and a green house under a tree in the snow at night");
  });
  for (const std::string& scheduler : model_->info().image_generation().schedulers()) {
    if (scheduler == "ddim") continue;
    differs("scheduler", [&](Task& task) { task.set_scheduler(scheduler); });
  }
}

TEST_P(GenerateTest, TheSameTaskGivesTheSameBytes) {
  for (const std::string& scheduler : model_->info().image_generation().schedulers()) {
    engine_proto::Task task = Imagine("a red car", 21);
    task.mutable_generate_image()->set_scheduler(scheduler);
    const std::string first = Picture(task);
    EXPECT_EQ(Picture(task), first) << scheduler;
    // Another process' model would be the same: so is one that is loaded anew.
    auto model = engine_->Load(files_->Spec(), {});
    ASSERT_TRUE(model.ok());
    EXPECT_EQ(RunJob(**model, task).images.front().data(), first) << scheduler;
  }
}

TEST_P(GenerateTest, HowManyAreMadeChangesNoBytes) {
  for (const std::string scheduler : {"ddim", "euler-ancestral", "dpm++-2m"}) {
    engine_proto::Task four = Imagine("a red car", 100);
    four.mutable_generate_image()->set_count(4);
    four.mutable_generate_image()->set_scheduler(scheduler);
    // Twice: the first time it is only seen whether runs may be shared.
    for (int round = 0; round < 2; ++round) {
      const Told told = RunJob(*model_, four);
      ASSERT_TRUE(told.status.ok()) << told.status;
      ASSERT_EQ(told.images.size(), 4U);
      for (uint32_t i = 0; i < 4; ++i) {
        EXPECT_EQ(told.images[i].index(), i);
        EXPECT_EQ(told.images[i].seed(), 100 + i);
        engine_proto::Task one = Imagine("a red car", 100 + i);
        one.mutable_generate_image()->set_scheduler(scheduler);
        EXPECT_EQ(Picture(one), told.images[i].data()) << scheduler << " " << i;
      }
    }
  }
}

TEST_P(GenerateTest, JobsThatTakeTurnsDoNotDisturbOneAnother) {
  const engine_proto::Task tasks[] = {Imagine("a red car", 1), Imagine("two dogs (far:1.3)", 2)};
  const std::string alone[] = {Picture(tasks[0]), Picture(tasks[1])};
  std::vector<std::unique_ptr<Job>> jobs;
  for (const engine_proto::Task& task : tasks) jobs.push_back(*model_->Start(task, {}));
  std::string together[2];
  for (bool done[2] = {}; !done[0] || !done[1];) {
    for (int i = 0; i < 2; ++i) {
      if (done[i]) continue;
      Job* const job[] = {jobs[static_cast<size_t>(i)].get()};
      auto outputs = model_->Step(job, {.budget = absl::ZeroDuration()});
      ASSERT_TRUE(outputs.ok() && outputs->front().status.ok());
      done[i] = outputs->front().done;
      for (const engine_proto::Event& event : outputs->front().events) {
        if (event.has_generated_image()) together[i] = event.generated_image().data();
      }
    }
  }
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], alone[1]);
}

TEST_P(GenerateTest, WebpHoldsTheSamePixels) {
  engine_proto::Task task = Imagine("a red car");
  const Image png = Decoded(Picture(task));
  task.mutable_generate_image()->set_format(engine_proto::IMAGE_FILE_FORMAT_WEBP);
  const Image webp = Decoded(Picture(task));
  ASSERT_EQ(png.size_bytes(), webp.size_bytes());
  EXPECT_TRUE(std::equal(png.data(), png.data() + png.size_bytes(), webp.data()));
}

TEST_P(GenerateTest, ASourceIsKeptByStrength) {
  engine_proto::Task task = Imagine("a red car");
  engine_proto::GenerateImageTask& generate = *task.mutable_generate_image();
  *generate.mutable_source_image() = Source(side_, side_);
  generate.set_strength(0);
  const Image kept = Decoded(Picture(task));
  for (int y = 0; y < side_; ++y) {
    for (int i = 0; i < side_ * 3; ++i) {
      ASSERT_EQ(kept.row(y)[i], static_cast<uint8_t>((y * side_ * 3 + i) * 29 % 251));
    }
  }
  std::set<std::string> pictures;
  for (const float strength : {0.25F, 0.75F, 1.0F}) {
    generate.set_strength(strength);
    EXPECT_TRUE(pictures.insert(Picture(task)).second) << strength;
  }
  generate.clear_strength();
  // Of another size: it is scaled.
  *generate.mutable_source_image() = Source(50, 9, 1);
  EXPECT_EQ(Decoded(Picture(task)).width(), side_);
}

TEST_P(GenerateTest, AMaskKeepsWhatIsBlack) {
  engine_proto::Task task = Imagine("a red car");
  engine_proto::GenerateImageTask& generate = *task.mutable_generate_image();
  *generate.mutable_source_image() = Source(side_, side_);
  engine_proto::VisionImage mask = Source(side_, side_, 1);
  std::string half(static_cast<size_t>(side_ * side_), '\0');
  for (int y = 0; y < side_; ++y) {
    for (int x = side_ / 2; x < side_; ++x) half[static_cast<size_t>(y * side_ + x)] = '\xFF';
  }
  mask.mutable_pixels()->set_data(half);
  *generate.mutable_mask() = mask;
  const Image image = Decoded(Picture(task));
  int changed = 0;
  for (int y = 0; y < side_; ++y) {
    for (int i = 0; i < side_ * 3; ++i) {
      const auto before = static_cast<uint8_t>((y * side_ * 3 + i) * 29 % 251);
      if (i < side_ / 2 * 3) ASSERT_EQ(image.row(y)[i], before);
      changed += image.row(y)[i] != before ? 1 : 0;
    }
  }
  EXPECT_GT(changed, side_ * side_);
  *generate.mutable_mask() = Source(side_ + 1, side_, 1);
  ExpectRefused(task, "mask");
  generate.clear_source_image();
  ExpectRefused(task, "mask");
}

TEST_P(GenerateTest, FieldsOutsideTheirBoundsAreRefused) {
  const auto refused = [&](const std::string& field, auto change) {
    engine_proto::Task task = Imagine("a red car");
    change(*task.mutable_generate_image());
    ExpectRefused(task, field);
  };
  using Task = engine_proto::GenerateImageTask;
  refused("prompt", [](Task& task) { task.set_prompt(""); });
  refused("prompt", [](Task& task) { task.set_prompt(" \n\t"); });
  refused("style", [](Task& task) { task.set_style("baroque"); });
  refused("steps", [](Task& task) { task.set_steps(1001); });
  refused("steps", [](Task& task) { task.set_steps(10'000); });
  refused("count", [](Task& task) { task.set_count(5); });
  refused("width", [](Task& task) { task.set_width(33); });
  refused("height", [](Task& task) { task.set_height(1); });
  refused("scheduler", [](Task& task) { task.set_scheduler("magic"); });
  refused("scheduler", [](Task& task) { task.set_scheduler("flow-euler"); });
  refused("strength", [](Task& task) { task.set_strength(0.5F); });
  refused("format",
          [](Task& task) { task.set_format(static_cast<engine_proto::ImageFileFormat>(9)); });
  for (const float wrong : {-0.1F, 1.1F, std::nanf("")}) {
    refused("strength", [&](Task& task) {
      *task.mutable_source_image() = Source(4, 4);
      task.set_strength(wrong);
    });
  }
  for (const float wrong : {-1.0F, 101.0F, std::nanf("")}) {
    refused("guidance_scale", [&](Task& task) { task.set_guidance_scale(wrong); });
  }
  engine_proto::Task broken = Imagine("a red car");
  broken.mutable_generate_image()->mutable_source_image()->set_encoded("no picture");
  EXPECT_TRUE(HasReason(RunJob(*model_, broken).status, Reason::kImageUndecodable));
}

TEST_P(GenerateTest, LongPromptsAreRefusedWithBothCounts) {
  std::string words;
  for (int i = 0; i < 10'000; ++i) words += "word ";
  for (const bool negative : {false, true}) {
    engine_proto::Task task = Imagine(negative ? "a red car" : words);
    if (negative) task.mutable_generate_image()->set_negative_prompt(words);
    const Told told = RunJob(*model_, task);
    EXPECT_TRUE(HasReason(told.status, Reason::kContextWindowExceeded)) << told.status;
    const ErrorFacts facts = FactsOf(told.status);
    EXPECT_EQ(facts.metadata.at("context_tokens"), std::to_string(kMostWindows * 14));
    EXPECT_GE(std::stoi(facts.metadata.at("input_tokens")), 10'000);
    EXPECT_EQ(told.status.message().find("word word"), std::string::npos);
  }
  const Told told = RunJob(*model_, Imagine(std::string(kMostPromptBytes + 1, 'a')));
  EXPECT_TRUE(HasReason(told.status, Reason::kInputTooLarge)) << told.status;
}

TEST_P(GenerateTest, HugeSizesAreRefusedWithWhatTheyWouldTake) {
  uint64_t before = 0;
  for (const uint32_t side : {40'000U, 400'000U, 4'000'000'000U}) {
    engine_proto::Task task = Imagine("a red car");
    task.mutable_generate_image()->set_width(side);
    task.mutable_generate_image()->set_height(side);
    const Told told = RunJob(*model_, task);
    ASSERT_TRUE(HasReason(told.status, Reason::kMemoryInsufficient)) << told.status;
    const uint64_t needed = std::stoull(FactsOf(told.status).metadata.at("needed_bytes"));
    // What cannot be counted any more is 2^62.
    EXPECT_GE(needed, std::min(uint64_t{side} * side, uint64_t{1} << 62));
    EXPECT_GE(needed, before);
    before = needed;
  }
  engine_proto::ModelSpec spec = files_->Spec();
  (*spec.mutable_parameters())["memory_limit_bytes"] = "1000";
  auto model = engine_->Load(spec, {});
  ASSERT_TRUE(model.ok()) << model.status();
  const Told told = RunJob(**model, Imagine("a red car"));
  EXPECT_TRUE(HasReason(told.status, Reason::kMemoryInsufficient)) << told.status;
  EXPECT_EQ(FactsOf(told.status).metadata.at("available_bytes"), "1000");
}

TEST_P(GenerateTest, CanBeCancelledBeforeEveryUnit) {
  engine_proto::Task task = Imagine("a red car");
  *task.mutable_generate_image()->mutable_source_image() = Source(9, 9);
  task.mutable_generate_image()->set_count(2);
  task.mutable_generate_image()->set_preview_interval(1);
  // The second time it is known which runs may be shared.
  ASSERT_TRUE(RunJob(*model_, task).status.ok());
  const Told whole = RunJob(*model_, task);
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  for (int unit = 0; unit < whole.units; ++unit) {
    const Told told = RunJob(*model_, task, unit);
    EXPECT_TRUE(HasReason(told.status, Reason::kCancelled)) << unit << ": " << told.status;
    EXPECT_EQ(told.units, unit + 1);
    EXPECT_FALSE(told.completed);
  }
  // Nothing of it stays behind.
  const Told again = RunJob(*model_, task);
  ASSERT_EQ(again.images.size(), 2U);
  EXPECT_EQ(again.images[1].data(), whole.images[1].data());
}

TEST_P(GenerateTest, UpscalesAsWell) {
  engine_proto::Task task;
  *task.mutable_upscale_image()->mutable_image() = Source(12, 8);
  task.mutable_upscale_image()->set_width(48);
  const Image image = Decoded(Picture(task));
  EXPECT_EQ(image.width(), 48);
  EXPECT_EQ(image.height(), 32);
}

}  // namespace
}  // namespace intelligenced

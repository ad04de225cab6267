// What is refused of image requests before any model is asked, what a model's own limits refuse,
// and what becomes of the rest.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/image_limits.h"
#include "runtime/base/reasons.h"
#include "services/image_generation/engine_task.h"
#include "services/image_generation/model_info.h"
#include "services/image_generation/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;

using testing::HasSubstr;

v1::GenerateImageRequest Prompt(const std::string& prompt) {
  v1::GenerateImageRequest request;
  request.set_prompt(prompt);
  return request;
}

std::string Words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, "a ");
  return text;
}

struct Breach {
  std::string field;
  std::function<void(v1::GenerateImageRequest&)> apply;
};

TEST(ImageRequestTest, EveryBreachNamesItsField) {
  v1::GenerateImageRequest good = Prompt("a red car");
  good.mutable_source_image()->set_encoded("picture");
  good.mutable_mask()->set_encoded("mask");
  good.set_strength(0);
  good.set_steps(1000);
  good.set_count(4);
  good.set_guidance_scale(50);
  good.add_concepts()->set_text("a tree");
  ASSERT_TRUE(Validate(good).ok()) << Validate(good);
  const std::vector<Breach> breaches = {
      {"prompt",
       [](auto& r) {
         r.clear_prompt();
         r.clear_concepts();
       }},
      {"prompt",
       [](auto& r) {
         r.set_prompt(" \n\t");
         r.clear_concepts();
       }},
      {"prompt", [](auto& r) { r.set_prompt(std::string("a\0b", 3)); }},
      {"negative_prompt", [](auto& r) { r.set_negative_prompt(std::string("a\0b", 3)); }},
      {"concepts[1]", [](auto& r) { r.add_concepts(); }},
      {"concepts[1].text", [](auto& r) { r.add_concepts()->set_text(" "); }},
      {"concepts[1].image",
       [](auto& r) { r.add_concepts()->mutable_image()->set_encoded("second"); }},
      {"concepts",
       [](auto& r) {
         for (int i = 0; i < 16; ++i) r.add_concepts()->set_text("x");
       }},
      {"strength", [](auto& r) { r.set_strength(1.01F); }},
      {"strength", [](auto& r) { r.set_strength(-0.01F); }},
      {"strength", [](auto& r) { r.set_strength(std::nanf("")); }},
      {"strength",
       [](auto& r) {
         r.clear_source_image();
         r.clear_mask();
       }},
      {"mask",
       [](auto& r) {
         r.clear_source_image();
         r.clear_strength();
       }},
      {"steps", [](auto& r) { r.set_steps(0); }},
      {"steps", [](auto& r) { r.set_steps(10'000); }},
      {"count", [](auto& r) { r.set_count(5); }},
      {"width", [](auto& r) { r.set_width(8200); }},
      {"height", [](auto& r) { r.set_height(0xFFFF'FFF8U); }},
      {"guidance_scale", [](auto& r) { r.set_guidance_scale(51); }},
      {"guidance_scale", [](auto& r) { r.set_guidance_scale(-1); }},
      {"style", [](auto& r) { r.set_style(std::string(65, 's')); }},
      {"scheduler", [](auto& r) { r.set_scheduler(std::string("e\0", 2)); }},
      {"preview_interval", [](auto& r) { r.set_preview_interval(1001); }},
      {"format", [](auto& r) { r.set_format(static_cast<v1::ImageFileFormat>(9)); }},
      {"source_image.orientation",
       [](auto& r) {
         r.mutable_source_image()->set_orientation(static_cast<v1::ImageOrientation>(9));
       }},
      {"mask", [](auto& r) { r.mutable_mask()->clear_encoded(); }},
      {"options.model", [](auto& r) { r.mutable_options()->set_model("No Such/Name"); }}};
  for (const Breach& breach : breaches) {
    v1::GenerateImageRequest request = good;
    breach.apply(request);
    const absl::Status status = Validate(request);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << breach.field << ": " << status;
    EXPECT_EQ(FactsOf(status).field, breach.field) << status;
  }
}

TEST(ImageRequestTest, LongPromptsAreTooLargeWithBothSizes) {
  const absl::Status status = Validate(Prompt(Words(10'000)));
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("size_bytes"), "20000");
  EXPECT_EQ(FactsOf(status).metadata.at("limit_bytes"), "16384");
  EXPECT_TRUE(Validate(Prompt(Words(8000))).ok());
  v1::GenerateImageRequest together = Prompt(Words(5000));
  together.add_concepts()->set_text(Words(5000));
  EXPECT_TRUE(HasReason(Validate(together), Reason::kInputTooLarge));
  v1::GenerateImageRequest negative = Prompt("x");
  negative.set_negative_prompt(Words(10'000));
  EXPECT_TRUE(HasReason(Validate(negative), Reason::kInputTooLarge));
}

TEST(ImageRequestTest, AnEmptyFileIsUndecodable) {
  v1::GenerateImageRequest request = Prompt("x");
  request.mutable_source_image()->set_encoded("");
  EXPECT_TRUE(HasReason(Validate(request), Reason::kImageUndecodable));
  v1::RestyleImageRequest restyle;
  EXPECT_EQ(FactsOf(Validate(restyle)).field, "image");
  restyle.mutable_image()->set_encoded("");
  EXPECT_TRUE(HasReason(Validate(restyle), Reason::kImageUndecodable));
}

TEST(ImageRequestTest, UpscalingNeedsASize) {
  v1::UpscaleImageRequest request;
  request.mutable_image()->set_encoded("picture");
  EXPECT_EQ(FactsOf(Validate(request)).field, "width");
  request.set_height(8193);
  EXPECT_EQ(FactsOf(Validate(request)).field, "height");
  request.set_height(8192);
  EXPECT_TRUE(Validate(request).ok());
}

TEST(ImageRequestTest, UnknownTasksAreRefused) {
  v1::GetImageModelRequest request;
  EXPECT_TRUE(Validate(request).ok());
  request.set_task(static_cast<v1::ImageTask>(8));
  EXPECT_EQ(FactsOf(Validate(request)).field, "task");
}

TEST(ImageRequestTest, ConceptsJoinThePrompt) {
  v1::GenerateImageRequest request = Prompt(" a red car ");
  request.add_concepts()->set_text("a yellow sun");
  request.add_concepts()->mutable_image()->set_encoded("p");
  request.add_concepts()->set_text("night");
  EXPECT_EQ(WholePrompt(request), "a red car, a yellow sun, night");
  EXPECT_EQ(PictureConcept(request), 1);
  EXPECT_FLOAT_EQ(ToTask(request, 3).strength(), kDefaultStrength);
  request.clear_prompt();
  EXPECT_EQ(WholePrompt(request), "a yellow sun, night");
  ASSERT_TRUE(Validate(request).ok()) << Validate(request);
}

TEST(ImageRequestTest, WhatIsNotAskedForStaysTheModelsOwn) {
  const engine::GenerateImageTask task = ToTask(Prompt("x"), 77);
  EXPECT_EQ(task.seed(), 77);
  EXPECT_EQ(task.count(), 1);
  EXPECT_EQ(task.steps(), 0);
  EXPECT_EQ(task.width(), 0);
  EXPECT_FALSE(task.has_guidance_scale());
  EXPECT_FALSE(task.has_strength());
  EXPECT_EQ(task.format(), engine::IMAGE_FILE_FORMAT_PNG);
  v1::GenerateImageRequest request = Prompt("x");
  request.set_seed(0);
  request.set_scheduler("DDIM");
  EXPECT_EQ(ToTask(request, 77).seed(), 0) << "0 is a seed too";
  EXPECT_EQ(ToTask(request, 77).scheduler(), "ddim");
}

TEST(ImageRequestTest, ErrorsNameTheConceptInTheSourcesPlace) {
  const absl::Status error = FieldError("source_image.encoded", "It is broken.");
  EXPECT_EQ(FactsOf(NameConcept(error, 2)).field, "concepts[2].image.encoded");
  EXPECT_EQ(FactsOf(NameConcept(error, -1)).field, "source_image.encoded");
  EXPECT_EQ(FactsOf(NameConcept(FieldError("mask", "Small."), 2)).field, "mask");
  EXPECT_TRUE(NameConcept(absl::OkStatus(), 2).ok());
}

engine::ImageGenerationInfo Info() {
  engine::ImageGenerationInfo info;
  info.set_width(512);
  info.set_height(512);
  info.set_size_multiple(8);
  info.add_styles("Illustration");
  info.add_styles("sketch");
  info.add_schedulers("ddim");
  info.set_bytes_per_image(uint64_t{1} << 30);
  info.set_takes_source_image(true);
  return info;
}

constexpr uint64_t kMemory = uint64_t{4} << 30;

TEST(FitToModelTest, StylesAreFoundInAnyCase) {
  engine::GenerateImageTask task;
  task.set_style("ILLUSTRATION");
  ASSERT_TRUE(FitToModel(Info(), kMemory, &task).ok());
  EXPECT_EQ(task.style(), "Illustration");
  task.set_style("baroque");
  const absl::Status status = FitToModel(Info(), kMemory, &task);
  EXPECT_EQ(FactsOf(status).field, "style");
  EXPECT_THAT(status.message(), HasSubstr("Illustration, sketch"));
  engine::RestyleImageTask restyle;
  restyle.set_style("baroque");
  EXPECT_THAT(FitToModel({}, &restyle).message(), HasSubstr("knows no styles"));
}

TEST(FitToModelTest, WhatTheModelDoesNotDoIsNamed) {
  const std::vector<std::pair<std::string, std::function<void(engine::GenerateImageTask&)>>> wrong =
      {{"scheduler", [](auto& t) { t.set_scheduler("warp"); }},
       {"mask", [](auto& t) { t.mutable_mask(); }},
       {"width", [](auto& t) { t.set_width(100); }},
       {"height", [](auto& t) { t.set_height(7); }}};
  for (const auto& [field, apply] : wrong) {
    engine::GenerateImageTask task;
    apply(task);
    const absl::Status status = FitToModel(Info(), kMemory, &task);
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, field) << status;
  }
  engine::ImageGenerationInfo words_only = Info();
  words_only.set_takes_source_image(false);
  engine::GenerateImageTask task;
  task.mutable_source_image();
  EXPECT_EQ(FactsOf(FitToModel(words_only, kMemory, &task)).field, "source_image");
}

TEST(FitToModelTest, TheOnlySizeIsNamed) {
  engine::ImageGenerationInfo only = Info();
  only.set_fixed_size(true);
  engine::GenerateImageTask task;
  EXPECT_TRUE(FitToModel(only, kMemory, &task).ok());
  task.set_width(512);
  EXPECT_TRUE(FitToModel(only, kMemory, &task).ok());
  task.set_height(520);
  const absl::Status status = FitToModel(only, kMemory, &task);
  EXPECT_EQ(FactsOf(status).field, "height");
  EXPECT_THAT(status.message(), HasSubstr("512 only"));
  v1::GetImageModelResponse response;
  FromEngine(only, &response);
  EXPECT_TRUE(response.fixed_size());
}

TEST(FitToModelTest, HugeSizesAreRefusedWithTheMemoryTheyWouldNeed) {
  engine::GenerateImageTask task;
  task.set_width(1024);
  task.set_height(1024);
  EXPECT_TRUE(FitToModel(Info(), kMemory, &task).ok());
  task.set_width(8192);
  task.set_height(8192);
  const absl::Status status = FitToModel(Info(), kMemory, &task);
  EXPECT_TRUE(HasReason(status, Reason::kMemoryInsufficient)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("needed_bytes"), absl::StrCat(uint64_t{256} << 30));
  EXPECT_EQ(FactsOf(status).metadata.at("available_bytes"), absl::StrCat(kMemory));
}

}  // namespace
}  // namespace intelligenced

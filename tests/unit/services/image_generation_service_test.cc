// ImageGenerationService over a real scheduler and server; the fake engine draws.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/image_generation.grpc.pb.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kPainter[] = R"({
  "name": "painter", "engine": "fake", "title": "Draws", "built_in": true,
  "capabilities": ["image.generate", "image.restyle", "image.upscale"],
  "parameters": {"fail_word": "unlucky"}, "files": []})";
constexpr char kSlow[] = R"({
  "name": "slow", "engine": "fake", "title": "Draws slowly", "built_in": true,
  "capabilities": ["image.generate"],
  "parameters": {"unit_us": "2000", "words_only": "true"}, "files": []})";
constexpr char kBroken[] = R"({
  "name": "broken", "engine": "fake", "title": "Does not load", "built_in": true,
  "capabilities": ["image.generate"],
  "parameters": {"load_failure": "MODEL_CORRUPT"}, "files": []})";

class ImageGenerationServiceTest : public ServiceFixture {
 protected:
  explicit ImageGenerationServiceTest(const ManifestsByName& models = {{"painter", kPainter},
                                                                       {"slow", kSlow},
                                                                       {"broken", kBroken}})
      : ServiceFixture(models) {}

  static v1::GenerateImageRequest Prompt(const std::string& prompt) {
    v1::GenerateImageRequest request;
    request.set_prompt(prompt);
    request.mutable_options()->set_model("painter");
    return request;
  }

  absl::Status Run(const v1::GenerateImageRequest& request) {
    generated_.clear();
    grpc::ClientContext context;
    const auto reader = stub_->GenerateImage(&context, request);
    return Drain(*reader, &generated_);
  }
  absl::Status Run(const v1::RestyleImageRequest& request) {
    restyled_.clear();
    grpc::ClientContext context;
    const auto reader = stub_->RestyleImage(&context, request);
    return Drain(*reader, &restyled_);
  }
  absl::Status Run(const v1::UpscaleImageRequest& request) {
    upscaled_.clear();
    grpc::ClientContext context;
    const auto reader = stub_->UpscaleImage(&context, request);
    return Drain(*reader, &upscaled_);
  }
  absl::Status GetModel(v1::ImageTask task, const std::string& model) {
    v1::GetImageModelRequest request;
    request.set_task(task);
    request.mutable_options()->set_model(model);
    grpc::ClientContext context;
    model_.Clear();
    return StatusFromGrpc(stub_->GetImageModel(&context, request, &model_));
  }

  std::vector<v1::GeneratedImage> Images() const {
    std::vector<v1::GeneratedImage> images;
    for (const auto& response : generated_) {
      if (response.has_image()) images.push_back(response.image());
    }
    return images;
  }
  std::vector<v1::ImageProgress> Steps() const {
    std::vector<v1::ImageProgress> steps;
    for (const auto& response : generated_) {
      if (response.has_progress()) steps.push_back(response.progress());
    }
    return steps;
  }

  const std::unique_ptr<v1::ImageGenerationService::Stub> stub_ =
      v1::ImageGenerationService::NewStub(channel_);
  std::vector<v1::GenerateImageResponse> generated_;
  std::vector<v1::RestyleImageResponse> restyled_;
  std::vector<v1::UpscaleImageResponse> upscaled_;
  v1::GetImageModelResponse model_;
};

TEST_F(ImageGenerationServiceTest, StepsThenPicturesThenCompleted) {
  v1::GenerateImageRequest request = Prompt("a red car");
  request.set_count(3);
  request.set_steps(6);
  request.set_seed(40);
  request.set_preview_interval(2);
  request.set_style("SKETCH");
  request.set_width(128);
  const absl::Status status = Run(request);
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<v1::ImageProgress> steps = Steps();
  ASSERT_EQ(steps.size(), 7);
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].step(), i + 1);
    EXPECT_EQ(steps[i].steps(), 7);
    EXPECT_EQ(steps[i].preview().empty(), i >= 6 || i % 2 == 0) << i;
  }
  EXPECT_TRUE(steps[0].has_expected_remaining());
  EXPECT_FALSE(steps[6].has_expected_remaining());
  const std::vector<v1::GeneratedImage> images = Images();
  ASSERT_EQ(images.size(), 3);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(images[i].index(), i);
    EXPECT_EQ(images[i].seed(), 40 + i);
    EXPECT_EQ(images[i].width(), 128);
    EXPECT_EQ(images[i].height(), 64);
    EXPECT_EQ(images[i].format(), v1::IMAGE_FILE_FORMAT_PNG);
    EXPECT_THAT(images[i].data(), HasSubstr("style: \"sketch\""));
  }
  ASSERT_TRUE(generated_.back().has_completed());
  EXPECT_EQ(generated_.back().completed().seed(), 40);
  EXPECT_EQ(generated_.back().completed().usage().model(), "models/painter");
  const auto is_completed = [](const auto& response) { return response.has_completed(); };
  EXPECT_EQ(std::count_if(generated_.begin(), generated_.end(), is_completed), 1);
}

TEST_F(ImageGenerationServiceTest, TheSeedThatWasDrawnGivesTheSamePictureAgain) {
  ASSERT_TRUE(Run(Prompt("a tree")).ok());
  const std::string first = Images().at(0).data();
  const uint64_t seed = generated_.back().completed().seed();
  EXPECT_EQ(seed, Images().at(0).seed());
  EXPECT_LE(seed, 0xFFFF'FFFFULL);
  ASSERT_TRUE(Run(Prompt("a tree")).ok());
  EXPECT_NE(generated_.back().completed().seed(), seed) << "drawn anew (1 in 4,294,967,296)";
  v1::GenerateImageRequest again = Prompt("a tree");
  again.set_seed(seed);
  ASSERT_TRUE(Run(again).ok());
  EXPECT_EQ(Images().at(0).data(), first);
}

TEST_F(ImageGenerationServiceTest, WhatIsAskedReachesTheEngine) {
  v1::GenerateImageRequest request = Prompt("a car");
  request.add_concepts()->set_text("a sun");
  request.set_negative_prompt("rain");
  request.set_guidance_scale(2.5);
  request.set_scheduler("euler");
  ASSERT_TRUE(Run(request).ok());
  const std::string text = Images().at(0).data();
  for (const char* const part : {"prompt: \"a car, a sun\"", "negative_prompt: \"rain\"",
                                 "guidance_scale: 2.5", "scheduler: \"euler\"", "count: 1"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("strength")));
}

TEST_F(ImageGenerationServiceTest, PicturesMayComeAsDescriptors) {
  attachments_.Add("source", "a picture");
  attachments_.Add("mask", "its mask");
  v1::GenerateImageRequest request = Prompt("a car");
  request.mutable_source_image()->set_attachment("source");
  request.mutable_mask()->set_attachment("mask");
  request.set_strength(0.25);
  const absl::Status status = Run(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(Images().at(0).data(), HasSubstr("strength: 0.25"));
  EXPECT_EQ(FactsOf(Run(request)).field, "source_image.attachment") << "a token is good once";
  attachments_.Add("bad", "bad picture");
  v1::GenerateImageRequest concepts = Prompt("a car");
  concepts.add_concepts()->mutable_image()->set_attachment("bad");
  EXPECT_TRUE(HasReason(Run(concepts), Reason::kImageUndecodable));
}

TEST_F(ImageGenerationServiceTest, AMaskOfAnotherSizeIsNamed) {
  v1::GenerateImageRequest request = Prompt("a car");
  for (auto* image : {request.mutable_source_image(), request.mutable_mask()}) {
    image->mutable_pixels()->set_format(v1::PIXEL_FORMAT_GREY);
    image->mutable_pixels()->set_width(2);
    image->mutable_pixels()->set_height(2);
    image->mutable_pixels()->set_data("1234");
  }
  EXPECT_TRUE(Run(request).ok());
  request.mutable_mask()->mutable_pixels()->set_width(1);
  request.mutable_mask()->mutable_pixels()->set_data("12");
  EXPECT_EQ(FactsOf(Run(request)).field, "mask");
}

TEST_F(ImageGenerationServiceTest, WhatTheModelDoesNotDoIsRefusedBeforeAnythingIsComputed) {
  v1::GenerateImageRequest request = Prompt("x");
  request.set_style("baroque");
  EXPECT_EQ(FactsOf(Run(request)).field, "style");
  EXPECT_TRUE(Steps().empty());
  request = Prompt("x");
  request.set_width(100);
  EXPECT_EQ(FactsOf(Run(request)).field, "width");
  request = Prompt("x");
  request.set_width(8192);
  request.set_height(8192);
  const absl::Status status = Run(request);
  EXPECT_TRUE(HasReason(status, Reason::kMemoryInsufficient)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("needed_bytes"), "17179869184");
  request = Prompt("x");
  request.mutable_options()->set_model("slow");
  request.add_concepts()->mutable_image()->set_encoded("picture");
  EXPECT_EQ(FactsOf(Run(request)).field, "concepts[0].image");
}

TEST_F(ImageGenerationServiceTest, AFailureInTheMiddleEndsTheCall) {
  const absl::Status status = Run(Prompt("an unlucky car"));
  EXPECT_TRUE(HasReason(status, Reason::kEngineFailure)) << status;
  EXPECT_EQ(Steps().size(), 2);
  EXPECT_TRUE(Images().empty());
  EXPECT_THAT(status.message(), Not(HasSubstr("unlucky")));
}

TEST_F(ImageGenerationServiceTest, AModelThatDoesNotLoadSaysWhy) {
  v1::GenerateImageRequest request = Prompt("x");
  request.mutable_options()->set_model("broken");
  EXPECT_TRUE(HasReason(Run(request), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(GetModel(v1::IMAGE_TASK_GENERATE, "broken"), Reason::kModelCorrupt));
}

TEST_F(ImageGenerationServiceTest, CancellingEndsTheCallWithinAStep) {
  v1::GenerateImageRequest request = Prompt("x");
  request.mutable_options()->set_model("slow");
  request.set_steps(1000);
  grpc::ClientContext context;
  const auto reader = stub_->GenerateImage(&context, request);
  v1::GenerateImageResponse response;
  while (!response.has_progress()) ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  while (reader->Read(&response)) EXPECT_FALSE(response.has_completed());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].outcome(), "CANCELLED");
  // Nothing is left that would hold the model.
  WaitUntil([&] { return runtime_->models().Get("slow")->leases == 0; });
}

TEST_F(ImageGenerationServiceTest, ADeadlineEndsTheCall) {
  v1::GenerateImageRequest request = Prompt("x");
  request.mutable_options()->set_model("slow");
  request.set_steps(1000);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  const auto reader = stub_->GenerateImage(&context, request);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Drain(*reader, &generated_)));
}

TEST_F(ImageGenerationServiceTest, NothingThatWasWrittenIsRecorded) {
  ASSERT_TRUE(Run(Prompt("a secret garden")).ok());
  v1::GenerateImageRequest bad = Prompt("a secret garden");
  bad.set_style("a secret style");
  EXPECT_FALSE(Run(bad).ok());
  activity_.WaitFor(2);
  for (const v1::ActivityRecord& record : activity_.records()) {
    EXPECT_EQ(record.method(), "ImageGenerationService/GenerateImage");
    EXPECT_EQ(record.model(), "models/painter");
    EXPECT_THAT(record.ShortDebugString(), Not(HasSubstr("secret")));
  }
  EXPECT_EQ(activity_.records()[0].outcome(), "OK");
  EXPECT_EQ(activity_.records()[1].outcome(), "FIELD_INVALID");
  EXPECT_GT(activity_.records()[0].output_bytes(), 1000);
}

TEST_F(ImageGenerationServiceTest, RestylesAndUpscales) {
  v1::RestyleImageRequest restyle;
  restyle.mutable_image()->set_encoded("a picture");
  restyle.set_style("Sketch");
  absl::Status status = Run(restyle);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(restyled_.back().has_completed());
  EXPECT_THAT(restyled_.at(restyled_.size() - 2).image().data(), HasSubstr("style=sketch a pict"));
  restyle.set_style("none");
  EXPECT_EQ(FactsOf(Run(restyle)).field, "style");
  restyle.clear_style();
  restyle.mutable_image()->set_encoded("bad");
  EXPECT_TRUE(HasReason(Run(restyle), Reason::kImageUndecodable));

  v1::UpscaleImageRequest upscale;
  upscale.mutable_image()->set_encoded("a picture");
  upscale.set_height(96);
  status = Run(upscale);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(upscaled_.at(upscaled_.size() - 2).image().height(), 96);
  EXPECT_TRUE(upscaled_.back().completed().has_usage());
}

TEST_F(ImageGenerationServiceTest, AModelSaysWhatItCanDo) {
  ASSERT_TRUE(GetModel(v1::IMAGE_TASK_UNSPECIFIED, "painter").ok());
  EXPECT_EQ(model_.model(), "models/painter");
  EXPECT_THAT(model_.styles(), ElementsAre("illustration", "sketch", "animation"));
  EXPECT_THAT(model_.schedulers(), ElementsAre("ddim", "euler"));
  EXPECT_EQ(model_.width(), 64);
  EXPECT_EQ(model_.size_multiple(), 8);
  EXPECT_TRUE(model_.takes_mask());
  ASSERT_TRUE(GetModel(v1::IMAGE_TASK_GENERATE, "slow").ok());
  EXPECT_FALSE(model_.takes_mask());
  EXPECT_TRUE(HasReason(GetModel(v1::IMAGE_TASK_RESTYLE, "slow"), Reason::kNoCapableModel));
}

class NoImageModelTest : public ImageGenerationServiceTest {
 protected:
  NoImageModelTest() : ImageGenerationServiceTest(ManifestsByName{}) {}
};

TEST_F(NoImageModelTest, SaysWhatIsMissing) {
  v1::GenerateImageRequest request = Prompt("x");
  request.clear_options();
  const absl::Status status = Run(request);
  EXPECT_TRUE(HasReason(status, Reason::kNoCapableModel)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("capability"), "image.generate");
}

}  // namespace
}  // namespace intelligenced

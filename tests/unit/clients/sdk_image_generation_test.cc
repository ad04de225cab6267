// Pictures that are made, through the SDK, against a server with scripted answers.
#include <intelligence/image_generation.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligence {
namespace {

namespace v1 = ::intelligence::v1;

class SdkImageGenerationTest : public testing::Test {
 protected:
  SdkImageGenerationTest() {
    daemon_.scripts.generate_image = [this](grpc::ServerContext*,
                                            const v1::GenerateImageRequest& request,
                                            grpc::ServerWriter<v1::GenerateImageResponse>* writer) {
      asked_ = request;
      v1::GenerateImageResponse event;
      event.mutable_queued()->set_position(2);
      writer->Write(event);
      event.mutable_model_loading()->set_model("models/painter");
      writer->Write(event);
      event.mutable_progress()->set_step(1);
      event.mutable_progress()->set_steps(2);
      event.mutable_progress()->mutable_expected_remaining()->set_seconds(3);
      event.mutable_progress()->set_preview("PREVIEW");
      writer->Write(event);
      event.mutable_progress()->set_step(2);
      event.mutable_progress()->clear_expected_remaining();
      event.mutable_progress()->clear_preview();
      writer->Write(event);
      for (uint32_t i = 0; i < 2; ++i) {
        v1::GeneratedImage& image = *event.mutable_image();
        image.set_index(i);
        image.set_seed(7 + i);
        image.set_width(64);
        image.set_height(32);
        image.set_format(v1::IMAGE_FILE_FORMAT_WEBP);
        image.set_data(std::string("\0file", 5) + std::to_string(i));
        writer->Write(event);
      }
      event.mutable_completed()->set_seed(7);
      event.mutable_completed()->mutable_usage()->set_model("models/painter");
      writer->Write(event);
      return grpc::Status::OK;
    };
  }
  Client Connect() { return *Client::Connect({.socket_path = daemon_.socket_path()}); }

  intelligenced::FakeDaemon daemon_;
  v1::GenerateImageRequest asked_;
};

TEST_F(SdkImageGenerationTest, EverythingGoesThereAndBack) {
  GenerateImageRequest request;
  request.prompt = "a red car";
  request.negative_prompt = "rain";
  request.concepts = {{.text = "a sun"}};
  request.style = "SKETCH";
  request.source_image = VisionImage{.encoded = "source"};
  request.strength = 0.0F;
  request.mask = VisionImage{.encoded = "mask"};
  request.width = 64;
  request.height = 32;
  request.count = 2;
  request.steps = 20;
  request.guidance_scale = 1.5F;
  request.seed = 0;
  request.scheduler = "ddim";
  request.preview_interval = 5;
  request.format = ImageFileFormat::kWebp;
  std::vector<std::string> told;
  const absl::StatusOr<GenerateImageResult> result = ImageGenerator(Connect()).Generate(
      request, {.model = "painter", .request_class = RequestClass::kBackground},
      {.on_queued =
           [&](const Queued& queued) {
             told.push_back("queued " + std::to_string(queued.position));
           },
       .on_model_loading = [&](const ModelLoading& loading) { told.push_back(loading.model); },
       .on_progress =
           [&](const ImageProgress& progress) {
             EXPECT_EQ(progress.expected_remaining.has_value(), progress.step == 1);
             told.push_back("step " + std::to_string(progress.step));
           },
       .on_preview = [&](const std::string& png,
                         uint32_t step) { told.push_back(png + " " + std::to_string(step)); },
       .on_image =
           [&](const GeneratedImage& image) {
             told.push_back("image " + std::to_string(image.index));
           }});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(told, (std::vector<std::string>{"queued 2", "models/painter", "step 1", "PREVIEW 1",
                                            "step 2", "image 0", "image 1"}));
  ASSERT_EQ(result->images.size(), 2);
  EXPECT_EQ(result->images[1].seed, 8);
  EXPECT_EQ(result->images[1].data, std::string("\0file1", 6));
  EXPECT_EQ(result->images[1].format, ImageFileFormat::kWebp);
  EXPECT_EQ(result->images[0].height, 32);
  EXPECT_EQ(result->seed, 7);
  EXPECT_EQ(result->usage.model, "models/painter");

  EXPECT_EQ(asked_.prompt(), "a red car");
  EXPECT_EQ(asked_.negative_prompt(), "rain");
  EXPECT_EQ(asked_.concepts(0).text(), "a sun");
  EXPECT_EQ(asked_.style(), "SKETCH");
  EXPECT_EQ(asked_.source_image().encoded(), "source");
  EXPECT_TRUE(asked_.has_strength());
  EXPECT_EQ(asked_.mask().encoded(), "mask");
  EXPECT_EQ(asked_.count(), 2);
  EXPECT_EQ(asked_.steps(), 20);
  EXPECT_EQ(asked_.guidance_scale(), 1.5F);
  EXPECT_TRUE(asked_.has_seed());
  EXPECT_EQ(asked_.scheduler(), "ddim");
  EXPECT_EQ(asked_.preview_interval(), 5);
  EXPECT_EQ(asked_.format(), v1::IMAGE_FILE_FORMAT_WEBP);
  EXPECT_EQ(asked_.options().model(), "painter");
  EXPECT_EQ(asked_.options().request_class(), v1::REQUEST_CLASS_BACKGROUND);
}

TEST_F(SdkImageGenerationTest, WhatIsUnsetIsTheDaemonsChoice) {
  ASSERT_TRUE(ImageGenerator(Connect()).Generate({.prompt = "x"}).ok());
  EXPECT_FALSE(asked_.has_seed());
  EXPECT_FALSE(asked_.has_steps());
  EXPECT_FALSE(asked_.has_strength());
  EXPECT_FALSE(asked_.has_guidance_scale());
  EXPECT_FALSE(asked_.has_source_image());
  EXPECT_FALSE(asked_.has_mask());
  EXPECT_EQ(asked_.count(), 1);
}

TEST_F(SdkImageGenerationTest, AStreamIsReadEventByEvent) {
  Stream<ImageEvent> stream = ImageGenerator(Connect()).StreamGenerate({.prompt = "x"});
  std::vector<size_t> kinds;
  while (const std::optional<ImageEvent> event = stream.Next()) kinds.push_back(event->index());
  EXPECT_TRUE(stream.status().ok()) << stream.status();
  EXPECT_EQ(kinds, (std::vector<size_t>{0, 1, 2, 2, 3, 3, 4}));
}

TEST_F(SdkImageGenerationTest, TextThatIsNotUtf8IsNotSent) {
  const ImageGenerator generator(Connect());
  EXPECT_EQ(GetErrorDetails(generator.Generate({.prompt = "\xff"}).status()).field, "prompt");
  EXPECT_EQ(GetErrorDetails(generator.Generate({.prompt = "x", .style = "\xff"}).status()).field,
            "style");
  EXPECT_EQ(
      GetErrorDetails(generator.Restyle({.image = {.encoded = "x"}, .style = "\xff"}).status())
          .field,
      "style");
}

TEST_F(SdkImageGenerationTest, AFailureInTheMiddleIsTheResult) {
  daemon_.scripts.generate_image = [](grpc::ServerContext*, const v1::GenerateImageRequest&,
                                      grpc::ServerWriter<v1::GenerateImageResponse>* writer) {
    v1::GenerateImageResponse event;
    event.mutable_progress()->set_step(1);
    writer->Write(event);
    return intelligenced::StatusToGrpc(intelligenced::MakeError(
        intelligenced::Reason::kEngineFailure, "The network gave no numbers."));
  };
  const absl::Status status = ImageGenerator(Connect()).Generate({.prompt = "x"}).status();
  EXPECT_EQ(ErrorReason(status), "ENGINE_FAILURE") << status;
}

TEST_F(SdkImageGenerationTest, RestylesAndUpscales) {
  v1::RestyleImageRequest restyle;
  daemon_.scripts.restyle_image = [&](grpc::ServerContext*, const v1::RestyleImageRequest& request,
                                      grpc::ServerWriter<v1::RestyleImageResponse>* writer) {
    restyle = request;
    v1::RestyleImageResponse event;
    event.mutable_image()->set_data("restyled");
    writer->Write(event);
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  v1::UpscaleImageRequest upscale;
  daemon_.scripts.upscale_image = [&](grpc::ServerContext*, const v1::UpscaleImageRequest& request,
                                      grpc::ServerWriter<v1::UpscaleImageResponse>* writer) {
    upscale = request;
    v1::UpscaleImageResponse event;
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  // A file goes as a descriptor where there is a second socket, and there is none here.
  const std::string path = daemon_.folder() + "/picture.png";
  std::ofstream(path) << "content";
  const absl::StatusOr<VisionImage> file = VisionImage::FromFile(path);
  ASSERT_TRUE(file.ok()) << file.status();
  const ImageGenerator generator(Connect());
  const absl::StatusOr<ChangedImageResult> result =
      generator.Restyle({.image = *file, .style = "mosaic"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->image.data, "restyled");
  EXPECT_EQ(restyle.image().encoded(), "content");
  EXPECT_EQ(restyle.style(), "mosaic");
  // No picture is no answer.
  EXPECT_EQ(generator.Upscale({.image = {.encoded = "x"}, .width = 128}).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(upscale.width(), 128);
}

TEST_F(SdkImageGenerationTest, AModelIsTyped) {
  v1::GetImageModelRequest asked;
  daemon_.scripts.image_model = [&](const v1::GetImageModelRequest& request,
                                    v1::GetImageModelResponse* response) {
    asked = request;
    response->set_model("models/painter");
    response->set_width(64);
    response->add_styles("sketch");
    response->add_schedulers("ddim");
    response->set_takes_mask(true);
    response->set_fixed_size(true);
    return grpc::Status::OK;
  };
  const absl::StatusOr<ImageModel> model =
      ImageGenerator(Connect()).GetModel(ImageTask::kUpscale, {.model = "painter"});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(asked.task(), v1::IMAGE_TASK_UPSCALE);
  EXPECT_EQ(asked.options().model(), "painter");
  EXPECT_EQ(model->styles, std::vector<std::string>{"sketch"});
  EXPECT_EQ(model->width, 64);
  EXPECT_TRUE(model->takes_mask);
  EXPECT_TRUE(model->fixed_size);
  EXPECT_FALSE(model->takes_source_image);
}

}  // namespace
}  // namespace intelligence

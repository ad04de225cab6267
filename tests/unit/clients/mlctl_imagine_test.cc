// mlctl imagine, restyle and upscale against a server with scripted answers.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "runtime/media/image_decode.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string Picture(int width, int height, uint8_t value) {
  Image image = *Image::Make(width, height, 3);
  std::fill(image.data(), image.data() + image.size_bytes(), value);
  return *EncodePng(image);
}

class ImagineTest : public testing::Test {
 protected:
  ImagineTest() : before_(std::filesystem::current_path()) {
    // Files without a name of the person's own come into the present folder.
    std::filesystem::create_directory(daemon_.folder() + "/here");
    std::filesystem::current_path(daemon_.folder() + "/here");
    host_.environment = [this](const char* name) { return environment_[name]; };
    host_.read_input = [this] { return input_; };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    daemon_.scripts.generate_image = [this](grpc::ServerContext*,
                                            const v1::GenerateImageRequest& request,
                                            grpc::ServerWriter<v1::GenerateImageResponse>* writer) {
      asked_ = request;
      v1::GenerateImageResponse event;
      for (uint32_t step = 1; step <= 4; ++step) {
        event.mutable_progress()->set_step(step);
        event.mutable_progress()->set_steps(4);
        event.mutable_progress()->mutable_expected_remaining()->set_seconds(4 - step);
        if (request.preview_interval() > 0) event.mutable_progress()->set_preview(Picture(4, 4, 9));
        writer->Write(event);
      }
      for (uint32_t i = 0; i < request.count(); ++i) {
        v1::GeneratedImage& image = *event.mutable_image();
        image.set_index(i);
        image.set_seed(42 + i);
        image.set_width(8);
        image.set_height(6);
        image.set_data(Picture(8, 6, static_cast<uint8_t>(50 * i)));
        writer->Write(event);
      }
      event.mutable_completed()->set_seed(42);
      event.mutable_completed()->mutable_usage()->set_model("models/painter");
      writer->Write(event);
      return grpc::Status::OK;
    };
  }
  ~ImagineTest() override { std::filesystem::current_path(before_); }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }
  static std::string Read(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }
  static void Write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static size_t Files() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("."), {}));
  }

  const std::filesystem::path before_;
  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::map<std::string, std::string> environment_;
  absl::StatusOr<std::string> input_ = "";
  v1::GenerateImageRequest asked_;
};

TEST_F(ImagineTest, NamesTheFileAfterThePromptAndOverwritesNothing) {
  EXPECT_EQ(Mlctl({"imagine", "A red car"}), kDone) << err_.str();
  EXPECT_EQ(out_.str(), "a-red-car.png\n");
  EXPECT_EQ(Read("a-red-car.png"), Picture(8, 6, 0));
  EXPECT_THAT(err_.str(), HasSubstr("--seed 42"));
  Write("a-red-car.png", "mine");
  EXPECT_EQ(Mlctl({"imagine", "a", "red", "car", "--seed", "5", "-q"}), kDone);
  EXPECT_EQ(out_.str(), "a-red-car-2.png\n");
  EXPECT_EQ(Read("a-red-car.png"), "mine");
  EXPECT_EQ(asked_.prompt(), "a red car");
  EXPECT_EQ(asked_.seed(), 5);
  EXPECT_EQ(asked_.preview_interval(), 0) << "nobody would see one";
}

TEST_F(ImagineTest, EveryOptionIsSent) {
  Write("photo.png", "photo");
  Write("hole.png", "hole");
  ASSERT_EQ(Mlctl({"imagine",    "a dog",     "-o",          "dog.webp",
                   "--style",    "sketch",    "--seed",      "18446744073709551615",
                   "--from",     "photo.png", "--strength",  "0.5",
                   "--mask",     "hole.png",  "--steps",     "30",
                   "--guidance", "7.5",       "--scheduler", "euler",
                   "--size",     "128x64",    "--negative",  "rain",
                   "--concept",  "a cat",     "-m",          "painter",
                   "--class",    "background"}),
            kDone)
      << err_.str();
  EXPECT_EQ(asked_.prompt(), "a dog");
  EXPECT_EQ(asked_.style(), "sketch");
  EXPECT_EQ(asked_.seed(), 18446744073709551615ULL);
  EXPECT_EQ(asked_.source_image().encoded(), "photo");
  EXPECT_EQ(asked_.mask().encoded(), "hole");
  EXPECT_EQ(asked_.strength(), 0.5F);
  EXPECT_EQ(asked_.steps(), 30);
  EXPECT_EQ(asked_.guidance_scale(), 7.5F);
  EXPECT_EQ(asked_.scheduler(), "euler");
  EXPECT_EQ(asked_.width(), 128);
  EXPECT_EQ(asked_.height(), 64);
  EXPECT_EQ(asked_.negative_prompt(), "rain");
  EXPECT_EQ(asked_.concepts(0).text(), "a cat");
  EXPECT_EQ(asked_.format(), v1::IMAGE_FILE_FORMAT_WEBP);
  EXPECT_EQ(asked_.options().model(), "painter");
  EXPECT_EQ(asked_.options().request_class(), v1::REQUEST_CLASS_BACKGROUND);
  EXPECT_TRUE(std::filesystem::exists("dog.webp"));
}

TEST_F(ImagineTest, SeveralGetAFileEachAndASheet) {
  ASSERT_EQ(Mlctl({"imagine", "trees", "--count", "3", "-o", "out.png"}), kDone) << err_.str();
  EXPECT_EQ(out_.str(), "out-1.png\nout-2.png\nout-3.png\nout-grid.png\n");
  EXPECT_EQ(Read("out-3.png"), Picture(8, 6, 100));
  const std::string grid = Read("out-grid.png");
  const auto decoded = DecodeImage({reinterpret_cast<const uint8_t*>(grid.data()), grid.size()});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->image.width(), 20);
  EXPECT_EQ(decoded->image.height(), 16);
  // It says of itself what its pictures say.
  EXPECT_THAT(grid, HasSubstr("trainedAlgorithmicMedia"));
  EXPECT_THAT(grid, HasSubstr("intelligenced:model=\"painter\" intelligenced:seed=\"42\""));
}

TEST_F(ImagineTest, ASheetOfChangedPicturesSaysSo) {
  std::ofstream("photo.png") << Picture(4, 4, 9);
  ASSERT_EQ(Mlctl({"imagine", "trees", "--count", "2", "--from", "photo.png", "-o", "out.webp"}),
            kDone)
      << err_.str();
  EXPECT_THAT(Read("out-grid.png"), HasSubstr("compositeWithTrainedAlgorithmicMedia"));
}

TEST_F(ImagineTest, SaysEverythingAsJson) {
  ASSERT_EQ(Mlctl({"imagine", "trees", "--count", "2", "--json"}), kDone) << err_.str();
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["seed"], 42);
  EXPECT_EQ(json["images"][1]["seed"], 43);
  EXPECT_EQ(json["images"][1]["file"], "trees-2.png");
  EXPECT_EQ(json["images"][0]["width"], 8);
  EXPECT_EQ(json["images"][0]["format"], "PNG");
  EXPECT_EQ(json["grid"], "trees-grid.png");
  EXPECT_EQ(json["usage"]["model"], "models/painter");
}

TEST_F(ImagineTest, ThePromptMayComeFromStandardInput) {
  input_ = " a small boat \n";
  ASSERT_EQ(Mlctl({"imagine"}), kDone) << err_.str();
  EXPECT_EQ(asked_.prompt(), "a small boat");
  EXPECT_EQ(out_.str(), "a-small-boat.png\n");
  input_ = " \n";
  EXPECT_NE(Mlctl({"imagine"}), kDone) << "nothing to draw";
  input_ = "\xff";
  EXPECT_NE(Mlctl({"imagine", "-"}), kDone);
}

TEST_F(ImagineTest, APictureMayGoToStandardOutput) {
  ASSERT_EQ(Mlctl({"imagine", "x", "-o", "-"}), kDone) << err_.str();
  EXPECT_EQ(out_.str(), Picture(8, 6, 0));
  EXPECT_EQ(Files(), 0);
  host_.out_is_terminal = true;
  EXPECT_EQ(Mlctl({"imagine", "x", "-o", "-"}), kUsage);
}

TEST_F(ImagineTest, WrongCommandLinesAreSaidBeforeAnythingIsDrawn) {
  daemon_.Stop();
  const std::vector<std::vector<std::string>> wrong = {{"--steps", "0"},
                                                       {"--steps", "10000"},
                                                       {"--strength", "0.5"},
                                                       {"--strength", "1.5", "--from", "x.png"},
                                                       {"--mask", "x.png"},
                                                       {"--count", "5"},
                                                       {"--count", "0"},
                                                       {"--size", "0x10"},
                                                       {"--size", "64x"},
                                                       {"--size", "64x64x64"},
                                                       {"--size", "9000"},
                                                       {"--guidance", "-1"},
                                                       {"--seed", "-1"},
                                                       {"--format", "gif"},
                                                       {"--format", "webp", "-o", "x.png"},
                                                       {"--show", "sometimes"},
                                                       {"-o", "-", "--count", "2"},
                                                       {"-o", "-", "--json"}};
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.begin(), {"imagine", "x"});
    EXPECT_EQ(Mlctl(arguments), kUsage) << testing::PrintToString(arguments) << err_.str();
  }
  EXPECT_EQ(Mlctl({"imagine", "-", "--from", "-"}), kUsage);
  EXPECT_EQ(Mlctl({"imagine", "x", "--from", "missing.png"}), kInputOutput) << err_.str();
  EXPECT_EQ(Files(), 0);
}

TEST_F(ImagineTest, ARefusalLeavesNoFile) {
  daemon_.scripts.generate_image = [](grpc::ServerContext*, const v1::GenerateImageRequest&,
                                      grpc::ServerWriter<v1::GenerateImageResponse>*) {
    return StatusToGrpc(FieldError("style", "This model has no such style; it has sketch."));
  };
  EXPECT_EQ(Mlctl({"imagine", "x", "--style", "y"}), kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("it has sketch"));
  EXPECT_EQ(Files(), 0);
}

TEST_F(ImagineTest, InterruptionEndsTheCallAndLeavesNoFile) {
  daemon_.scripts.generate_image = [this](grpc::ServerContext* context,
                                          const v1::GenerateImageRequest&,
                                          grpc::ServerWriter<v1::GenerateImageResponse>* writer) {
    v1::GenerateImageResponse event;
    event.mutable_progress()->set_step(1);
    event.mutable_progress()->set_steps(1000);
    host_.interruption.Cancel();
    while (writer->Write(event) && !context->IsCancelled()) {
    }
    return grpc::Status::CANCELLED;
  };
  EXPECT_EQ(Mlctl({"imagine", "x"}), kInterrupted);
  EXPECT_EQ(Files(), 0);
}

TEST_F(ImagineTest, ATerminalSeesTheBarThePreviewAndThePicture) {
  host_.err_is_terminal = true;
  host_.out_is_terminal = true;
  host_.columns = 80;
  environment_ = {{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}};
  ASSERT_EQ(Mlctl({"imagine", "x", "-o", "x.png"}), kDone);
  EXPECT_GT(asked_.preview_interval(), 0);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("[######------------------] 1 of 4, 3.0 s left"),
                                HasSubstr("▀"), HasSubstr("\033[2A")));
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("\x1b["), HasSubstr("x.png\n")));
  // Everything drawn meanwhile is wiped away at the end.
  EXPECT_NE(err_.str().rfind("\033[2A\r\033[J"), std::string::npos);
  ASSERT_EQ(Mlctl({"imagine", "x", "-o", "x.png", "--show", "never"}), kDone);
  EXPECT_EQ(out_.str(), "x.png\n");
  EXPECT_EQ(asked_.preview_interval(), 0);
}

TEST_F(ImagineTest, APipeIsShownBlocksWhereAskedTo) {
  ASSERT_EQ(Mlctl({"imagine", "x", "-o", "x.png", "--show", "always"}), kDone) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(StartsWith("@@@@@@@@\n"), HasSubstr("\nx.png\n")));
  ASSERT_EQ(Mlctl({"imagine", "x", "-o", "x.png", "--show", "always", "--color", "always"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("▀"));
}

TEST_F(ImagineTest, ListsWhatAModelHas) {
  daemon_.scripts.image_model = [](const v1::GetImageModelRequest&,
                                   v1::GetImageModelResponse* response) {
    response->set_model("models/painter");
    response->set_width(64);
    response->set_height(64);
    response->set_fixed_size(true);
    response->add_styles("sketch\033[31m");
    response->set_default_steps(20);
    return grpc::Status::OK;
  };
  ASSERT_EQ(Mlctl({"imagine", "--styles"}), kDone) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("painter"), HasSubstr("sketch"), HasSubstr("64x64 only"),
                                Not(HasSubstr("\033[31m"))));
  ASSERT_EQ(Mlctl({"imagine", "--styles", "--json"}), kDone);
  EXPECT_EQ(Json::parse(out_.str())["default_steps"], 20);
  EXPECT_EQ(Json::parse(out_.str())["fixed_size"], true);
}

TEST_F(ImagineTest, Restyles) {
  v1::RestyleImageRequest asked;
  daemon_.scripts.restyle_image = [&](grpc::ServerContext*, const v1::RestyleImageRequest& request,
                                      grpc::ServerWriter<v1::RestyleImageResponse>* writer) {
    asked = request;
    v1::RestyleImageResponse event;
    event.mutable_image()->set_data(Picture(4, 4, 1));
    writer->Write(event);
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  Write("photo.jpg", "photo");
  ASSERT_EQ(Mlctl({"restyle", "photo.jpg", "--style", "Mosaic"}), kDone) << err_.str();
  EXPECT_EQ(out_.str(), "photo-mosaic.png\n");
  EXPECT_EQ(asked.style(), "Mosaic");
  EXPECT_EQ(asked.image().encoded(), "photo");
  EXPECT_THAT(err_.str(), IsEmpty()) << "no seed was drawn";
  input_ = "bytes";
  ASSERT_EQ(Mlctl({"restyle", "-", "-o", "out.png"}), kDone) << err_.str();
  EXPECT_EQ(asked.image().encoded(), "bytes");
  EXPECT_EQ(Mlctl({"restyle"}), kUsage);
}

TEST_F(ImagineTest, Upscales) {
  v1::UpscaleImageRequest asked;
  daemon_.scripts.upscale_image = [&](grpc::ServerContext*, const v1::UpscaleImageRequest& request,
                                      grpc::ServerWriter<v1::UpscaleImageResponse>* writer) {
    asked = request;
    v1::UpscaleImageResponse event;
    event.mutable_image()->set_data(Picture(4, 4, 1));
    writer->Write(event);
    event.mutable_completed();
    writer->Write(event);
    return grpc::Status::OK;
  };
  Write("small.png", Picture(8, 6, 3));
  ASSERT_EQ(Mlctl({"upscale", "small.png", "--scale", "2.5"}), kDone) << err_.str();
  EXPECT_EQ(out_.str(), "small-large.png\n");
  EXPECT_EQ(asked.width(), 20);
  EXPECT_EQ(asked.height(), 15);
  ASSERT_EQ(Mlctl({"upscale", "small.png", "--size", "x96", "-o", "out.png"}), kDone);
  EXPECT_EQ(asked.width(), 0);
  EXPECT_EQ(asked.height(), 96);
  EXPECT_EQ(Mlctl({"upscale", "small.png"}), kUsage);
  EXPECT_EQ(Mlctl({"upscale", "small.png", "--scale", "2", "--size", "9"}), kUsage);
  EXPECT_EQ(Mlctl({"upscale", "small.png", "--size", "x"}), kUsage);
  EXPECT_EQ(Mlctl({"upscale", "-", "--scale", "2"}), kUsage);
  Write("broken.png", "no picture");
  EXPECT_EQ(Mlctl({"upscale", "broken.png", "--scale", "2"}), kInputOutput);
}

}  // namespace
}  // namespace intelligenced::mlctl

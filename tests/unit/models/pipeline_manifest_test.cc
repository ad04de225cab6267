#include "runtime/models/pipeline_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

using Files = std::vector<ExportFile>;

class PipelineManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(FolderOf("latent"))) GTEST_SKIP() << "built without engines";
  }

  static std::string FolderOf(const std::string& model) {
    return BuildPath("tests/unit/engines/onnx/diffusion/" + model);
  }

  // Every file of a model that packaging/models/random_diffusion.py wrote.
  static Files FilesOf(const std::string& model) {
    Files files;
    const std::string folder = FolderOf(model);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      ExportFile& file = files.emplace_back();
      file.file.name = entry.path().string().substr(folder.size() + 1);
      file.file.size_bytes = entry.file_size();
      file.file.sha256 = std::string(64, 'a');
      file.path = entry.path();
    }
    return files;
  }

  static Files Without(Files files, const std::string& name) {
    EXPECT_EQ(std::erase_if(files, [&](const auto& file) { return file.file.name == name; }), 1U)
        << name;
    return files;
  }

  Files With(Files files, const std::string& name, const std::string& content) {
    std::erase_if(files, [&](const auto& file) { return file.file.name == name; });
    ExportFile& file = files.emplace_back();
    file.file.name = name;
    file.path = absl::StrCat(folder_.path(), "/", ++written_);
    WriteTestFile(file.path, content);
    return files;
  }

  static std::string TextOf(const Files& files, const std::string& name) {
    for (const ExportFile& file : files) {
      if (file.file.name == name) return *ReadFile(file.path, uint64_t{1} << 24);
    }
    ADD_FAILURE() << name;
    return "";
  }

  // With one text in place of another in a file that has it.
  Files Changed(const Files& files, const std::string& name, const std::string& from,
                const std::string& to) {
    const std::string text = TextOf(files, name);
    EXPECT_THAT(text, HasSubstr(from)) << name;
    return With(files, name, absl::StrReplaceAll(text, {{from, to}}));
  }

  // A file of one model in another.
  Files Taking(const Files& files, const std::string& name, const std::string& from,
               const std::string& as) {
    return With(files, as, TextOf(FilesOf(from), name));
  }

  static std::vector<std::string> RolesOf(const Manifest& manifest) {
    std::vector<std::string> roles;
    for (const ManifestFile& file : manifest.files) roles.push_back(file.role);
    return roles;
  }

  static void ExpectRefused(const Files& files, Reason reason, const std::string& said) {
    const absl::Status status = ManifestFromPipeline(files).status();
    EXPECT_TRUE(HasReason(status, reason)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(said));
  }

  const TemporaryFolder folder_;
  int written_ = 0;
};

TEST_F(PipelineManifestTest, KnowsAPipelineInALatentSpace) {
  const auto manifest = ManifestFromPipeline(FilesOf("latent"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->engine, "onnx");
  EXPECT_EQ(manifest->family, "diffusion");
  EXPECT_THAT(manifest->capabilities, UnorderedElementsAre("image.generate"));
  EXPECT_THAT(RolesOf(*manifest),
              UnorderedElementsAre("model-index", "vocabulary", "merges", "tokenizer-config",
                                   "text-encoder", "unet", "unet-config", "vae-decoder",
                                   "vae-decoder-config", "vae-encoder", "scheduler-config"));
  // 8 places a side, of 4 pixels each.
  EXPECT_EQ(manifest->parameters.at("width"), "32");
  EXPECT_EQ(manifest->parameters.at("height"), "32");
  EXPECT_EQ(manifest->parameters.at("steps"), "4");
  EXPECT_EQ(manifest->parameters.at("guidance_scale"), "2.5");
  EXPECT_EQ(manifest->parameters.at("x-scheduler"), "ddim");
  EXPECT_EQ(manifest->parameters.at("x-prediction"), "epsilon");
  EXPECT_THAT(manifest->description, HasSubstr("32×32"));
  EXPECT_THAT(manifest->title, HasSubstr("StableDiffusionPipeline"));
  // What it writes can be read, once the installer has named the files plainly.
  Manifest whole = *manifest;
  whole.name = "random";
  for (ManifestFile& file : whole.files) std::replace(file.name.begin(), file.name.end(), '/', '_');
  EXPECT_TRUE(ParseManifest(ManifestToJson(whole), ManifestPlace::kInstalled).ok());
  // As part of what is imported from folders.
  EXPECT_EQ(ManifestFromExport(FilesOf("latent"))->family, "diffusion");
}

TEST_F(PipelineManifestTest, KnowsOneInPixels) {
  const auto manifest = ManifestFromPipeline(FilesOf("pixel"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->parameters.at("width"), "16");
  EXPECT_THAT(RolesOf(*manifest), Not(Contains("vae-decoder")));
  EXPECT_THAT(manifest->description, HasSubstr("from another picture"));
}

TEST_F(PipelineManifestTest, WeightsInFilesOfTheirOwn) {
  const Files files = FilesOf("external");
  const auto manifest = ManifestFromPipeline(files);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(RolesOf(*manifest), Contains("unet-weights"));
  ExpectRefused(Without(files, "unet/model.onnx_data"), Reason::kFieldInvalid, "model.onnx_data");
  Files cut = files;
  for (ExportFile& file : cut) {
    if (file.file.name == "unet/model.onnx_data") --file.file.size_bytes;
  }
  ExpectRefused(cut, Reason::kModelCorrupt, "unet/model.onnx_data");
}

TEST_F(PipelineManifestTest, NetworksOfAnotherPrecisionAndOneTooMany) {
  Files files = Taking(Without(FilesOf("pixel"), "unet/model.onnx"), "unet/model.onnx", "pixel",
                       "unet/model_fp16.onnx");
  const auto manifest = ManifestFromPipeline(files);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(RolesOf(*manifest), Contains("unet"));
  files = Taking(files, "unet/model.onnx", "pixel", "unet/model.onnx");
  ExpectRefused(files, Reason::kFieldInvalid, "model_fp16.onnx");
  ExpectRefused(Taking(files, "unet/model.onnx", "pixel", "transformer/model.onnx"),
                Reason::kFieldInvalid, "unet");
  ExpectRefused(Taking(FilesOf("pixel"), "unet/model.onnx", "pixel", "transformer/model.onnx"),
                Reason::kFieldInvalid, "both");
}

TEST_F(PipelineManifestTest, ATransformerInPlaceOfAUnet) {
  Files files = Taking(Without(FilesOf("pixel"), "unet/model.onnx"), "unet/model.onnx", "pixel",
                       "transformer/model.onnx");
  files = Taking(Without(files, "unet/config.json"), "unet/config.json", "pixel",
                 "transformer/config.json");
  files = Changed(files, "scheduler/scheduler_config.json", "DDIMScheduler",
                  "FlowMatchEulerDiscreteScheduler");
  const auto manifest = ManifestFromPipeline(files);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(RolesOf(*manifest), Contains("transformer"));
  EXPECT_THAT(RolesOf(*manifest), Contains("transformer-config"));
  EXPECT_EQ(manifest->parameters.at("x-prediction"), "flow_prediction");
}

TEST_F(PipelineManifestTest, EveryMissingComponentIsNamed) {
  const Files files = FilesOf("latent");
  for (const char* const name :
       {"tokenizer/vocab.json", "tokenizer/merges.txt", "text_encoder/model.onnx",
        "unet/model.onnx", "vae_decoder/model.onnx", "vae_encoder/model.onnx",
        "scheduler/scheduler_config.json"}) {
    SCOPED_TRACE(name);
    ExpectRefused(Without(files, name), Reason::kFieldInvalid, name);
  }
  // Neither does the index say that there is one, nor are its samples pictures.
  Files silent = Changed(files, "model_index.json", "vae_", "gone_");
  silent = Without(Without(silent, "vae_decoder/model.onnx"), "vae_encoder/model.onnx");
  ExpectRefused(silent, Reason::kFieldInvalid, "vae_decoder/model.onnx");
  // Configurations that only say what the networks do can be missing.
  for (const char* const name : {"unet/config.json", "tokenizer/tokenizer_config.json"}) {
    EXPECT_TRUE(ManifestFromPipeline(Without(files, name)).ok()) << name;
  }
}

TEST_F(PipelineManifestTest, ChannelsThatDoNotFit) {
  const Files latent = FilesOf("latent");
  // By its own configuration.
  ExpectRefused(Changed(latent, "unet/config.json", "\"in_channels\": 4", "\"in_channels\": 5"),
                Reason::kModelCorrupt, "5");
  // Of the decoder: a network of three channels between parts of four.
  const Files three =
      Without(Taking(latent, "unet/model.onnx", "pixel", "unet/model.onnx"), "unet/config.json");
  ExpectRefused(three, Reason::kModelCorrupt, "4 channels in latent_sample where 3");
  // A file that is another network.
  ExpectRefused(Taking(latent, "text_encoder/model.onnx", "latent", "unet/model.onnx"),
                Reason::kModelCorrupt, "sample");
  ExpectRefused(Taking(latent, "unet/model.onnx", "latent", "text_encoder/model.onnx"),
                Reason::kModelCorrupt, "input_ids");
  ExpectRefused(Taking(latent, "vae_encoder/model.onnx", "latent", "vae_decoder/model.onnx"),
                Reason::kModelCorrupt, "latent_sample");
}

TEST_F(PipelineManifestTest, SchedulersTokenizersAndPartsThatAreNotKnown) {
  constexpr char kScheduler[] = "scheduler/scheduler_config.json";
  const Files files = FilesOf("latent");
  ExpectRefused(Changed(files, kScheduler, "DDIMScheduler", "WarpScheduler"), Reason::kFieldInvalid,
                "WarpScheduler");
  ExpectRefused(Changed(files, kScheduler, "\"_class_name\"", "\"class\""), Reason::kModelCorrupt,
                kScheduler);
  ExpectRefused(Changed(files, kScheduler, "{", "{\"prediction_type\": \"guess\","),
                Reason::kFieldInvalid, "guess");
  ExpectRefused(Changed(files, kScheduler, "{", "{\"use_dynamic_shifting\": true,"),
                Reason::kFieldInvalid, "use_dynamic_shifting");
  EXPECT_TRUE(
      ManifestFromPipeline(Changed(files, kScheduler, "{", "{\"use_dynamic_shifting\": false,"))
          .ok());
  ExpectRefused(Changed(files, "model_index.json", "CLIPTokenizer", "T5Tokenizer"),
                Reason::kFieldInvalid, "T5Tokenizer");
  ExpectRefused(Changed(files, "model_index.json", "\"vae_decoder\"",
                        "\"text_encoder_2\": [\"a\", \"b\"], \"vae_decoder\""),
                Reason::kFieldInvalid, "text_encoder_2");
  // One that is not there is named too.
  EXPECT_TRUE(ManifestFromPipeline(Changed(files, "model_index.json", "\"vae_decoder\"",
                                           "\"image_encoder\": [null, null], \"vae_decoder\""))
                  .ok());
}

TEST_F(PipelineManifestTest, BrokenFiles) {
  const Files files = FilesOf("latent");
  for (const char* const name : {"model_index.json", "scheduler/scheduler_config.json",
                                 "unet/config.json", "unet/model.onnx", "vae_decoder/model.onnx"}) {
    ExpectRefused(With(files, name, "[1]"), Reason::kModelCorrupt, "");
    const std::string whole = TextOf(files, name);
    ExpectRefused(With(files, name, whole.substr(0, whole.size() / 2)), Reason::kModelCorrupt, "");
  }
  ExpectRefused(Changed(files, "model_index.json", "_class_name", "name"), Reason::kModelCorrupt,
                "_class_name");
}

TEST_F(PipelineManifestTest, DefaultsByTheKindOfScheduler) {
  constexpr char kScheduler[] = "scheduler/scheduler_config.json";
  // Without our own word on it.
  const Files files = Changed(FilesOf("latent"), "model_index.json", "intelligenced", "other");
  const auto parameters = [](const Files& from) {
    const auto manifest = ManifestFromPipeline(from);
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.ok() ? std::pair(manifest->parameters.at("steps"),
                                     manifest->parameters.at("guidance_scale"))
                         : std::pair(std::string(), std::string());
  };
  EXPECT_EQ(parameters(files), std::pair(std::string("25"), std::string("7.5")));
  EXPECT_EQ(parameters(Changed(files, kScheduler, "DDIMScheduler", "LCMScheduler")),
            std::pair(std::string("4"), std::string("1")));
  const Files euler = Changed(files, kScheduler, "DDIMScheduler", "EulerDiscreteScheduler");
  EXPECT_EQ(parameters(euler).first, "25");
  EXPECT_EQ(parameters(Changed(euler, kScheduler, "{", "{\"timestep_spacing\": \"trailing\",")),
            std::pair(std::string("4"), std::string("1")));
  const auto rectangle = ManifestFromPipeline(
      Changed(files, "unet/config.json", "\"sample_size\": 8", "\"sample_size\": [8, 16]"));
  ASSERT_TRUE(rectangle.ok()) << rectangle.status();
  EXPECT_EQ(rectangle->parameters.at("height"), "32");
  EXPECT_EQ(rectangle->parameters.at("width"), "64");
}

}  // namespace
}  // namespace intelligenced

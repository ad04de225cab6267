// Which files of a model's folder the SDK sends, and how.
#include <intelligence/client.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "tests/support/onnx_bytes.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced {
namespace {

using intelligence::Client;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class SdkFolderTest : public testing::Test {
 protected:
  SdkFolderTest() {
    daemon_.scripts.import = [this](grpc::ServerReader<v1::ImportModelRequest>* reader,
                                    v1::ImportModelResponse* response) {
      v1::ImportModelRequest message;
      while (reader->Read(&message)) {
        if (message.has_header()) {
          license_ = message.header().license();
          names_.push_back(message.header().file_name());
          sizes_.push_back(message.header().size_bytes());
        } else if (message.has_file()) {
          names_.push_back(message.file().name());
          sizes_.push_back(message.file().size_bytes());
        } else {
          sizes_.back() -= message.chunk().size();
        }
      }
      response->mutable_model()->set_name("models/x");
      return grpc::Status::OK;
    };
    std::filesystem::create_directories(Top());
  }

  std::string Top() const { return daemon_.folder() + "/published"; }

  void Put(std::string_view name, std::string_view content = "content") const {
    const std::filesystem::path path = std::filesystem::path(Top()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

  // The names that were sent.
  absl::StatusOr<std::vector<std::string>> Import(const std::string& variant = "") {
    names_.clear();
    sizes_.clear();
    absl::StatusOr<Client> client = Client::Connect({.socket_path = daemon_.socket_path()});
    if (!client.ok()) return client.status();
    const auto model =
        client->ImportModel({.path = Top(), .name = "x", .license = "MIT", .variant = variant});
    if (!model.ok()) return model.status();
    // Every byte that was announced has come.
    EXPECT_THAT(sizes_, testing::Each(0U));
    EXPECT_EQ(license_, "MIT");
    return names_;
  }

  FakeDaemon daemon_;
  std::string license_;
  std::vector<std::string> names_;
  std::vector<uint64_t> sizes_;
};

TEST_F(SdkFolderTest, ATranslatorsFilesGoInOneImport) {
  for (const char* name :
       {"config.json", "generation_config.json", "source.spm", "target.spm", "vocab.json",
        "tokenizer.json", "README.md", "encoder_model.onnx", "decoder_model.onnx",
        "decoder_with_past_model.onnx", "decoder_model_merged.onnx"}) {
    Put(name);
  }
  Put("special_tokens_map.json", "");
  // The merged decoder is enough; the tokenizer repeats what the pieces say; nothing is empty.
  EXPECT_THAT(*Import(),
              ElementsAre("config.json", "generation_config.json", "vocab.json", "source.spm",
                          "target.spm", "encoder_model.onnx", "decoder_model_merged.onnx"));
  std::filesystem::remove(Top() + "/decoder_model_merged.onnx");
  EXPECT_THAT(*Import(), IsSupersetOf({"decoder_model.onnx", "decoder_with_past_model.onnx"}));
  std::filesystem::remove(Top() + "/decoder_with_past_model.onnx");
  EXPECT_TRUE(HasReason(Import().status(), Reason::kFieldInvalid));
}

TEST_F(SdkFolderTest, NetworksInTheirFolderAndInOnePrecision) {
  Put("config.json");
  Put("vocab.txt");
  Put("tokenizer.json");
  Put("1_Pooling/config.json");
  Put("onnx/model_quantized.onnx");
  EXPECT_THAT(*Import(), ElementsAre("config.json", "vocab.txt", "1_Pooling/config.json",
                                     "tokenizer.json", "model_quantized.onnx"));
  Put("onnx/model.onnx");
  Put("onnx/model_fp16.onnx");
  EXPECT_THAT(*Import(), Contains("model.onnx"));
  EXPECT_THAT(*Import("fp16"), Contains("model_fp16.onnx"));
  const absl::Status absent = Import("int8").status();
  EXPECT_TRUE(HasReason(absent, Reason::kFieldInvalid));
  EXPECT_THAT(std::string(absent.message()), HasSubstr("_int8.onnx"));
}

TEST_F(SdkFolderTest, APipelinesPartsKeepTheirFolders) {
  Put("model_index.json");
  Put("scheduler/scheduler_config.json");
  Put("tokenizer/vocab.json");
  Put("tokenizer/merges.txt");
  Put("text_encoder/model.onnx");
  Put("unet/config.json");
  Put("unet/model.onnx");
  Put("unet/model_fp16.onnx");
  Put("unet/model.safetensors");
  Put(".git/config.json");
  EXPECT_THAT(*Import(),
              ElementsAre("model_index.json", "scheduler/scheduler_config.json",
                          "text_encoder/model.onnx", "tokenizer/merges.txt", "tokenizer/vocab.json",
                          "unet/config.json", "unet/model.onnx"));
  // A part that is there in one precision only is taken in that.
  const auto half = Import("fp16");
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_THAT(*half, IsSupersetOf({"unet/model_fp16.onnx", "text_encoder/model.onnx"}));
  EXPECT_THAT(*half, Not(Contains("unet/model.onnx")));
  EXPECT_TRUE(HasReason(Import("int8").status(), Reason::kFieldInvalid));
  std::filesystem::remove_all(Top() + "/unet");
  std::filesystem::remove_all(Top() + "/text_encoder");
  EXPECT_TRUE(HasReason(Import().status(), Reason::kFieldInvalid));
}

TEST_F(SdkFolderTest, APipelinesWeightsInFilesOfTheirOwnGoAlong) {
  const auto network = [](std::initializer_list<std::string_view> outside) {
    OnnxParts parts;
    parts.nodes = {OnnxNode("Relu", {"x"}, {"y"})};
    parts.inputs = {OnnxPortBytes("x", {4})};
    parts.outputs = {OnnxPortBytes("y", {4})};
    for (const std::string_view name : outside)
      parts.weights.push_back(OnnxExternalWeight("w", name));
    return OnnxModelBytes(parts);
  };
  Put("model_index.json");
  Put("unet/model.onnx", network({"model.onnx_data", "more/weights.pb"}));
  Put("unet/model_fp16.onnx", network({"model_fp16.onnx_data"}));
  Put("unet/model.onnx_data");
  Put("unet/more/weights.pb");
  Put("unet/model_fp16.onnx_data");
  // Nobody needs it to draw.
  Put("safety_checker/model.onnx");
  EXPECT_THAT(*Import(), ElementsAre("model_index.json", "unet/model.onnx_data",
                                     "unet/more/weights.pb", "unet/model.onnx"));
  EXPECT_THAT(*Import("fp16"),
              ElementsAre("model_index.json", "unet/model_fp16.onnx_data", "unet/model_fp16.onnx"));
  std::filesystem::remove(Top() + "/unet/model.onnx_data");
  const absl::Status gone = Import().status();
  EXPECT_TRUE(HasReason(gone, Reason::kFieldInvalid));
  EXPECT_THAT(std::string(gone.message()), HasSubstr("model.onnx_data"));
  // A network cannot have other files of the person's sent.
  Put("secret");
  for (const std::string& elsewhere : {std::string("../secret"), Top() + "/secret"}) {
    Put("unet/model.onnx", network({elsewhere}));
    EXPECT_TRUE(HasReason(Import().status(), Reason::kFieldInvalid)) << elsewhere;
  }
}

TEST_F(SdkFolderTest, TooManyFilesAreRefusedBeforeAnyIsSent) {
  Put("model_index.json");
  Put("unet/model.onnx");
  for (int i = 0; i < 70; ++i) Put("unet/" + std::to_string(i) + ".json");
  EXPECT_TRUE(HasReason(Import().status(), Reason::kFieldInvalid));
  EXPECT_THAT(names_, testing::IsEmpty());
}

TEST_F(SdkFolderTest, AFolderIsNoPlaceForASingleFilesOptions) {
  Put("config.json");
  Put("model.onnx");
  absl::StatusOr<Client> client = Client::Connect({.socket_path = daemon_.socket_path()});
  ASSERT_TRUE(client.ok());
  for (const intelligence::ImportModelRequest& request :
       {intelligence::ImportModelRequest{.path = Top(), .name = "x", .sha256 = "00"},
        intelligence::ImportModelRequest{.path = Top(), .name = "x", .family = "yunet"},
        intelligence::ImportModelRequest{.path = Top(), .name = "x", .projector_path = Top()}}) {
    EXPECT_TRUE(HasReason(client->ImportModel(request).status(), Reason::kFieldInvalid));
  }
  // A precision is chosen in a folder.
  EXPECT_TRUE(HasReason(
      client->ImportModel({.path = Top() + "/model.onnx", .name = "x", .variant = "fp16"}).status(),
      Reason::kFieldInvalid));
}

}  // namespace
}  // namespace intelligenced

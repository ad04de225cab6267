#include "runtime/models/encoder_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <string>

#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<ManifestFile> Files(std::initializer_list<const char*> names) {
  std::vector<ManifestFile> files;
  for (const char* name : names) files.emplace_back().name = name;
  return files;
}

std::map<std::string, std::string> Roles(const Manifest& manifest) {
  std::map<std::string, std::string> roles;
  for (const ManifestFile& file : manifest.files) roles[file.role] = file.name;
  return roles;
}

TEST(EncoderManifestTest, SentenceEncoders) {
  const auto manifest = ManifestFromEncoder(
      R"({"architectures": ["BertModel"], "_name_or_path": "all-MiniLM-L6-v2"})",
      Files({"config.json", "model.onnx", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
             "special_tokens_map.json"}));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->family, "sentence-encoder");
  EXPECT_THAT(manifest->capabilities, ElementsAre("language.embed", "tensor.run"));
  EXPECT_EQ(manifest->files.size(), 4U);
  EXPECT_EQ(Roles(*manifest)["tokenizer"], "tokenizer.json");
  EXPECT_EQ(Roles(*manifest)["model"], "model.onnx");
  EXPECT_TRUE(manifest->parameters.empty());
  const auto bge = ManifestFromEncoder(
      R"({"architectures": ["BertModel"], "_name_or_path": "BAAI/bge-small-en-v1.5"})",
      Files({"config.json", "model_quantized.onnx", "vocab.txt"}));
  ASSERT_TRUE(bge.ok());
  EXPECT_EQ(bge->parameters.at("pooling"), "cls");
  EXPECT_EQ(Roles(*bge)["tokenizer"], "vocab.txt");
}

TEST(EncoderManifestTest, ClassifiersByTheirLabels) {
  const auto of = [](const std::string& architecture, const std::string& labels) {
    const auto manifest = ManifestFromEncoder(
        R"({"architectures": [")" + architecture + R"("], "id2label": {)" + labels + "}}",
        Files({"config.json", "model.onnx", "vocab.txt"}));
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.ok() ? *manifest : Manifest();
  };
  EXPECT_THAT(
      of("DistilBertForSequenceClassification", R"("0": "NEGATIVE", "1": "POSITIVE")").capabilities,
      ElementsAre("language.classify", "language.classify-sentiment", "tensor.run"));
  EXPECT_THAT(of("BertForSequenceClassification", R"("0": "sport", "1": "news")").capabilities,
              ElementsAre("language.classify", "tensor.run"));
  EXPECT_THAT(of("BertForTokenClassification", R"("0": "O", "1": "B-PER")").capabilities,
              ElementsAre("language.find-entities", "tensor.run"));
}

TEST(EncoderManifestTest, WhatIsMissingIsSaid) {
  const auto refused = [](const char* config, std::initializer_list<const char*> names) {
    const absl::Status status = ManifestFromEncoder(config, Files(names)).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    return std::string(status.message());
  };
  constexpr char kBert[] = R"({"architectures": ["BertModel"]})";
  EXPECT_THAT(refused(kBert, {"config.json", "model.onnx"}), HasSubstr("vocab.txt"));
  EXPECT_THAT(refused(kBert, {"config.json", "vocab.txt"}), HasSubstr("model.onnx"));
  EXPECT_THAT(refused(kBert, {"model.onnx", "vocab.txt"}), HasSubstr("config.json"));
  EXPECT_THAT(refused(kBert, {"config.json", "a.onnx", "b.onnx", "vocab.txt"}),
              HasSubstr("more than one"));
  EXPECT_THAT(refused(R"({"architectures": ["MarianMTModel"]})", {"config.json"}),
              HasSubstr("MarianMTModel"));
  EXPECT_THAT(refused("[1]", {"config.json"}), HasSubstr("not named"));
  EXPECT_FALSE(IsEncoderConfig("no json"));
  EXPECT_FALSE(IsEncoderConfig(R"({"architectures": ["M2M100ForConditionalGeneration"]})"));
  EXPECT_TRUE(IsEncoderConfig(R"({"architectures": ["XLMRobertaForTokenClassification"]})"));
}

}  // namespace
}  // namespace intelligenced

#include "runtime/models/export_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ExportManifestTest : public testing::Test {
 protected:
  // Every file of a toy's folder.
  static std::vector<ExportFile> FilesOf(const std::string& model) {
    std::vector<ExportFile> files;
    const std::string folder = SourcePath("packaging/models/toy-translator/" + model);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      ExportFile& file = files.emplace_back();
      file.file.name = entry.path().filename();
      file.file.size_bytes = entry.file_size();
      file.file.sha256 = std::string(64, 'a');
      file.path = entry.path();
    }
    return files;
  }

  static std::vector<ExportFile> Without(std::vector<ExportFile> files, const std::string& name) {
    std::erase_if(files, [&](const ExportFile& file) { return file.file.name == name; });
    return files;
  }

  std::vector<ExportFile> With(std::vector<ExportFile> files, const std::string& name,
                               const std::string& content) {
    files = Without(std::move(files), name);
    ExportFile& file = files.emplace_back();
    file.file.name = name;
    file.path = folder_ / name;
    WriteTestFile(file.path, content);
    return files;
  }

  static std::vector<std::string> RolesOf(const Manifest& manifest) {
    std::vector<std::string> roles;
    for (const ManifestFile& file : manifest.files) roles.push_back(file.role);
    return roles;
  }

  const TemporaryFolder folder_;
};

TEST_F(ExportManifestTest, KnowsAnOpusExport) {
  const auto manifest = ManifestFromExport(FilesOf("opus-mt-en-toy"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->engine, "onnx");
  EXPECT_EQ(manifest->family, "seq2seq");
  EXPECT_THAT(manifest->capabilities, ElementsAre("translate:en>qaa", "translate:en>qab"));
  EXPECT_EQ(manifest->parameters.at("source_languages"), "en");
  // The merged decoder is enough.
  EXPECT_THAT(RolesOf(*manifest),
              UnorderedElementsAre("config", "generation-config", "tokenizer-config",
                                   "special-tokens", "vocabulary", "source-pieces", "target-pieces",
                                   "encoder", "decoder-merged"));
  // What it writes can be read.
  Manifest whole = *manifest;
  whole.name = "opus";
  EXPECT_TRUE(ParseManifest(ManifestToJson(whole), ManifestPlace::kInstalled).ok());
}

TEST_F(ExportManifestTest, TakesTwoDecodersWhereNoneIsMerged) {
  const auto manifest =
      ManifestFromExport(Without(FilesOf("opus-mt-en-toy"), "decoder_model_merged.onnx"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(RolesOf(*manifest), IsSupersetOf({"decoder", "decoder-with-past"}));
}

TEST_F(ExportManifestTest, QuantizedNamesAreTheSameParts) {
  auto files = FilesOf("opus-mt-en-toy");
  for (ExportFile& file : files) {
    const size_t at = file.file.name.find(".onnx");
    if (at != std::string::npos) file.file.name.insert(at, "_quantized");
  }
  const auto manifest = ManifestFromExport(files);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(RolesOf(*manifest), IsSupersetOf({"encoder", "decoder-merged"}));
  // Both of one part are one too many.
  files.push_back(files.front());
  for (ExportFile& file : files) {
    if (file.file.name == "encoder_model_quantized.onnx") {
      ExportFile twin = file;
      twin.file.name = "encoder_model.onnx";
      files.push_back(twin);
      break;
    }
  }
  EXPECT_TRUE(HasReason(ManifestFromExport(files).status(), Reason::kFieldInvalid));
}

TEST_F(ExportManifestTest, ManyLanguagesAreSaidOnceEach) {
  const auto m2m = ManifestFromExport(FilesOf("tiny-m2m100"));
  ASSERT_TRUE(m2m.ok()) << m2m.status();
  EXPECT_THAT(m2m->capabilities,
              ElementsAre("translate:en>*", "translate:es>*", "translate:fr>*", "translate:zh>*"));
  EXPECT_TRUE(m2m->HasCapability("translate:zh>es"));
  const auto nllb = ManifestFromExport(FilesOf("tiny-nllb"));
  ASSERT_TRUE(nllb.ok()) << nllb.status();
  EXPECT_THAT(nllb->title, HasSubstr("NLLB"));
  EXPECT_TRUE(nllb->HasCapability("translate:fr>en"));
  const auto published =
      ManifestFromExport(Without(FilesOf("tiny-nllb"), "special_tokens_map.json"));
  ASSERT_TRUE(published.ok());
  EXPECT_THAT(published->capabilities, SizeIs(202));
}

TEST_F(ExportManifestTest, LanguagesComeFromTheTokenizerOrTheName) {
  const std::string one_target = R"({"</s>": 0, "<unk>": 1})";
  auto files = With(FilesOf("opus-mt-en-toy"), "vocab.json", one_target);
  auto group =
      With(files, "tokenizer_config.json", R"({"source_lang": "ROMANCE", "target_lang": "eng"})");
  auto manifest = ManifestFromExport(group);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(manifest->capabilities, SizeIs(8));
  EXPECT_THAT(manifest->capabilities, Contains("translate:pt>en"));
  const std::string name =
      R"({"model_type": "marian", "_name_or_path": "Helsinki-NLP/opus-mt-tc-big-cat-oci_spa"})";
  auto named = With(Without(files, "tokenizer_config.json"), "config.json", name);
  EXPECT_TRUE(HasReason(ManifestFromExport(named).status(), Reason::kFieldInvalid));
  named = With(Without(files, "tokenizer_config.json"), "config.json",
               R"({"model_type": "marian", "_name_or_path": "Helsinki-NLP/opus-mt-tc-big-en-es"})");
  manifest = ManifestFromExport(named);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_THAT(manifest->capabilities, ElementsAre("translate:en>es"));
}

TEST_F(ExportManifestTest, SaysWhatIsMissing) {
  for (const char* name :
       {"config.json", "vocab.json", "source.spm", "target.spm", "encoder_model.onnx"}) {
    const absl::Status status =
        ManifestFromExport(Without(FilesOf("opus-mt-en-toy"), name)).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  auto files = Without(FilesOf("opus-mt-en-toy"), "decoder_model_merged.onnx");
  EXPECT_TRUE(HasReason(ManifestFromExport(Without(files, "decoder_model.onnx")).status(),
                        Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(
      ManifestFromExport(Without(FilesOf("tiny-nllb"), "sentencepiece.bpe.model")).status(),
      Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(ManifestFromExport({}).status(), Reason::kFieldInvalid));
}

TEST_F(ExportManifestTest, RefusesOtherKindsAndBrokenFiles) {
  const auto files = FilesOf("opus-mt-en-toy");
  EXPECT_TRUE(HasReason(
      ManifestFromExport(With(files, "config.json", R"({"model_type": "whisper"})")).status(),
      Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "config.json", "{")).status(),
                        Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "vocab.json", "[1]")).status(),
                        Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "encoder_model.onnx", "no ONNX")).status(),
                        Reason::kModelCorrupt));
}

TEST_F(ExportManifestTest, EncodersAndHowTheyPool) {
  const auto encoder_network = [] {
    auto files = FilesOf("opus-mt-en-toy");
    std::erase_if(files, [](const auto& f) { return f.file.name != "encoder_model.onnx"; });
    return files;
  };
  auto files = With(encoder_network(), "config.json", R"({"architectures": ["BertModel"]})");
  files = With(files, "vocab.txt", "[PAD]\n");
  auto manifest = ManifestFromExport(files);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->family, "sentence-encoder");
  EXPECT_FALSE(manifest->parameters.contains("pooling"));
  manifest = ManifestFromExport(With(files, "1_Pooling/config.json",
                                     R"({"pooling_mode_cls_token": true,
                                         "pooling_mode_mean_tokens": false})"));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->parameters.at("pooling"), "cls");
  EXPECT_THAT(RolesOf(*manifest), UnorderedElementsAre("model", "config", "tokenizer"));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "1_Pooling/config.json", "no")).status(),
                        Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "encoder_model.onnx", "no ONNX")).status(),
                        Reason::kModelCorrupt));
  EXPECT_TRUE(
      HasReason(ManifestFromExport(Without(files, "vocab.txt")).status(), Reason::kFieldInvalid));
}

TEST_F(ExportManifestTest, PipelinesOfUnknownKindsAreNamed) {
  const auto files = With(With({}, "model_index.json", R"({"_class_name": "NoSuchPipeline"})"),
                          "unet/config.json", "{}");
  const absl::Status status = ManifestFromExport(files).status();
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid));
  EXPECT_THAT(std::string(status.message()), HasSubstr("NoSuchPipeline"));
  EXPECT_TRUE(HasReason(ManifestFromExport(With(files, "model_index.json", "[]")).status(),
                        Reason::kModelCorrupt));
}

}  // namespace
}  // namespace intelligenced

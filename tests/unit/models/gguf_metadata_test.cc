#include "runtime/models/gguf_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "tests/support/paths.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes, uint64_t pretended_size = 0)
      : bytes_(bytes), size_(std::max<uint64_t>(bytes.size(), pretended_size)) {}
  uint64_t size() const override { return size_; }
  absl::Status ReadAt(uint64_t offset, char* out, size_t size) const override {
    if (offset + size > size_) return absl::OutOfRangeError("read beyond the end");
    std::memset(out, 0, size);
    if (offset < bytes_.size()) {
      std::memcpy(out, bytes_.data() + offset, std::min<size_t>(size, bytes_.size() - offset));
    }
    return absl::OkStatus();
  }

 private:
  const std::string_view bytes_;
  const uint64_t size_;
};

absl::StatusOr<GgufMetadata> Read(const std::string& bytes) {
  return ReadGgufMetadata(MemorySource(bytes));
}

void ExpectCorrupt(const std::string& bytes, std::string_view says) {
  const absl::Status status = Read(bytes).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(says)));
}

// A T5 with these tokens in its vocabulary.
std::string T5Gguf(const std::string& name, const std::vector<std::string>& tokens) {
  std::string texts;
  for (const std::string& token : tokens) GgufBuilder::PutText(texts, token);
  return GgufBuilder()
      .Text("general.architecture", "t5")
      .Text("general.name", name)
      .Text("tokenizer.ggml.model", "t5")
      .Array("tokenizer.ggml.tokens", 8, tokens.size(), texts)
      .Tensor("a", {32, 32}, 1, 0)
      .Build(2048);
}

TEST(GgufMetadataTest, TranslatorsTellTheirLanguages) {
  const auto capabilities = [](const std::string& bytes) {
    const auto metadata = Read(bytes);
    EXPECT_TRUE(metadata.ok()) << metadata.status();
    const auto manifest = ManifestFromGguf(*metadata, ManifestFile());
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest->capabilities;
  };
  EXPECT_THAT(capabilities(T5Gguf("MADLAD 3B",
                                  {"</s>", "<2es>", "<2pt_BR>", "\xe2\x96\x81the", "<2zh>",
                                   "<2no language at all>", "<2>", "2es>", std::string(500, 'x')})),
              ElementsAre("translate:es>*", "translate:pt-BR>*", "translate:zh>*"));
  EXPECT_THAT(capabilities(T5Gguf("t5-small", {"</s>", "a"})),
              ElementsAre("translate:en>de", "translate:en>fr", "translate:en>ro"));
  // What it was made for is not known.
  EXPECT_THAT(capabilities(T5Gguf("summaries", {"</s>", "a"})), testing::IsEmpty());
  std::vector<std::string> many;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) many.push_back(std::string("<2") + a + b + ">");
  }
  EXPECT_LE(capabilities(T5Gguf("many", many)).size(), 250U);
}

TEST(GgufMetadataTest, ReadsWhatTheHeaderSays) {
  auto metadata = Read(SmallGguf());
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->architecture, "llama");
  EXPECT_EQ(metadata->name, "Small");
  EXPECT_EQ(metadata->license, "MIT");
  EXPECT_EQ(metadata->quantization, "F16");
  EXPECT_EQ(metadata->tokenizer, "llama");
  EXPECT_EQ(metadata->context_tokens, 2048u);
  EXPECT_EQ(metadata->parameters, 2048u);
  EXPECT_EQ(metadata->tensors, 2u);
  EXPECT_TRUE(metadata->has_chat_template);
  EXPECT_FALSE(Read(SmallGguf(/*chat=*/false))->has_chat_template);
}

TEST(GgufMetadataTest, SkipsArraysAndLongTextsAndReadsVersion2) {
  GgufBuilder builder(2);
  std::string words;
  for (int i = 0; i < 1000; ++i) GgufBuilder::PutText(words, "word" + std::to_string(i));
  std::string nested;
  GgufBuilder::Put<uint32_t>(nested, 4);
  GgufBuilder::Put<uint64_t>(nested, 2);
  GgufBuilder::Put<uint64_t>(nested, 7);
  const std::string metadata_bytes =
      builder.Array("tokenizer.ggml.tokens", 8, 1000, words)
          .Array("tokenizer.ggml.scores", 6, 3, std::string(12, '\0'))
          .Array("nested", 9, 1, nested)
          .Text("tokenizer.chat_template", std::string(200000, 'x'))
          .Number("qwen2.context_length", 99)
          .Text("general.architecture", "qwen2")
          .Tensor("t", {256, 2}, 12, 0)
          .Build(288);
  auto metadata = Read(metadata_bytes);
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->context_tokens, 99u);
  EXPECT_TRUE(metadata->has_chat_template);
  // Without a file type the commonest tensor type speaks.
  EXPECT_EQ(metadata->quantization, "Q4_K");
}

TEST(GgufMetadataTest, ModelsOfVectorsAreToldByTheirPooling) {
  const auto capabilities = [](const std::string& architecture, std::optional<uint32_t> pooling) {
    GgufBuilder builder;
    builder.Text("general.architecture", architecture);
    if (pooling.has_value()) builder.Number(architecture + ".pooling_type", *pooling);
    const auto metadata = Read(builder.Tensor("t", {32}, 0, 0).Build(128));
    EXPECT_TRUE(metadata.ok()) << metadata.status();
    const auto manifest = ManifestFromGguf(*metadata, {});
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.ok() ? manifest->capabilities : std::vector<std::string>();
  };
  using testing::ElementsAre;
  EXPECT_THAT(capabilities("bert", 1), ElementsAre("language.embed"));
  EXPECT_THAT(capabilities("nomic-bert", std::nullopt), ElementsAre("language.embed"));
  EXPECT_THAT(capabilities("qwen3", 3), ElementsAre("language.embed"));
  EXPECT_THAT(capabilities("qwen3", 0), ElementsAre("language.generate"));
  EXPECT_THAT(capabilities("llama", std::nullopt), ElementsAre("language.generate"));
  // A reranker judges pairs; nothing here asks for that.
  EXPECT_THAT(capabilities("bert", 4), ElementsAre());
}

TEST(GgufMetadataTest, RefusesWhatIsNoGguf) {
  ExpectCorrupt("", "GGUF");
  ExpectCorrupt("GGU", "GGUF");
  ExpectCorrupt(std::string(1000, 'x'), "GGUF");
  ExpectCorrupt(GgufBuilder(1).Build(0), "version 1");
  ExpectCorrupt(GgufBuilder(4).Build(0), "version 4");
  ExpectCorrupt(GgufBuilder(0x03000000).Build(0), "byte order");
  ExpectCorrupt(GgufBuilder().Build(0), "architecture");
}

TEST(GgufMetadataTest, RefusesAbsurdSizesWithoutAllocatingThem) {
  ExpectCorrupt(GgufBuilder().Counts(UINT64_MAX, 0).Build(0), "tensors");
  ExpectCorrupt(GgufBuilder().Counts(0, UINT64_MAX).Build(0), "keys");
  ExpectCorrupt(GgufBuilder().Array("a", 8, UINT64_MAX / 8, "").Build(64), "elements");
  ExpectCorrupt(GgufBuilder().Array("a", 4, uint64_t{1} << 62, "").Build(64), "elements");
  ExpectCorrupt(GgufBuilder().Array("a", 99, 1, "").Build(64), "no known type");
  std::string huge_key;
  GgufBuilder::Put<uint64_t>(huge_key, uint64_t{1} << 60);
  std::string bytes = GgufBuilder().Counts(0, 1).Build(0).substr(0, 24) + huge_key;
  ExpectCorrupt(bytes, "claims to have");
  const std::string arch = "general.architecture";
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Tensor("t", {1u << 30, 1u << 30}, 0, 0).Build(64),
                "absurd");
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Tensor("t", {0}, 0, 0).Build(64), "absurd");
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Tensor("t", {1, 1, 1, 1, 1}, 0, 0).Build(64),
                "four dimensions");
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Tensor("t", {32}, 0, UINT64_MAX).Build(64),
                "beyond its end");
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Number("general.alignment", 0).Build(64),
                "alignment");
  ExpectCorrupt(GgufBuilder().Text(arch, "x").Number("general.alignment", 24).Build(64),
                "alignment");
  // Nested without end.
  std::string nested;
  for (int i = 0; i < 1000; ++i) {
    GgufBuilder::Put<uint32_t>(nested, 9);
    GgufBuilder::Put<uint64_t>(nested, 1);
  }
  ExpectCorrupt(GgufBuilder().Array("a", 9, 1, nested).Build(64), "no known type");
}

TEST(GgufMetadataTest, AHeaderThatNeverEndsIsRefused) {
  // A sparse file of a terabyte whose only key is a list of 2^37 bytes.
  const std::string bytes = GgufBuilder().Array("a", 0, uint64_t{1} << 37, "").Build(0);
  const absl::Status status = ReadGgufMetadata(MemorySource(bytes, uint64_t{1} << 40)).status();
  EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << status;
}

TEST(GgufMetadataTest, EveryTruncationIsRefused) {
  const std::string whole = SmallGguf();
  for (size_t size = 0; size < whole.size(); ++size) {
    const absl::Status status = Read(whole.substr(0, size)).status();
    EXPECT_TRUE(HasReason(status, Reason::kModelCorrupt)) << size << status;
  }
}

TEST(GgufMetadataTest, EveryFlippedBitIsSurvived) {
  const std::string whole = SmallGguf();
  // The header: what follows are weights.
  for (size_t bit = 0; bit < (whole.size() - 4096) * 8; ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    auto metadata = Read(bytes);
    if (!metadata.ok()) {
      EXPECT_TRUE(HasReason(metadata.status(), Reason::kModelCorrupt)) << metadata.status();
    }
  }
}

TEST(GgufMetadataTest, RandomHeadersAreSurvived) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = SmallGguf();
    for (int i = 0; i < 8; ++i) bytes[4 + random() % 400] = static_cast<char>(random());
    static_cast<void>(Read(bytes));
  }
}

TEST(GgufMetadataTest, WhatAFileSaysOfItselfIsMadePrintable) {
  auto metadata = Read(GgufBuilder()
                           .Text("general.architecture", "llama")
                           .Text("general.name", "a\x1b[31mb\nc")
                           .Text("general.license", "\xff\xfe")
                           .Build(0));
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->name, "a [31mb c");
  EXPECT_EQ(metadata->license, "");
}

TEST(GgufManifestTest, ChatModelsGetTheWritingTools) {
  ManifestFile file = ManifestFor("x", SmallGguf()).files[0];
  auto manifest = ManifestFromGguf(*Read(SmallGguf()), file);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->engine, "llama");
  EXPECT_EQ(manifest->family, "llama");
  EXPECT_EQ(manifest->license, "MIT");
  EXPECT_EQ(manifest->version, "F16");
  EXPECT_GT(manifest->rank, 0);
  EXPECT_THAT(manifest->capabilities,
              ElementsAre("language.generate", "writing.proofread", "writing.rewrite",
                          "writing.summarize", "writing.compose"));
  // The engine's parameters are the engine's: nothing is put there.
  EXPECT_TRUE(manifest->parameters.empty());
  auto base = ManifestFromGguf(*Read(SmallGguf(/*chat=*/false)), file);
  EXPECT_THAT(base->capabilities, ElementsAre("language.generate"));
}

TEST(GgufManifestTest, RankGrowsWithTheModel) {
  GgufMetadata metadata;
  metadata.architecture = "llama";
  metadata.tensors = 1;
  metadata.parameters = 494'000'000;
  EXPECT_EQ(ManifestFromGguf(metadata, {})->rank, 494);
  metadata.parameters = 7'000'000'000;
  EXPECT_EQ(ManifestFromGguf(metadata, {})->rank, 7000);
  EXPECT_THAT(ManifestFromGguf(metadata, {})->description, HasSubstr("7.0 B"));
}

TEST(GgufManifestTest, EmbeddingModelsGenerateNothing) {
  GgufMetadata metadata;
  metadata.architecture = "nomic-bert";
  metadata.tensors = 1;
  EXPECT_THAT(ManifestFromGguf(metadata, {})->capabilities, testing::ElementsAre("language.embed"));
}

TEST(GgufManifestTest, PartsAdaptersAndEmptyFilesAreNoModels) {
  GgufMetadata metadata;
  metadata.architecture = "llama";
  metadata.tensors = 1;
  metadata.parts = 3;
  EXPECT_THAT(ManifestFromGguf(metadata, {}).status().message(), HasSubstr("merge the parts"));
  metadata.parts = 1;
  metadata.type = "adapter";
  EXPECT_TRUE(HasReason(ManifestFromGguf(metadata, {}).status(), Reason::kFieldInvalid));
  metadata.type = "model";
  metadata.tensors = 0;
  EXPECT_TRUE(HasReason(ManifestFromGguf(metadata, {}).status(), Reason::kModelCorrupt));
}

TEST(GgufManifestTest, ReadsARealFile) {
  const std::string path = TestdataPath("llm/stories260K.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  auto metadata = ReadGgufFile(path);
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->name, "stories260K");
  EXPECT_EQ(metadata->license, "MIT");
  EXPECT_EQ(metadata->context_tokens, 512u);
  EXPECT_EQ(metadata->tensors, 47u);
  EXPECT_NEAR(static_cast<double>(metadata->parameters), 260e3, 20e3);
  EXPECT_TRUE(IsCausalLanguageModel(*metadata));
  // Cut anywhere in the weights: seen from the header alone.
  const std::string whole = *ReadFile(path, 2 << 20);
  ExpectCorrupt(whole.substr(0, whole.size() - 1), "cut off");
  ExpectCorrupt(whole.substr(0, whole.size() / 2), "cut off");
}

TEST(GgufFileTest, SaysWhatCannotBeRead) {
  TemporaryFolder folder;
  EXPECT_FALSE(ReadGgufFile(folder / "none").ok());
  EXPECT_FALSE(ReadGgufFile(folder.path()).ok());
}

}  // namespace
}  // namespace intelligenced

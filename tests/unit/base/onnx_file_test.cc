#include "runtime/base/onnx_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "tests/support/onnx_bytes.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OnnxFileTest : public testing::Test {
 protected:
  absl::StatusOr<OnnxSummary> Read(const std::string& bytes) {
    const TemporaryFolder folder;
    const std::string path = folder / "network.onnx";
    std::ofstream(path, std::ios::binary) << bytes;
    return ReadOnnxFile(path);
  }

  static OnnxParts Simple() {
    OnnxParts parts;
    parts.nodes = {OnnxNode("Relu", {"x"}, {"y"})};
    parts.inputs = {OnnxPortBytes("x", {1, 3, -1, -1}), OnnxPortBytes("w", {4})};
    parts.weights = {OnnxShapeWeight("w", {1, 2, 3, 4})};
    parts.outputs = {OnnxPortBytes("y", {1, 3, -1, -1}, kOnnxFloat16)};
    return parts;
  }
};

TEST_F(OnnxFileTest, TellsInputsOutputsAndOperators) {
  const auto summary = Read(OnnxModelBytes(Simple()));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->producer, "by hand");
  ASSERT_EQ(summary->inputs.size(), 1U) << "a weight is no input";
  EXPECT_EQ(summary->inputs[0].name, "x");
  EXPECT_EQ(summary->inputs[0].element_type, kOnnxFloat);
  EXPECT_THAT(summary->inputs[0].shape, ElementsAre(1, 3, -1, -1));
  ASSERT_NE(summary->FindOutput("y"), nullptr);
  EXPECT_EQ(summary->FindOutput("y")->element_type, kOnnxFloat16);
  EXPECT_EQ(summary->FindOutput("x"), nullptr);
  EXPECT_THAT(summary->operators, ElementsAre("Relu"));
  EXPECT_TRUE(CheckOnnxIsSelfContained(*summary).ok());
}

TEST_F(OnnxFileTest, NamesCustomOperatorsAlsoInSubgraphs) {
  OnnxParts parts = Simple();
  // An attribute with a graph (6) that has a node (1).
  const std::string inner = OnnxBytes(1, OnnxNode("Mystery", {}, {"z"}, "org.example"));
  parts.nodes.push_back(OnnxNode("If", {"x"}, {"z"}, "", OnnxBytes(5, OnnxBytes(6, inner))));
  parts.nodes.push_back(OnnxNode("Gelu", {"x"}, {"g"}, "com.microsoft"));
  const auto summary = Read(OnnxModelBytes(parts));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->custom_domains, ElementsAre("org.example"));
  const absl::Status status = CheckOnnxIsSelfContained(*summary);
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("org.example"));
}

TEST_F(OnnxFileTest, FunctionsOfTheFileAreNoCustomOperators) {
  OnnxParts parts = Simple();
  parts.nodes.push_back(OnnxNode("Own", {"x"}, {"z"}, "org.example"));
  parts.rest = OnnxBytes(25, OnnxBytes(1, "Own") + OnnxBytes(10, "org.example"));
  const auto summary = Read(OnnxModelBytes(parts));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->custom_domains, IsEmpty());
}

TEST_F(OnnxFileTest, NamesFilesWithWeights) {
  OnnxParts parts = Simple();
  parts.weights.push_back(OnnxExternalWeight("big", "../../etc/passwd"));
  const auto summary = Read(OnnxModelBytes(parts));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->external_files, ElementsAre("../../etc/passwd"));
  const absl::Status status = CheckOnnxIsSelfContained(*summary);
  EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed));
  EXPECT_THAT(std::string(status.message()), HasSubstr("passwd"));
}

TEST_F(OnnxFileTest, CountsWhatIsWantedOfFilesWithWeights) {
  const auto weight = [](const std::string& offset, const std::string& length) {
    const auto entry = [](const std::string& key, const std::string& value) {
      return OnnxBytes(13, OnnxBytes(1, key) + OnnxBytes(2, value));
    };
    return OnnxExternalWeight("w", "w.data") + entry("offset", offset) + entry("length", length);
  };
  OnnxParts parts = Simple();
  parts.weights = {weight("100", "24"), weight("50", "60"), weight("no", "number")};
  auto summary = Read(OnnxModelBytes(parts));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->external_bytes.at("w.data"), 124U);
  parts.weights.push_back(weight("18446744073709551615", "2"));
  summary = Read(OnnxModelBytes(parts));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->external_bytes.at("w.data"), ~uint64_t{0});
}

TEST_F(OnnxFileTest, EveryBeginningIsRefusedOrComplete) {
  const std::string whole = OnnxModelBytes(Simple());
  size_t refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto summary = Read(whole.substr(0, size));
    if (summary.ok()) {
      // Only fields after the graph are missing.
      EXPECT_EQ(summary->outputs.size(), 1U);
    } else {
      EXPECT_TRUE(HasReason(summary.status(), Reason::kModelCorrupt)) << summary.status();
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST_F(OnnxFileTest, BrokenFilesAreRefused) {
  std::string deep = OnnxBytes(1, OnnxNode("Relu", {}, {}));
  for (int i = 0; i < 40; ++i) {
    deep = OnnxBytes(1, OnnxNode("If", {}, {}, "", OnnxBytes(5, OnnxBytes(6, deep))));
  }
  OnnxParts no_outputs = Simple();
  no_outputs.outputs.clear();
  OnnxParts bad_name = Simple();
  bad_name.nodes = {OnnxNode("\xff\xfe", {}, {})};
  OnnxParts many;
  for (int i = 0; i < 5000; ++i) many.inputs.push_back(OnnxPortBytes("x", {1}));
  const std::string cases[] = {
      "",
      "GGUF",
      std::string(100, '\0'),
      std::string(100, '\xff'),
      OnnxNumber(1, 8),                               // no graph
      OnnxBytes(7, deep),                             // nested too deeply
      OnnxNumber(1, 8) + "\x3a\xff\xff\xff\xff\x7f",  // a graph of 34 GB
      OnnxModelBytes(no_outputs),
      OnnxModelBytes(bad_name),
      OnnxModelBytes(many),
  };
  for (const std::string& bytes : cases) {
    const auto summary = Read(bytes);
    EXPECT_TRUE(HasReason(summary.status(), Reason::kModelCorrupt))
        << bytes.substr(0, 20) << ": " << summary.status();
  }
}

TEST_F(OnnxFileTest, FoldersAndMissingFilesAreErrors) {
  const TemporaryFolder folder;
  EXPECT_FALSE(ReadOnnxFile(folder.path()).ok());
  EXPECT_FALSE(ReadOnnxFile(folder / "no such file").ok());
}

TEST_F(OnnxFileTest, FirstBytesTellOtherFormatsApart) {
  EXPECT_TRUE(MayBeOnnx(OnnxModelBytes(Simple())));
  EXPECT_FALSE(MayBeOnnx("GGUF"));
  EXPECT_FALSE(MayBeOnnx("\x89PNG"));
  EXPECT_FALSE(MayBeOnnx(""));
  EXPECT_FALSE(MayBeOnnx("\x08"));
}

TEST_F(OnnxFileTest, ReadsAPublishedNetwork) {
  const std::string path = TestdataPath("models/vision/yunet/yunet_n_320_320.onnx");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  const auto summary = ReadOnnxFile(path);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->producer, "pytorch");
  ASSERT_EQ(summary->inputs.size(), 1U);
  EXPECT_THAT(summary->inputs[0].shape, ElementsAre(1, 3, 320, 320));
  ASSERT_NE(summary->FindOutput("kps_8"), nullptr);
  EXPECT_THAT(summary->FindOutput("kps_8")->shape, ElementsAre(1, 1600, 10));
  EXPECT_THAT(summary->operators, Contains("Conv"));
  EXPECT_TRUE(CheckOnnxIsSelfContained(*summary).ok());
}

}  // namespace
}  // namespace intelligenced

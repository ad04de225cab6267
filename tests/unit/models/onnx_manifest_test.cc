#include "runtime/models/onnx_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "runtime/base/reasons.h"
#include "runtime/models/model_file.h"
#include "tests/support/onnx_bytes.h"
#include "tests/support/paths.h"
#include "tests/unit/models/test_files.h"

namespace intelligenced {
namespace {

using testing::Contains;
using testing::HasSubstr;

OnnxSummary UltralightSummary() {
  OnnxSummary summary;
  summary.inputs = {{.name = "input", .element_type = kOnnxFloat, .shape = {1, 3, 240, 320}}};
  summary.outputs = {{.name = "scores", .element_type = kOnnxFloat, .shape = {1, 4420, 2}},
                     {.name = "boxes", .element_type = kOnnxFloat, .shape = {1, 4420, 4}}};
  summary.operators = {"Conv", "Exp"};
  return summary;
}

TEST(OnnxManifestTest, AKnownNetworkGetsItsFamilyAndCapabilities) {
  ManifestFile file;
  file.name = "mine.onnx";
  const auto manifest = ManifestFromOnnx(UltralightSummary(), file);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->engine, "onnx");
  EXPECT_EQ(manifest->family, "ultralight");
  EXPECT_THAT(manifest->capabilities, Contains("vision.detect-face-rectangles"));
  ASSERT_EQ(manifest->files.size(), 1U);
  EXPECT_EQ(manifest->files[0].role, "model");
  EXPECT_EQ(manifest->files[0].name, "mine.onnx");
  EXPECT_THAT(manifest->description, HasSubstr("1×3×240×320"));
}

TEST(OnnxManifestTest, OtherNetworksAreRunOnTensors) {
  EXPECT_THAT(ManifestFromOnnx(UltralightSummary(), {})->capabilities, Contains("tensor.run"));
  OnnxSummary raw = UltralightSummary();
  raw.operators.erase("Exp");  // boxes that are not decoded
  EXPECT_EQ(ManifestFromOnnx(raw, {})->family, "tensor");
  OnnxSummary other = UltralightSummary();
  other.outputs[1].shape = {1, -1, 5};
  const auto manifest = ManifestFromOnnx(other, {});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->family, "tensor");
  EXPECT_THAT(manifest->capabilities, testing::ElementsAre("tensor.run"));
  EXPECT_THAT(manifest->description, HasSubstr("boxes 1×?×5"));
}

TEST(OnnxManifestTest, WhatLiesElsewhereIsRefused) {
  OnnxSummary custom = UltralightSummary();
  custom.custom_domains = {"org.example"};
  EXPECT_TRUE(HasReason(ManifestFromOnnx(custom, {}).status(), Reason::kFieldInvalid));
  OnnxSummary external = UltralightSummary();
  external.external_files = {"../weights.bin"};
  EXPECT_TRUE(HasReason(ManifestFromOnnx(external, {}).status(), Reason::kFieldInvalid));
}

// Those that were imported before there was such a thing, too.
TEST(OnnxManifestTest, EveryNetworkCanBeRunOnTensors) {
  Manifest manifest;
  manifest.engine = "onnx";
  manifest.capabilities = {"vision.classify-image"};
  EXPECT_TRUE(manifest.HasCapability(kTensorCapability));
  manifest.engine = "llama";
  EXPECT_FALSE(manifest.HasCapability(kTensorCapability));
}

TEST(OnnxManifestTest, FilesAreToldApartByTheirBytes) {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  const auto read = [&](const std::string& bytes, const std::string& family = "") {
    WriteTestFile(path, bytes);
    ManifestFile file;
    file.name = "mine";
    return ManifestFromModelFile(path, file, family);
  };
  const auto gguf = read(SmallGguf());
  ASSERT_TRUE(gguf.ok()) << gguf.status();
  EXPECT_EQ(gguf->files[0].name, "mine.gguf");
  OnnxParts parts;
  parts.nodes = {OnnxNode("Exp", {"input"}, {"boxes"})};
  parts.inputs = {OnnxPortBytes("input", {1, 3, 240, 320})};
  parts.outputs = {OnnxPortBytes("scores", {1, 4420, 2}), OnnxPortBytes("boxes", {1, 4420, 4})};
  const std::string bytes = OnnxModelBytes(parts);
  const auto onnx = read(bytes);
  ASSERT_TRUE(onnx.ok()) << onnx.status();
  EXPECT_EQ(onnx->family, "ultralight");
  EXPECT_EQ(onnx->files[0].name, "mine.onnx");
  EXPECT_TRUE(HasReason(read(bytes.substr(0, 60)).status(), Reason::kModelCorrupt));
  // What is said comes before what is told.
  EXPECT_EQ(read(bytes, "yunet")->family, "yunet");
  EXPECT_EQ(read(bytes, "tensor")->family, "tensor");
  EXPECT_THAT(read(bytes, "tensor")->capabilities, testing::ElementsAre("tensor.run"));
  const absl::Status unknown = read(bytes, "mediapipe-pose").status();
  EXPECT_TRUE(HasReason(unknown, Reason::kFieldInvalid)) << unknown;
  EXPECT_EQ(FactsOf(unknown).field, "header.family");
  EXPECT_THAT(unknown.message(), HasSubstr("face-mesh"));
  EXPECT_TRUE(HasReason(read(SmallGguf(), "yunet").status(), Reason::kFieldInvalid));
  EXPECT_TRUE(HasReason(read("neither").status(), Reason::kModelCorrupt));
  EXPECT_TRUE(HasReason(read("").status(), Reason::kModelCorrupt));
}

TEST(OnnxManifestTest, TensorFlowLiteNeedsAFamily) {
  const TemporaryFolder folder;
  const std::string path = folder / "model";
  WriteTestFile(path, std::string("\x1c\0\0\0TFL3", 8) + std::string(100, '\0'));
  ManifestFile file;
  file.name = "mine";
  const auto manifest = ManifestFromModelFile(path, file, "face-mesh");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->engine, "onnx");
  EXPECT_EQ(manifest->family, "face-mesh");
  EXPECT_EQ(manifest->files[0].name, "mine.tflite");
  EXPECT_EQ(manifest->files[0].role, "model");
  // Not on tensors, too.
  EXPECT_THAT(manifest->capabilities, testing::ElementsAre("vision.detect-face-landmarks"));
  for (const char* const family : {"", "tensor", "nobody"}) {
    const absl::Status status = ManifestFromModelFile(path, file, family).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    EXPECT_EQ(FactsOf(status).field, "header.family");
  }
  WriteTestFile(path, "TFL3");
  EXPECT_FALSE(ManifestFromModelFile(path, file, "face-mesh").ok());
}

struct Published {
  const char* path;
  const char* family;
};

class PublishedManifestTest : public testing::TestWithParam<Published> {};

TEST_P(PublishedManifestTest, TheFamilyIsTold) {
  const std::string path = TestdataPath(GetParam().path);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  const auto manifest = ManifestFromModelFile(path, {});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->family, GetParam().family);
}

INSTANTIATE_TEST_SUITE_P(
    Published, PublishedManifestTest,
    testing::Values(
        Published{"models/vision/yunet/yunet_n_320_320.onnx", "yunet"},
        Published{"models/vision/yunet/yunet_s_dynamic.onnx", "yunet"},
        Published{"models/vision/ultralight/version-RFB-320.onnx", "ultralight"},
        Published{"models/vision/ultralight/version-slim-320.onnx", "ultralight"},
        Published{"models/vision/ultralight/version-RFB-320_without_postprocessing.onnx", "tensor"},
        Published{"models/vision/mediapipe_onnx/face_landmark.onnx", "face-mesh"},
        Published{"models/vision/mediapipe_onnx/hand_landmark_lite.onnx", "mediapipe-handpose"},
        Published{"models/vision/mediapipe_onnx/selfie_segmentation_landscape.onnx",
                  "selfie-segmentation"},
        Published{"models/vision/mediapipe_onnx/palm_detection_lite.onnx", "tensor"},
        Published{"models/vision/mediapipe_onnx/iris_landmark.onnx", "tensor"},
        Published{"models/vision/classify/SqueezeNet_fp16.onnx", "squeezenet"},
        Published{"models/ocr/ch_PP-OCRv2_det_infer.onnx", "ppocr-det"},
        Published{"models/ocr/ch_PP-OCRv3_det_infer.onnx", "ppocr-det"},
        Published{"models/ocr/ppocrv4_cls.onnx", "tensor"},
        Published{"models/vision/classify/mnist.onnx", "tensor"},
        Published{"models/speech/silero_vad.onnx", "tensor"},
        Published{"models/diffusion/style_transfer/candy.onnx", "tensor"}));

}  // namespace
}  // namespace intelligenced

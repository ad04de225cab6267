// Where a network's time goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/measure/profile.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;

TEST(ProfileTest, AddsUpNodesAfterTheWarmUp) {
  const auto node = [](const char* name, int duration, const char* op, int index,
                       const char* provider = "CPUExecutionProvider") {
    return std::string(R"({"cat":"Node","dur":)") + std::to_string(duration) + R"(,"name":")" +
           name + R"(","args":{"op_name":")" + op + R"(","provider":")" + provider +
           R"(","node_index":")" + std::to_string(index) + R"("}})";
  };
  const std::string json = R"([{"cat":"Session","dur":5,"name":"model_run"},)" +
                           node("conv_kernel_time", 1000, "Conv", 0) + "," +
                           node("relu_kernel_time", 900, "Relu", 1) + "," +
                           node("conv_fence_before", 7, "Conv", 0) + "," +
                           node("conv_kernel_time", 10, "Conv", 0) + "," +
                           node("relu_kernel_time", 3, "Relu", 1, "Other") + "," +
                           node("conv_kernel_time", 20, "Conv", 0) + "]";
  const auto nodes = ReadProfile(json, 1);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_EQ((*nodes)[0].name, "conv");
  EXPECT_EQ((*nodes)[0].operation, "Conv");
  EXPECT_EQ((*nodes)[0].provider, "CPUExecutionProvider");
  EXPECT_EQ((*nodes)[0].microseconds, 30);
  EXPECT_EQ((*nodes)[0].count, 2U);
  EXPECT_EQ((*nodes)[1].count, 1U);
}

TEST(ProfileTest, WhatIsNoProfileIsRefused) {
  for (const char* const json :
       {"", "{}", "[", "[]", "[1, null, \"x\"]", R"([{"cat":"Node","name":5}])",
        R"([{"cat":"Node","name":"a_kernel_time","args":7}])"}) {
    EXPECT_TRUE(HasReason(ReadProfile(json, 0).status(), Reason::kEngineFailure)) << json;
  }
}

class MeasureTest : public testing::Test {
 protected:
  // What the measurement says; progress came before it.
  absl::StatusOr<engine_proto::Measurement> Measure(const engine_proto::ModelSpec& spec,
                                                    bool details = true) {
    auto model = engine_->Load(spec, {});
    if (!model.ok()) return model.status();
    engine_proto::Task task;
    task.mutable_measure()->set_details(details);
    auto job = (*model)->Start(task, {});
    if (!job.ok()) return job.status();
    Job* const jobs[] = {job->get()};
    uint64_t progress = 0;
    while (true) {
      auto outputs = (*model)->Step(jobs, {.budget = absl::ZeroDuration()});
      if (!outputs.ok()) return outputs.status();
      const JobOutput& output = outputs->front();
      if (!output.status.ok()) return output.status;
      for (const engine_proto::Event& event : output.events) {
        if (event.has_progress()) {
          EXPECT_GE(event.progress().done(), progress);
          EXPECT_LE(event.progress().done(), event.progress().total());
          progress = event.progress().done();
        }
        if (event.has_measurement()) return event.measurement();
      }
      EXPECT_FALSE(output.done);
      if (output.done) return absl::InternalError("no result");
    }
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
};

TEST_F(MeasureTest, NamesEveryOperationAndWhoRanIt) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("MatMul", {"x", "x"}, {"a"}), OnnxNode("Exp", {"a"}, {"b"}),
                 OnnxNode("MatMul", {"b", "x"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {256, 256})};
  parts.outputs = {OnnxPortBytes("y", {256, 256})};
  const OnnxTestFile file(OnnxModelBytes(parts));
  const auto measured = Measure(SpecFor("tensor", file.path()));
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_GT(measured->run_microseconds(), 0);
  EXPECT_GE(measured->runs(), 3U);
  EXPECT_EQ(measured->threads(), 2U);
  EXPECT_EQ(measured->weight_bytes(), std::filesystem::file_size(file.path()));
  // At least two of the values of 256 KiB live at the same time.
  EXPECT_GE(measured->working_bytes(), 2U * 256 * 256 * sizeof(float));
  ASSERT_EQ(measured->partitions_size(), 1);
  EXPECT_EQ(measured->partitions(0).provider(), "CPUExecutionProvider");
  EXPECT_EQ(measured->partitions(0).operations(), 3U);
  EXPECT_NEAR(measured->partitions(0).share(), 1, 1e-6);
  double kinds = 0, nodes = 0;
  for (const engine_proto::OperationTime& one : measured->operations()) {
    EXPECT_EQ(one.provider(), "CPUExecutionProvider");
    (one.phase() == "run" ? kinds : nodes) += one.share();
  }
  EXPECT_NEAR(kinds, 1, 1e-6);
  EXPECT_NEAR(nodes, 1, 1e-6);
  EXPECT_EQ(measured->operations(0).phase(), "run");
  EXPECT_EQ(measured->operations(0).operation(), "MatMul") << "the products take longest";
  EXPECT_EQ(measured->operations(0).count(), 2U);
}

TEST_F(MeasureTest, AFamilysNetworkIsMeasuredAsLargeAsItIsUsed) {
  const std::string path = TestdataPath("models/vision/yunet/yunet_n_dynamic.onnx");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data";
  const auto measured = Measure(SpecFor("yunet", path));
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_GT(measured->run_microseconds(), 500) << "640 pixels, not one";
  bool convolutions = false;
  for (const auto& one : measured->operations()) {
    convolutions |= one.operation().find("Conv") != std::string::npos;
  }
  EXPECT_TRUE(convolutions);
}

TEST_F(MeasureTest, WithoutDetailsOnlyTheTime) {
  const OnnxTestFile file(UltralightBytes());
  const auto measured = Measure(SpecFor("ultralight", file.path()), false);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_EQ(measured->runs(), 20U);
  EXPECT_EQ(measured->operations_size(), 0);
}

TEST_F(MeasureTest, ANetworkThatCannotRunOnMadeUpInputSaysSo) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Reshape", {"x", "shape"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {4}), OnnxPortBytes("shape", {2}, 7)};
  parts.outputs = {OnnxPortBytes("y", {-1, -1})};
  const OnnxTestFile file(OnnxModelBytes(parts));
  const absl::Status status = Measure(SpecFor("tensor", file.path())).status();
  EXPECT_TRUE(HasReason(status, Reason::kEngineFailure) || status.ok()) << status;
  if (!status.ok()) EXPECT_THAT(std::string(status.message()), HasSubstr("made-up input"));
}

}  // namespace
}  // namespace intelligenced

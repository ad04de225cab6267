// Networks of any kind, run on tensors: made by hand, by ONNX Runtime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engine/tensor_check.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "runtime/engines/onnx/onnx_session.h"
#include "runtime/engines/onnx/tensors.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using engine_proto::RunModelTask;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kInt64 = 7, kString = 8, kBool = 9;

// x and y of the same batch: their sum, and x times itself.
OnnxParts TwoOutputs(int type = kInt64) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Add", {"x", "y"}, {"sum"}), OnnxNode("Mul", {"x", "x"}, {"square"})};
  parts.inputs = {OnnxPortBytes("x", {-1, 2}, type), OnnxPortBytes("y", {-1, 2}, type)};
  parts.outputs = {OnnxPortBytes("sum", {-1, 2}, type), OnnxPortBytes("square", {-1, 2}, type)};
  return parts;
}

template <typename T>
void AddInput(const std::string& name, engine_proto::TensorType type,
              const std::vector<int64_t>& shape, const std::vector<T>& values, RunModelTask* task) {
  engine_proto::Tensor& tensor = *task->add_inputs();
  tensor.set_name(name);
  tensor.set_type(type);
  for (const int64_t extent : shape) tensor.add_shape(extent);
  tensor.set_data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <typename T>
std::vector<T> Values(const engine_proto::Tensor& tensor) {
  std::vector<T> values(tensor.data().size() / sizeof(T));
  std::memcpy(values.data(), tensor.data().data(), values.size() * sizeof(T));
  return values;
}

class TensorRunTest : public testing::Test {
 protected:
  void Load(const std::string& bytes, const std::string& family = "tensor") {
    file_ = std::make_unique<OnnxTestFile>(bytes);
    auto model = engine_->Load(SpecFor(family, file_->path()), {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }
  JobOutput Run(const engine_proto::Task& task) {
    JobOutput output;
    auto job = model_->Start(task, {});
    if (!job.ok()) {
      output.status = job.status();
      return output;
    }
    Job* const jobs[] = {job->get()};
    auto outputs = model_->Step(jobs, {.budget = absl::InfiniteDuration()});
    EXPECT_TRUE(outputs.ok());
    return outputs->front();
  }
  absl::StatusOr<engine_proto::TensorResult> Run(const RunModelTask& tensors) {
    engine_proto::Task task;
    *task.mutable_run_model() = tensors;
    JobOutput output = Run(task);
    if (!output.status.ok()) return output.status;
    EXPECT_EQ(output.events.size(), 2U);
    EXPECT_TRUE(output.events.back().has_completed());
    return output.events.front().tensors();
  }
  std::string FieldOf(const RunModelTask& task) {
    const absl::Status status = Run(task).status();
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
    last_message_ = std::string(status.message());
    return FactsOf(status).field;
  }
  static RunModelTask Good(int64_t batch = 1) {
    RunModelTask task;
    std::vector<int64_t> x, y;
    for (int64_t i = 0; i < batch * 2; ++i) {
      x.push_back(i + 3);
      y.push_back(100);
    }
    AddInput("y", engine_proto::TENSOR_TYPE_INT64, {batch, 2}, y, &task);
    AddInput("x", engine_proto::TENSOR_TYPE_INT64, {batch, 2}, x, &task);
    return task;
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  std::unique_ptr<OnnxTestFile> file_;
  std::unique_ptr<Model> model_;
  std::string last_message_;
};

TEST_F(TensorRunTest, TellsWhatItTakesAndGives) {
  Load(OnnxModelBytes(TwoOutputs()));
  EXPECT_THAT(model_->info().task_kinds(),
              ElementsAre(engine_proto::TASK_KIND_RUN_MODEL, engine_proto::TASK_KIND_MEASURE));
  engine_proto::Task task;
  task.mutable_run_model()->set_signature_only(true);
  const JobOutput output = Run(task);
  ASSERT_TRUE(output.status.ok()) << output.status;
  const engine_proto::ModelSignature& signature = output.events[0].signature();
  ASSERT_EQ(signature.inputs_size(), 2);
  EXPECT_EQ(signature.inputs(0).name(), "x");
  EXPECT_EQ(signature.inputs(0).type(), engine_proto::TENSOR_TYPE_INT64);
  EXPECT_THAT(signature.inputs(0).shape(), ElementsAre(-1, 2));
  EXPECT_THAT(signature.inputs(0).dimension_names(), ElementsAre("n", ""));
  EXPECT_EQ(signature.outputs(1).name(), "square");
}

TEST_F(TensorRunTest, GivesAllOutputsOrThoseAskedFor) {
  Load(OnnxModelBytes(TwoOutputs()));
  RunModelTask task = Good(2);
  auto result = Run(task);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs_size(), 2);
  EXPECT_EQ(result->outputs(0).name(), "sum");
  EXPECT_THAT(result->outputs(0).shape(), ElementsAre(2, 2));
  EXPECT_THAT(Values<int64_t>(result->outputs(0)), ElementsAre(103, 104, 105, 106));
  EXPECT_THAT(Values<int64_t>(result->outputs(1)), ElementsAre(9, 16, 25, 36));
  task.add_outputs("square");
  task.add_outputs("sum");
  result = Run(task);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outputs(0).name(), "square");
  EXPECT_EQ(result->outputs(1).name(), "sum");
  // None at all is a shape too.
  result = Run(Good(0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->outputs(0).shape(), ElementsAre(0, 2));
  EXPECT_EQ(result->outputs(0).data(), "");
}

TEST_F(TensorRunTest, WhatDoesNotFitIsNamed) {
  Load(OnnxModelBytes(TwoOutputs()));
  RunModelTask task = Good();
  task.mutable_inputs(1)->set_name("z");
  EXPECT_EQ(FieldOf(task), "inputs[1].name");
  EXPECT_THAT(last_message_, HasSubstr("x, y"));
  task = Good();
  task.mutable_inputs()->RemoveLast();
  EXPECT_EQ(FieldOf(task), "inputs");
  EXPECT_THAT(last_message_, HasSubstr("The input x is missing"));
  task = Good();
  task.mutable_inputs(0)->set_type(engine_proto::TENSOR_TYPE_FLOAT64);
  EXPECT_EQ(FieldOf(task), "inputs[0].type");
  EXPECT_THAT(last_message_, HasSubstr("y takes INT64 ?×2, not FLOAT64 1×2"));
  task = Good();
  task.mutable_inputs(0)->clear_shape();
  task.mutable_inputs(0)->add_shape(2);
  EXPECT_EQ(FieldOf(task), "inputs[0].shape");
  // Dimensions of one name.
  task = Good();
  *task.mutable_inputs(0) = Good(2).inputs(0);
  EXPECT_EQ(FieldOf(task), "inputs[1].shape");
  EXPECT_THAT(last_message_, HasSubstr("The dimension \"n\" of the tensor x is 1, and of y 2"));
  task = Good();
  task.add_outputs("difference");
  EXPECT_EQ(FieldOf(task), "outputs[0]");
  EXPECT_THAT(last_message_, HasSubstr("sum, square"));
  task = Good();
  task.mutable_inputs(0)->set_data("short");
  EXPECT_EQ(FieldOf(task), "inputs[0].data");
  engine_proto::Task picture = TaskOn(GreyImage(4, 4));
  picture.mutable_vision()->add_requests()->mutable_detect_face_rectangles();
  EXPECT_TRUE(HasReason(Run(picture).status, Reason::kFieldInvalid)) << "it sees nothing";
}

// PaddlePaddle's exporter names every open dimension "?".
TEST_F(TensorRunTest, AQuestionMarkIsNoName) {
  const std::string open = OnnxBytes(1, OnnxBytes(2, "?"));
  const auto port = [&](const char* name) {
    return OnnxBytes(1, name) +
           OnnxBytes(2, OnnxBytes(1, OnnxNumber(1, kInt64) + OnnxBytes(2, open + open)));
  };
  OnnxParts parts;
  parts.nodes = {OnnxNode("Abs", {"x"}, {"y"})};
  parts.inputs = {port("x")};
  parts.outputs = {port("y")};
  Load(OnnxModelBytes(parts));
  RunModelTask task;
  AddInput<int64_t>("x", engine_proto::TENSOR_TYPE_INT64, {1, 3}, {-1, 2, -3}, &task);
  const auto result = Run(task);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Values<int64_t>(result->outputs(0)), ElementsAre(1, 2, 3));
}

TEST_F(TensorRunTest, StringsBooleansAndHalves) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Identity", {"text"}, {"same"}), OnnxNode("Not", {"flag"}, {"other"}),
                 OnnxNode("Neg", {"half"}, {"minus"})};
  parts.inputs = {OnnxPortBytes("text", {-1}, kString), OnnxPortBytes("flag", {2}, kBool),
                  OnnxPortBytes("half", {1}, 10)};
  parts.outputs = {OnnxPortBytes("same", {-1}, kString), OnnxPortBytes("other", {2}, kBool),
                   OnnxPortBytes("minus", {1}, 10)};
  Load(OnnxModelBytes(parts));
  RunModelTask task;
  AddInput<uint8_t>("flag", engine_proto::TENSOR_TYPE_BOOL, {2}, {0, 1}, &task);
  AddInput<uint16_t>("half", engine_proto::TENSOR_TYPE_FLOAT16, {1}, {0x3c00}, &task);
  AddInput<uint8_t>("text", engine_proto::TENSOR_TYPE_STRING, {3}, {}, &task);
  for (const char* const text : {"Grüße", "", "three"}) task.mutable_inputs(2)->add_strings(text);
  const auto result = Run(task);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->outputs(0).strings(), ElementsAre("Grüße", "", "three"));
  EXPECT_THAT(Values<uint8_t>(result->outputs(1)), ElementsAre(1, 0));
  EXPECT_THAT(Values<uint16_t>(result->outputs(2)), ElementsAre(0xbc00));
}

TEST_F(TensorRunTest, ANetworkOfAFamilyIsRunOnTensorsToo) {
  Load(UltralightBytes(), "ultralight");
  RunModelTask task;
  AddInput("input", engine_proto::TENSOR_TYPE_FLOAT32, {1, 3, 6, 8}, std::vector<float>(144, 0.5F),
           &task);
  task.add_outputs("scores");
  const auto result = Run(task);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->outputs(0).shape(), ElementsAre(1, 3, 2));
  EXPECT_EQ(Values<float>(result->outputs(0))[5], 0.5F);
  // A family that nobody here knows.
  Load(OnnxModelBytes(TwoOutputs()), "plate");
  EXPECT_TRUE(Run(Good()).ok());
}

// A few bytes in, gigabytes out: refused before they are copied, and the network stays.
TEST_F(TensorRunTest, AnAnswerThatIsTooLargeIsRefused) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Expand", {"x", "shape"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {1}), OnnxPortBytes("shape", {1}, kInt64)};
  parts.outputs = {OnnxPortBytes("y", {-1})};
  Load(OnnxModelBytes(parts));
  RunModelTask task;
  AddInput<float>("x", engine_proto::TENSOR_TYPE_FLOAT32, {1}, {1}, &task);
  AddInput<int64_t>("shape", engine_proto::TENSOR_TYPE_INT64, {1}, {(16 << 20) + 1}, &task);
  EXPECT_EQ(FieldOf(task), "outputs");
  EXPECT_THAT(last_message_, HasSubstr("67108868 bytes"));
  task.mutable_inputs(1)->set_data(std::string(8, '\0'));
  EXPECT_TRUE(Run(task).ok());
  // More than there is on any machine.
  const int64_t huge = int64_t{1} << 60;
  task.mutable_inputs(1)->set_data(reinterpret_cast<const char*>(&huge), sizeof(huge));
  const absl::Status status = Run(task).status();
  EXPECT_TRUE(HasReason(status, Reason::kEngineFailure) ||
              HasReason(status, Reason::kMemoryInsufficient))
      << status;
  task.mutable_inputs(1)->set_data(std::string(8, '\0'));
  EXPECT_TRUE(Run(task).ok());
}

TEST_F(TensorRunTest, WhatTheLibrarySaysIsPassedOn) {
  OnnxParts parts;
  parts.nodes = {OnnxNode("Reshape", {"x", "shape"}, {"y"})};
  parts.inputs = {OnnxPortBytes("x", {4}), OnnxPortBytes("shape", {1}, kInt64)};
  parts.outputs = {OnnxPortBytes("y", {-1})};
  Load(OnnxModelBytes(parts));
  RunModelTask task;
  AddInput("x", engine_proto::TENSOR_TYPE_FLOAT32, {4}, std::vector<float>(4), &task);
  AddInput<int64_t>("shape", engine_proto::TENSOR_TYPE_INT64, {1}, {3}, &task);
  const absl::Status status = Run(task).status();
  EXPECT_TRUE(HasReason(status, Reason::kEngineFailure)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Reshape"));
}

TEST_F(TensorRunTest, ACancelEndsARun) {
  Load(OnnxModelBytes(TwoOutputs()));
  CancelSource source;
  engine_proto::Task task;
  *task.mutable_run_model() = Good();
  auto job = model_->Start(task, source.token());
  ASSERT_TRUE(job.ok());
  source.Cancel();
  Job* const jobs[] = {job->get()};
  auto outputs = model_->Step(jobs, {.budget = absl::ZeroDuration()});
  ASSERT_TRUE(outputs.ok());
  EXPECT_TRUE(HasReason(outputs->front().status, Reason::kCancelled));
}

// Any shape that PlanTensors takes fits, and the library computes with it; any other is refused.
TEST_F(TensorRunTest, RandomShapesAreRunOrRefused) {
  Load(OnnxModelBytes(TwoOutputs()));
  uint64_t state = 11;
  const auto next = [&](uint64_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  int taken = 0;
  for (int round = 0; round < 2000; ++round) {
    RunModelTask task;
    std::vector<std::vector<int64_t>> shapes;
    const auto batch = static_cast<int64_t>(next(4));
    for (const char* const name : {"x", "y"}) {
      // Right, or of any rank, or wrong in one place.
      std::vector<int64_t> shape = {batch, 2};
      if (next(3) == 0) shape.resize(1 + next(3), 2);
      if (next(3) == 0) shape[next(shape.size())] = static_cast<int64_t>(next(4));
      int64_t count = 1;
      for (const int64_t extent : shape) count *= extent;
      AddInput(name, engine_proto::TENSOR_TYPE_INT64, shape,
               std::vector<int64_t>(static_cast<size_t>(count), 1), &task);
      shapes.push_back(shape);
    }
    const bool fits = shapes[0].size() == 2 && shapes[1].size() == 2 && shapes[0][1] == 2 &&
                      shapes[1][1] == 2 && shapes[0][0] == shapes[1][0];
    const auto result = Run(task);
    ASSERT_EQ(result.ok(), fits) << result.status() << task.ShortDebugString();
    if (!fits) ASSERT_TRUE(HasReason(result.status(), Reason::kFieldInvalid));
    taken += fits ? 1 : 0;
  }
  EXPECT_GT(taken, 10);
}

TEST(MakeUpTensorsTest, FitsWhatTheNetworkTakes) {
  engine_proto::ModelSignature signature;
  engine_proto::TensorSpec& spec = *signature.add_inputs();
  spec.set_name("x");
  spec.set_type(engine_proto::TENSOR_TYPE_FLOAT32);
  for (const int64_t extent : {-1, 3, -1}) spec.add_shape(extent);
  *signature.add_outputs() = spec;
  auto task = MakeUpTensors(signature, {});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_THAT(task->inputs(0).shape(), ElementsAre(1, 3, 1));
  EXPECT_TRUE(PlanTensors(signature, *task).ok());
  task = MakeUpTensors(signature, {{"x", {1, 3, 64}}});
  ASSERT_TRUE(task.ok());
  EXPECT_THAT(task->inputs(0).shape(), ElementsAre(1, 3, 64));
  EXPECT_EQ(task->inputs(0).data().size(), 3 * 64 * sizeof(float));
  spec = signature.inputs(0);
  signature.mutable_inputs(0)->set_type(engine_proto::TENSOR_TYPE_UNSPECIFIED);
  EXPECT_FALSE(MakeUpTensors(signature, {}).ok());
  signature.mutable_inputs(0)->set_type(engine_proto::TENSOR_TYPE_STRING);
  task = MakeUpTensors(signature, {});
  ASSERT_TRUE(task.ok());
  EXPECT_EQ(task->inputs(0).strings_size(), 3);
  EXPECT_FALSE(MakeUpTensors(signature, {{"x", {1 << 30, 3, 1 << 30}}}).ok());
}

}  // namespace
}  // namespace intelligenced

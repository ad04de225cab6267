#include "runtime/engine/tensor_check.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

proto::RunModelTask TaskOf(proto::TensorType type, const std::vector<int64_t>& shape,
                           size_t bytes) {
  proto::RunModelTask task;
  proto::Tensor& tensor = *task.add_inputs();
  tensor.set_name("x");
  tensor.set_type(type);
  for (const int64_t extent : shape) tensor.add_shape(extent);
  tensor.set_data(std::string(bytes, '\0'));
  return task;
}

std::string FieldOf(const proto::RunModelTask& task) {
  const absl::Status status = CheckTensors(task);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  return FactsOf(status).field;
}

TEST(TensorCheckTest, EveryTypeHasItsSize) {
  const std::pair<proto::TensorType, size_t> sizes[] = {
      {proto::TENSOR_TYPE_FLOAT32, 4}, {proto::TENSOR_TYPE_FLOAT16, 2},
      {proto::TENSOR_TYPE_FLOAT64, 8}, {proto::TENSOR_TYPE_INT8, 1},
      {proto::TENSOR_TYPE_UINT8, 1},   {proto::TENSOR_TYPE_INT16, 2},
      {proto::TENSOR_TYPE_UINT16, 2},  {proto::TENSOR_TYPE_INT32, 4},
      {proto::TENSOR_TYPE_UINT32, 4},  {proto::TENSOR_TYPE_INT64, 8},
      {proto::TENSOR_TYPE_UINT64, 8},  {proto::TENSOR_TYPE_BOOL, 1}};
  for (const auto& [type, bytes] : sizes) {
    EXPECT_TRUE(CheckTensors(TaskOf(type, {2, 3}, 6 * bytes)).ok());
    EXPECT_TRUE(CheckTensors(TaskOf(type, {}, bytes)).ok()) << "a single value";
    EXPECT_TRUE(CheckTensors(TaskOf(type, {3, 0}, 0)).ok()) << "none";
    EXPECT_EQ(FieldOf(TaskOf(type, {2, 3}, 6 * bytes + 1)), "inputs[0].data");
    EXPECT_EQ(FieldOf(TaskOf(type, {2, 3}, 0)), "inputs[0].data");
  }
  EXPECT_EQ(FieldOf(TaskOf(proto::TENSOR_TYPE_UNSPECIFIED, {1}, 1)), "inputs[0].type");
  EXPECT_EQ(FieldOf(TaskOf(static_cast<proto::TensorType>(99), {1}, 1)), "inputs[0].type");
}

TEST(TensorCheckTest, HostileShapes) {
  const int64_t huge = int64_t{1} << 40;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{-1},
                                            {2, -1},
                                            {huge},
                                            {1 << 16, 1 << 16},
                                            {huge, huge, huge, huge},
                                            {INT64_MAX, INT64_MAX},
                                            {INT64_MIN},
                                            {0, -1},
                                            {1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
    EXPECT_EQ(FieldOf(TaskOf(proto::TENSOR_TYPE_INT8, shape, 1)), "inputs[0].shape");
  }
  // Whatever the others are, nothing times something is nothing.
  EXPECT_TRUE(CheckTensors(TaskOf(proto::TENSOR_TYPE_INT8, {huge, huge, 0}, 0)).ok());
}

// The count is exact wherever it is given, and is given wherever it is within bounds.
TEST(TensorCheckTest, CountsOfRandomShapes) {
  constexpr __int128 kFar = __int128{1} << 100;
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<int64_t> shape(random() % 9);
    __int128 exact = 1;
    bool zero = false, negative = false;
    for (int64_t& extent : shape) {
      const unsigned bits = random() % 24;
      extent = static_cast<int64_t>(random() & ((uint64_t{1} << bits) - 1));
      if (random() % 40 == 0) extent = -extent;
      zero |= extent == 0;
      negative |= extent < 0;
      if (-kFar < exact && exact < kFar) exact *= extent;
    }
    int64_t count = -1;
    const bool counted = CountTensorValues(shape, &count);
    const bool within = !negative && (zero || exact <= kMaxTensorValues);
    ASSERT_EQ(counted, within) << round;
    if (counted) ASSERT_EQ(count, zero ? 0 : static_cast<int64_t>(exact)) << round;
  }
}

TEST(TensorCheckTest, StringsAndBooleans) {
  proto::RunModelTask task = TaskOf(proto::TENSOR_TYPE_STRING, {2}, 0);
  EXPECT_EQ(FieldOf(task), "inputs[0].strings");
  task.mutable_inputs(0)->add_strings("a");
  task.mutable_inputs(0)->add_strings("");
  EXPECT_TRUE(CheckTensors(task).ok());
  task.mutable_inputs(0)->set_strings(1, std::string("a\0b", 3));
  EXPECT_EQ(FieldOf(task), "inputs[0].strings");
  task.mutable_inputs(0)->set_strings(1, "");
  task.mutable_inputs(0)->set_data("x");
  EXPECT_EQ(FieldOf(task), "inputs[0].data");
  task = TaskOf(proto::TENSOR_TYPE_FLOAT32, {1}, 4);
  task.mutable_inputs(0)->add_strings("a");
  EXPECT_EQ(FieldOf(task), "inputs[0].strings");
  task = TaskOf(proto::TENSOR_TYPE_BOOL, {2}, 0);
  task.mutable_inputs(0)->set_data("\1\2");
  EXPECT_EQ(FieldOf(task), "inputs[0].data");
}

TEST(TensorCheckTest, NamesAndNumbers) {
  proto::RunModelTask task = TaskOf(proto::TENSOR_TYPE_INT8, {1}, 1);
  *task.add_inputs() = task.inputs(0);
  EXPECT_EQ(FieldOf(task), "inputs[1].name");
  task.mutable_inputs(1)->clear_name();
  EXPECT_EQ(FieldOf(task), "inputs[1].name");
  task.mutable_inputs(1)->set_name(std::string(1025, 'x'));
  EXPECT_EQ(FieldOf(task), "inputs[1].name");
  task = TaskOf(proto::TENSOR_TYPE_INT8, {1}, 1);
  task.add_outputs("y");
  EXPECT_TRUE(CheckTensors(task).ok());
  task.add_outputs("y");
  EXPECT_EQ(FieldOf(task), "outputs[1]");
  task.set_outputs(1, "");
  EXPECT_EQ(FieldOf(task), "outputs[1]");
  task.Clear();
  for (int i = 0; i <= kMaxTensors; ++i) task.add_inputs();
  EXPECT_EQ(FieldOf(task), "inputs");
}

TEST(TensorCheckTest, TooMuchOfAll) {
  proto::RunModelTask task = TaskOf(proto::TENSOR_TYPE_INT8, {int64_t{33} << 20}, size_t{33} << 20);
  EXPECT_TRUE(CheckTensors(task).ok());
  *task.add_inputs() = task.inputs(0);
  task.mutable_inputs(1)->set_name("y");
  const absl::Status status = CheckTensors(task);
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("limit_bytes"), "67108864");
  task = TaskOf(proto::TENSOR_TYPE_STRING, {kMaxTensorStrings + 1}, 0);
  for (uint64_t i = 0; i <= kMaxTensorStrings; ++i) task.mutable_inputs(0)->add_strings();
  EXPECT_TRUE(HasReason(CheckTensors(task), Reason::kInputTooLarge));
}

}  // namespace
}  // namespace intelligenced

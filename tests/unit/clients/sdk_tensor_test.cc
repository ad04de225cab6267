// TensorService through the SDK, against a server with scripted answers.
#include <intelligence/client.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligence {
namespace {

namespace v1 = ::intelligence::v1;

static_assert(TensorTypeOf<float>() == TensorType::kFloat32);
static_assert(TensorTypeOf<double>() == TensorType::kFloat64);
static_assert(TensorTypeOf<int8_t>() == TensorType::kInt8);
static_assert(TensorTypeOf<uint16_t>() == TensorType::kUint16);
static_assert(TensorTypeOf<int32_t>() == TensorType::kInt32);
static_assert(TensorTypeOf<int64_t>() == TensorType::kInt64);
static_assert(TensorTypeOf<uint64_t>() == TensorType::kUint64);

class SdkTensorTest : public testing::Test {
 protected:
  Client Connect() { return *Client::Connect({.socket_path = daemon_.socket_path()}); }

  intelligenced::FakeDaemon daemon_;
};

TEST_F(SdkTensorTest, TensorsGoThereAndBack) {
  v1::RunModelRequest asked;
  daemon_.scripts.run_model = [&](const v1::RunModelRequest& request,
                                  v1::RunModelResponse* response) {
    asked = request;
    v1::Tensor& tensor = *response->add_outputs();
    tensor.set_name("y");
    tensor.set_type(v1::TENSOR_TYPE_INT32);
    tensor.add_shape(2);
    tensor.set_data(std::string("\1\0\0\0\xfe\xff\xff\xff", 8));
    v1::Tensor& text = *response->add_outputs();
    text.set_type(v1::TENSOR_TYPE_STRING);
    text.add_strings("word");
    response->mutable_usage()->set_model("models/net");
    return grpc::Status::OK;
  };
  const absl::StatusOr<RunModelResult> result = Connect().RunModel(
      {.inputs = {MakeTensor<float>("x", {1, 2}, {0.5F, -1}),
                  {.name = "t", .type = TensorType::kString, .shape = {1}, .strings = {"a"}}},
       .outputs = {"y"}},
      {.model = "net"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(asked.options().model(), "net");
  EXPECT_EQ(asked.outputs(0), "y");
  EXPECT_EQ(asked.inputs(0).type(), v1::TENSOR_TYPE_FLOAT32);
  EXPECT_EQ(asked.inputs(0).shape(1), 2);
  EXPECT_EQ(asked.inputs(0).data(), std::string("\0\0\0\x3f\0\0\x80\xbf", 8));
  EXPECT_EQ(asked.inputs(1).strings(0), "a");
  ASSERT_EQ(result->outputs.size(), 2);
  EXPECT_EQ(ValuesOf<int32_t>(result->outputs[0]), (std::vector<int32_t>{1, -2}));
  EXPECT_EQ(ValuesOf<float>(result->outputs[0]), std::nullopt) << "of another type";
  EXPECT_EQ(result->outputs[1].strings, std::vector<std::string>{"word"});
  EXPECT_EQ(result->usage.model, "models/net");
}

TEST_F(SdkTensorTest, TextThatIsNotUtf8IsNotSent) {
  const absl::Status status =
      Connect()
          .RunModel({.inputs = {{.name = "t", .type = TensorType::kString, .strings = {"\xff"}}}},
                    {.model = "net"})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

TEST_F(SdkTensorTest, SignaturesAreTyped) {
  daemon_.scripts.signature = [](const v1::GetModelSignatureRequest& request,
                                 v1::GetModelSignatureResponse* response) {
    response->set_model("models/" + request.options().model());
    v1::TensorSpec& spec = *response->add_inputs();
    spec.set_name("x");
    spec.set_type(v1::TENSOR_TYPE_FLOAT16);
    spec.add_shape(-1);
    spec.add_dimension_names("batch");
    response->add_outputs()->set_type(static_cast<v1::TensorType>(99));  // newer than this SDK
    return grpc::Status::OK;
  };
  const absl::StatusOr<ModelSignature> signature = Connect().GetModelSignature("net");
  ASSERT_TRUE(signature.ok()) << signature.status();
  EXPECT_EQ(signature->model, "models/net");
  EXPECT_EQ(signature->inputs.at(0).type, TensorType::kFloat16);
  EXPECT_EQ(signature->inputs.at(0).shape, std::vector<int64_t>{-1});
  EXPECT_EQ(signature->inputs.at(0).dimension_names, std::vector<std::string>{"batch"});
  EXPECT_EQ(signature->outputs.at(0).type, TensorType::kUnspecified);
}

TEST(TensorTest, BytesThatAreNoWholeValuesAreNone) {
  Tensor tensor = MakeTensor<double>("x", {1}, {1.5});
  EXPECT_EQ(ValuesOf<double>(tensor), std::vector<double>{1.5});
  tensor.data.pop_back();
  EXPECT_EQ(ValuesOf<double>(tensor), std::nullopt);
  EXPECT_EQ(ValueBytes(TensorType::kFloat64), 8);
  EXPECT_EQ(ValueBytes(TensorType::kString), 0);
}

}  // namespace
}  // namespace intelligence

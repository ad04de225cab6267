// TensorService over a real scheduler and server; the fake engine gives back what it is given.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/tensor.grpc.pb.h"
#include "tests/unit/services/service_fixture.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kEchoManifest[] = R"({
  "name": "echo", "engine": "fake", "title": "Echoes", "built_in": true,
  "capabilities": ["tensor.run"], "files": []})";
constexpr char kWriterManifest[] = R"({
  "name": "writer", "engine": "fake", "title": "Writes", "built_in": true,
  "capabilities": ["writing.proofread"], "files": []})";

class TensorServiceTest : public ServiceFixture {
 protected:
  TensorServiceTest() : ServiceFixture({{"echo", kEchoManifest}, {"writer", kWriterManifest}}) {}

  absl::Status Run(const v1::RunModelRequest& request) {
    grpc::ClientContext context;
    response_.Clear();
    return StatusFromGrpc(tensor_->RunModel(&context, request, &response_));
  }
  absl::Status Signature(const std::string& model) {
    grpc::ClientContext context;
    v1::GetModelSignatureRequest request;
    request.mutable_options()->set_model(model);
    signature_.Clear();
    return StatusFromGrpc(tensor_->GetModelSignature(&context, request, &signature_));
  }
  static v1::RunModelRequest Request() {
    v1::RunModelRequest request;
    v1::Tensor& tensor = *request.add_inputs();
    tensor.set_name("x");
    tensor.set_type(v1::TENSOR_TYPE_UINT8);
    tensor.add_shape(4);
    tensor.set_data("abcd");
    request.mutable_options()->set_model("models/echo");
    return request;
  }

  const std::unique_ptr<v1::TensorService::Stub> tensor_ = v1::TensorService::NewStub(channel_);
  v1::RunModelResponse response_;
  v1::GetModelSignatureResponse signature_;
};

TEST_F(TensorServiceTest, TellsWhatAModelTakes) {
  const absl::Status status = Signature("echo");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(signature_.model(), "models/echo");
  ASSERT_EQ(signature_.inputs_size(), 1);
  EXPECT_EQ(signature_.inputs(0).type(), v1::TENSOR_TYPE_FLOAT32);
  EXPECT_THAT(signature_.inputs(0).shape(), ElementsAre(-1));
  EXPECT_THAT(signature_.inputs(0).dimension_names(), ElementsAre("n"));
}

TEST_F(TensorServiceTest, RunsAModelAndSaysWhatItTook) {
  const absl::Status status = Run(Request());
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(response_.outputs_size(), 1);
  EXPECT_EQ(response_.outputs(0).SerializeAsString(), Request().inputs(0).SerializeAsString());
  EXPECT_EQ(response_.usage().model(), "models/echo");
  activity_.WaitFor(1);
  EXPECT_EQ(activity_.records()[0].method(), "TensorService/RunModel");
  EXPECT_GT(activity_.records()[0].output_bytes(), 4);
}

TEST_F(TensorServiceTest, TheModelMustBeNamedAndBeANetwork) {
  v1::RunModelRequest request = Request();
  request.mutable_options()->clear_model();
  absl::Status status = Run(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "options.model");
  EXPECT_EQ(FactsOf(Signature("")).field, "options.model");
  status = Signature("writer");
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "options.model");
  EXPECT_THAT(std::string(status.message()), HasSubstr("the engine fake"));
  EXPECT_TRUE(HasReason(Signature("nobody"), Reason::kModelNotFound));
  EXPECT_TRUE(HasReason(Signature("Not A Name"), Reason::kFieldInvalid));
}

TEST_F(TensorServiceTest, TensorsThatContradictThemselvesNeverReachAModel) {
  v1::RunModelRequest request = Request();
  request.mutable_inputs(0)->set_shape(0, 5);
  absl::Status status = Run(request);
  EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << status;
  EXPECT_EQ(FactsOf(status).field, "inputs[0].data");
  request = Request();
  request.mutable_inputs(0)->set_type(static_cast<v1::TensorType>(99));
  EXPECT_EQ(FactsOf(Run(request)).field, "inputs[0].type");
  request = Request();
  request.mutable_inputs(0)->set_shape(0, INT64_MIN);
  EXPECT_EQ(FactsOf(Run(request)).field, "inputs[0].shape");
  request = Request();
  request.mutable_inputs(0)->set_shape(0, (int64_t{64} << 20) + 1);
  request.mutable_inputs(0)->set_data(std::string((size_t{64} << 20) + 1, 'x'));
  status = Run(request);
  EXPECT_TRUE(HasReason(status, Reason::kInputTooLarge)) << status;
  EXPECT_EQ(FactsOf(status).metadata.at("limit_bytes"), "67108864");
}

TEST_F(TensorServiceTest, AllThatMayBeSentGoesThere) {
  v1::RunModelRequest request = Request();
  request.mutable_inputs(0)->set_shape(0, int64_t{64} << 20);
  request.mutable_inputs(0)->set_data(std::string(size_t{64} << 20, 'x'));
  const absl::Status status = Run(request);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(response_.outputs(0).data().size(), size_t{64} << 20);
}

}  // namespace
}  // namespace intelligenced

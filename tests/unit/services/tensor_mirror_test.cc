// The engine's tensors are those of the API, field by field: the service moves them across.
#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/tensor.pb.h"
#include "services/tensor/convert.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

void ExpectSame(const Descriptor& api, const Descriptor& other) {
  ASSERT_EQ(api.field_count(), other.field_count()) << api.full_name();
  for (int i = 0; i < api.field_count(); ++i) {
    const FieldDescriptor& a = *api.field(i);
    const FieldDescriptor* const b = other.FindFieldByNumber(a.number());
    ASSERT_NE(b, nullptr) << a.full_name();
    EXPECT_EQ(a.name(), b->name());
    EXPECT_EQ(a.type(), b->type()) << a.full_name();
    EXPECT_EQ(a.is_repeated(), b->is_repeated()) << a.full_name();
  }
}

TEST(TensorMirrorTest, EveryTypeIsTheSame) {
  ExpectSame(*v1::Tensor::descriptor(), *engine::Tensor::descriptor());
  ExpectSame(*v1::TensorSpec::descriptor(), *engine::TensorSpec::descriptor());
  const EnumDescriptor& api = *v1::TensorType_descriptor();
  const EnumDescriptor& other = *engine::TensorType_descriptor();
  ASSERT_EQ(api.value_count(), other.value_count());
  for (int i = 0; i < api.value_count(); ++i) {
    EXPECT_EQ(api.value(i)->name(), other.value(i)->name());
    EXPECT_EQ(api.value(i)->number(), other.value(i)->number());
  }
}

TEST(TensorConvertTest, NothingIsLostOnTheWay) {
  v1::RunModelRequest request;
  v1::Tensor& tensor = *request.add_inputs();
  tensor.set_name("x");
  tensor.set_type(v1::TENSOR_TYPE_INT16);
  tensor.add_shape(2);
  tensor.set_data("abcd");
  tensor.add_strings("text");
  request.add_outputs("y");
  const std::string before = tensor.SerializeAsString();
  engine::RunModelTask task = ToTask(request);
  EXPECT_EQ(task.inputs(0).SerializeAsString(), before);
  EXPECT_EQ(task.outputs(0), "y");
  engine::TensorResult result;
  *result.add_outputs() = task.inputs(0);
  v1::RunModelResponse response;
  FromEngine(std::move(result), &response);
  EXPECT_EQ(response.outputs(0).SerializeAsString(), before);
  engine::ModelSignature signature;
  engine::TensorSpec& spec = *signature.add_inputs();
  spec.set_name("x");
  spec.set_type(engine::TENSOR_TYPE_BOOL);
  spec.add_shape(-1);
  spec.add_dimension_names("batch");
  *signature.add_outputs() = spec;
  v1::GetModelSignatureResponse answer;
  FromEngine(signature, &answer);
  EXPECT_EQ(answer.inputs(0).SerializeAsString(), spec.SerializeAsString());
  EXPECT_EQ(answer.outputs(0).SerializeAsString(), spec.SerializeAsString());
}

}  // namespace
}  // namespace intelligenced

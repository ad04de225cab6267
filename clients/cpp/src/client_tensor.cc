// Networks run on tensors.
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"
#include "protos/intelligence/v1/tensor.pb.h"

namespace intelligence {
namespace {

TensorSpec SpecFromProto(const v1::TensorSpec& spec) {
  return {.name = spec.name(),
          .type = EnumFromProto(spec.type(), TensorType::kString),
          .shape = {spec.shape().begin(), spec.shape().end()},
          .dimension_names = {spec.dimension_names().begin(), spec.dimension_names().end()}};
}

// The bytes are moved.
Tensor TensorFromProto(v1::Tensor& tensor) {
  Tensor out;
  out.name = tensor.name();
  out.type = EnumFromProto(tensor.type(), TensorType::kString);
  out.shape = {tensor.shape().begin(), tensor.shape().end()};
  out.data = std::move(*tensor.mutable_data());
  out.strings = {tensor.strings().begin(), tensor.strings().end()};
  return out;
}

absl::Status Check(const RunModelRequest& request) {
  absl::Status status;
  for (const Tensor& tensor : request.inputs) {
    if (status.ok()) status = CheckUtf8("inputs", tensor.name);
    for (const std::string& text : tensor.strings) {
      if (status.ok()) status = CheckUtf8("inputs", text);
    }
  }
  for (const std::string& name : request.outputs) {
    if (status.ok()) status = CheckUtf8("outputs", name);
  }
  return status;
}

}  // namespace

size_t ValueBytes(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
    case TensorType::kUint8:
    case TensorType::kBool:
      return 1;
    case TensorType::kFloat16:
    case TensorType::kInt16:
    case TensorType::kUint16:
      return 2;
    case TensorType::kFloat32:
    case TensorType::kInt32:
    case TensorType::kUint32:
      return 4;
    case TensorType::kFloat64:
    case TensorType::kInt64:
    case TensorType::kUint64:
      return 8;
    default:
      return 0;
  }
}

absl::StatusOr<ModelSignature> Client::GetModelSignature(const std::string& model,
                                                         const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("model", model); !status.ok()) return status;
  v1::GetModelSignatureRequest proto;
  ToProto(options, proto.mutable_options());
  if (!model.empty()) proto.mutable_options()->set_model(model);
  const absl::StatusOr<v1::GetModelSignatureResponse> response =
      CallUnary<v1::GetModelSignatureResponse>(
          *connection_, options,
          [&](grpc::ClientContext* context, v1::GetModelSignatureResponse* out) {
            return connection_->tensor->GetModelSignature(context, proto, out);
          });
  if (!response.ok()) return response.status();
  ModelSignature signature = {.model = response->model(), .inputs = {}, .outputs = {}};
  for (const v1::TensorSpec& spec : response->inputs()) {
    signature.inputs.push_back(SpecFromProto(spec));
  }
  for (const v1::TensorSpec& spec : response->outputs()) {
    signature.outputs.push_back(SpecFromProto(spec));
  }
  return signature;
}

absl::StatusOr<RunModelResult> Client::RunModel(const RunModelRequest& request,
                                                const CallOptions& options) const {
  if (absl::Status status = Check(request); !status.ok()) return status;
  v1::RunModelRequest proto;
  for (const Tensor& tensor : request.inputs) {
    v1::Tensor& to = *proto.add_inputs();
    to.set_name(tensor.name);
    to.set_type(EnumToProto<v1::TensorType>(tensor.type));
    for (const int64_t extent : tensor.shape) to.add_shape(extent);
    to.set_data(tensor.data);
    for (const std::string& text : tensor.strings) to.add_strings(text);
  }
  for (const std::string& name : request.outputs) proto.add_outputs(name);
  ToProto(options, proto.mutable_options());
  absl::StatusOr<v1::RunModelResponse> response = CallUnary<v1::RunModelResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::RunModelResponse* out) {
        return connection_->tensor->RunModel(context, proto, out);
      });
  if (!response.ok()) return response.status();
  RunModelResult result;
  for (v1::Tensor& tensor : *response->mutable_outputs()) {
    result.outputs.push_back(TensorFromProto(tensor));
  }
  result.usage = FromProto(response->usage());
  return result;
}

}  // namespace intelligence

#include "services/tensor/convert.h"

#include <utility>

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;
namespace engine = ::intelligence::engine::v1;

template <typename From, typename To>
void MoveTensor(From& from, To* to) {
  to->set_name(std::move(*from.mutable_name()));
  to->set_type(static_cast<decltype(to->type())>(from.type()));
  to->mutable_shape()->Swap(from.mutable_shape());
  to->set_data(std::move(*from.mutable_data()));
  to->mutable_strings()->Swap(from.mutable_strings());
}

void CopySpec(const engine::TensorSpec& from, v1::TensorSpec* to) {
  to->set_name(from.name());
  to->set_type(static_cast<v1::TensorType>(from.type()));
  *to->mutable_shape() = from.shape();
  *to->mutable_dimension_names() = from.dimension_names();
}

}  // namespace

engine::RunModelTask ToTask(v1::RunModelRequest request) {
  engine::RunModelTask task;
  for (v1::Tensor& tensor : *request.mutable_inputs()) MoveTensor(tensor, task.add_inputs());
  task.mutable_outputs()->Swap(request.mutable_outputs());
  return task;
}

void FromEngine(engine::TensorResult from, v1::RunModelResponse* to) {
  for (engine::Tensor& tensor : *from.mutable_outputs()) MoveTensor(tensor, to->add_outputs());
}

void FromEngine(const engine::ModelSignature& from, v1::GetModelSignatureResponse* to) {
  for (const engine::TensorSpec& spec : from.inputs()) CopySpec(spec, to->add_inputs());
  for (const engine::TensorSpec& spec : from.outputs()) CopySpec(spec, to->add_outputs());
}

}  // namespace intelligenced

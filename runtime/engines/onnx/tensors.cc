#include "runtime/engines/onnx/tensors.h"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/tensor_check.h"

namespace intelligenced {
namespace {

using engine_proto::ModelSignature;
using engine_proto::RunModelTask;
using engine_proto::TensorSpec;
using Specs = google::protobuf::RepeatedPtrField<TensorSpec>;

std::string Names(const Specs& specs) {
  return absl::StrJoin(specs, ", ",
                       [](std::string* out, const TensorSpec& spec) { out->append(spec.name()); });
}

int FindSpec(const Specs& specs, std::string_view name) {
  for (int i = 0; i < specs.size(); ++i) {
    if (specs[i].name() == name) return i;
  }
  return -1;
}

Shape ShapeOf(const google::protobuf::RepeatedField<int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

// "FLOAT32 1×3×?".
std::string Describe(engine_proto::TensorType type, const Shape& shape) {
  return absl::StrCat(TensorTypeName(type), shape.empty() ? "" : " ", ShapeText(shape));
}

// Dimensions of one name, and who said so first.
class NamedExtents {
 public:
  absl::Status Check(const std::string& field, const TensorSpec& spec,
                     const engine_proto::Tensor& tensor) {
    for (int i = 0; i < tensor.shape_size() && i < spec.dimension_names_size(); ++i) {
      const std::string& name = spec.dimension_names(i);
      if (name.empty()) continue;
      const auto [known, added] =
          extents_.try_emplace(name, std::pair{tensor.shape(i), tensor.name()});
      if (added || known->second.first == tensor.shape(i)) continue;
      return FieldError(field + ".shape",
                        absl::StrCat("The dimension \"", name, "\" of the tensor ", tensor.name(),
                                     " is ", tensor.shape(i), ", and of ", known->second.second,
                                     " ", known->second.first, "; they must be the same."));
    }
    return absl::OkStatus();
  }

 private:
  std::map<std::string, std::pair<int64_t, std::string>> extents_;
};

}  // namespace

absl::StatusOr<TensorPlan> PlanTensors(const ModelSignature& signature, const RunModelTask& task) {
  if (absl::Status status = CheckTensors(task); !status.ok()) return status;
  TensorPlan plan;
  plan.inputs.assign(static_cast<size_t>(signature.inputs_size()), -1);
  NamedExtents named;
  for (int i = 0; i < task.inputs_size(); ++i) {
    const engine_proto::Tensor& tensor = task.inputs(i);
    const std::string field = absl::StrCat("inputs[", i, "]");
    const int place = FindSpec(signature.inputs(), tensor.name());
    if (place < 0) {
      return FieldError(field + ".name", absl::StrCat("The model has no input ", tensor.name(),
                                                      "; it has ", Names(signature.inputs()), "."));
    }
    const TensorSpec& spec = signature.inputs(place);
    const Shape shape = ShapeOf(tensor.shape()), expected = ShapeOf(spec.shape());
    const bool same_type = spec.type() == tensor.type();
    if (!same_type || !ShapeFits(shape, expected)) {
      return FieldError(
          field + (same_type ? ".shape" : ".type"),
          absl::StrCat("The input ", tensor.name(), " takes ", Describe(spec.type(), expected),
                       ", not ", Describe(tensor.type(), shape), "."));
    }
    if (absl::Status status = named.Check(field, spec, tensor); !status.ok()) return status;
    plan.inputs[static_cast<size_t>(place)] = i;
  }
  for (int i = 0; i < signature.inputs_size(); ++i) {
    if (plan.inputs[static_cast<size_t>(i)] >= 0) continue;
    return FieldError(
        "inputs", absl::StrCat("The input ", signature.inputs(i).name(),
                               " is missing; the model takes ", Names(signature.inputs()), "."));
  }
  for (int i = 0; i < task.outputs_size(); ++i) {
    const int place = FindSpec(signature.outputs(), task.outputs(i));
    const std::string field = absl::StrCat("outputs[", i, "]");
    if (place < 0) {
      return FieldError(field, absl::StrCat("The model has no output ", task.outputs(i),
                                            "; it has ", Names(signature.outputs()), "."));
    }
    if (signature.outputs(place).type() == engine_proto::TENSOR_TYPE_UNSPECIFIED) {
      return FieldError(field, absl::StrCat("The output ", task.outputs(i),
                                            " is of a kind that no tensor can hold."));
    }
    plan.outputs.push_back(place);
  }
  for (int i = 0; task.outputs().empty() && i < signature.outputs_size(); ++i) {
    if (signature.outputs(i).type() != engine_proto::TENSOR_TYPE_UNSPECIFIED) {
      plan.outputs.push_back(i);
    }
  }
  if (plan.outputs.empty()) {
    return FieldError("outputs", "The model has no output that a tensor can hold.");
  }
  return plan;
}

absl::StatusOr<RunModelTask> MakeUpTensors(const ModelSignature& signature,
                                           const std::map<std::string, Shape>& known) {
  RunModelTask task;
  for (const TensorSpec& spec : signature.inputs()) {
    engine_proto::Tensor& tensor = *task.add_inputs();
    tensor.set_name(spec.name());
    tensor.set_type(spec.type());
    const auto seen = known.find(spec.name());
    for (int i = 0; i < spec.shape_size(); ++i) {
      int64_t extent = spec.shape(i);
      if (extent < 0) {
        const auto place = static_cast<size_t>(i);
        extent = seen != known.end() && place < seen->second.size() ? seen->second[place] : 1;
      }
      tensor.add_shape(extent);
    }
    int64_t count = 0;
    const size_t bytes = TensorValueBytes(spec.type());
    const bool text = spec.type() == engine_proto::TENSOR_TYPE_STRING;
    if ((bytes == 0 && !text) || !CountTensorValues(tensor.shape(), &count) ||
        static_cast<uint64_t>(count) * bytes > kMaxTensorBytes ||
        (text && static_cast<uint64_t>(count) > kMaxTensorStrings)) {
      return FieldError("name", absl::StrCat("The network's input ", spec.name(),
                                             " is too large, or of a kind that is not known."));
    }
    if (text) {
      for (int64_t i = 0; i < count; ++i) tensor.add_strings();
      continue;
    }
    std::string& data = *tensor.mutable_data();
    data.assign(static_cast<size_t>(count) * bytes, '\0');
    if (spec.type() != engine_proto::TENSOR_TYPE_FLOAT32) continue;
    for (int64_t i = 0; i < count; ++i) {
      const float value = static_cast<float>(i * 7919 % 256) / 255;
      std::memcpy(&data[static_cast<size_t>(i) * sizeof(value)], &value, sizeof(value));
    }
  }
  return task;
}

}  // namespace intelligenced

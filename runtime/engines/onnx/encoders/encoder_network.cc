#include "runtime/engines/onnx/encoders/encoder_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr std::string_view kIds = "input_ids";
constexpr std::string_view kMask = "attention_mask";
constexpr std::string_view kTypes = "token_type_ids";

template <typename Specs>
std::string NamesOf(const Specs& specs) {
  return absl::StrJoin(specs, ", ", [](std::string* out, const engine_proto::TensorSpec& spec) {
    absl::StrAppend(out, spec.name());
  });
}

bool IsFloat(const engine_proto::TensorSpec& spec) {
  return spec.type() == engine_proto::TENSOR_TYPE_FLOAT32 ||
         spec.type() == engine_proto::TENSOR_TYPE_FLOAT16;
}

// Of half precision.
float FromHalf(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  float value = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                 : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits >> 15) != 0 ? -value : value;
}

}  // namespace

absl::StatusOr<EncoderNetwork> EncoderNetwork::Make(std::shared_ptr<OnnxSession> session,
                                                    absl::Span<const std::string_view> outputs,
                                                    size_t dimensions) {
  EncoderNetwork network;
  const engine_proto::ModelSignature& signature = session->signature();
  bool has_ids = false;
  for (const engine_proto::TensorSpec& input : signature.inputs()) {
    has_ids |= input.name() == kIds;
    const bool known = input.name() == kIds || input.name() == kMask || input.name() == kTypes;
    if (!known || input.type() != engine_proto::TENSOR_TYPE_INT64 || input.shape_size() != 2) {
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("An encoder takes input_ids, attention_mask and token_type_ids (whole "
                       "numbers of 64 bits, a row for each text); this network takes ",
                       NamesOf(signature.inputs()), "."));
    }
    network.inputs_.push_back(input.name());
  }
  const engine_proto::TensorSpec* chosen = nullptr;
  for (const std::string_view name : outputs) {
    for (const engine_proto::TensorSpec& output : signature.outputs()) {
      if (chosen == nullptr && output.name() == name && IsFloat(output)) chosen = &output;
    }
  }
  for (const engine_proto::TensorSpec& output : signature.outputs()) {
    const auto rank = static_cast<size_t>(output.shape_size());
    if (chosen == nullptr && IsFloat(output) && (dimensions == 0 || rank == dimensions)) {
      chosen = &output;
    }
  }
  if (!has_ids || chosen == nullptr || chosen->shape().empty()) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The network is no encoder of this kind: it takes ",
                                  NamesOf(signature.inputs()), " and gives ",
                                  NamesOf(signature.outputs()), "."));
  }
  network.output_ = chosen->name();
  network.shape_.assign(chosen->shape().begin(), chosen->shape().end());
  network.session_ = std::move(session);
  return network;
}

absl::StatusOr<Tensor> EncoderNetwork::Run(absl::Span<const std::vector<int64_t>* const> rows,
                                           int64_t padding, const CancelToken& cancel) const {
  size_t width = 0;
  for (const std::vector<int64_t>* row : rows) width = std::max(width, row->size());
  engine_proto::RunModelTask task;
  task.add_outputs(output_);
  for (const std::string& name : inputs_) {
    std::vector<int64_t> values(rows.size() * width, name == kIds ? padding : 0);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (name == kTypes) continue;
      for (size_t j = 0; j < rows[i]->size(); ++j) {
        values[i * width + j] = name == kIds ? (*rows[i])[j] : 1;
      }
    }
    engine_proto::Tensor& tensor = *task.add_inputs();
    tensor.set_name(name);
    tensor.set_type(engine_proto::TENSOR_TYPE_INT64);
    tensor.add_shape(static_cast<int64_t>(rows.size()));
    tensor.add_shape(static_cast<int64_t>(width));
    tensor.set_data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t));
  }
  const absl::StatusOr<engine_proto::TensorResult> result = session_->RunTensors(task, cancel);
  if (!result.ok()) return result.status();
  if (result->outputs_size() != 1) {
    return MakeError(Reason::kEngineFailure, "The network has not answered.");
  }
  const engine_proto::Tensor& output = result->outputs(0);
  Tensor tensor;
  tensor.shape.assign(output.shape().begin(), output.shape().end());
  const int64_t count = CountElements(tensor.shape);
  const bool half = output.type() == engine_proto::TENSOR_TYPE_FLOAT16;
  if (count < 0 || tensor.shape[0] != static_cast<int64_t>(rows.size()) ||
      output.data().size() != static_cast<size_t>(count) * (half ? 2 : sizeof(float)) ||
      (tensor.shape.size() == 3 && tensor.shape[1] != static_cast<int64_t>(width))) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("The network answered ", ShapeText(tensor.shape), " numbers for ",
                                  rows.size(), " texts of ", width, " tokens."));
  }
  tensor.values.resize(static_cast<size_t>(count));
  if (!half) {
    std::memcpy(tensor.values.data(), output.data().data(), output.data().size());
  } else {
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      uint16_t bits = 0;
      std::memcpy(&bits, output.data().data() + i * 2, 2);
      tensor.values[i] = FromHalf(bits);
    }
  }
  return tensor;
}

}  // namespace intelligenced

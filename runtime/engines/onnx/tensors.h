// A task's tensors against what a network says of its own. Pure and thread-safe.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TENSORS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TENSORS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/network.h"

namespace intelligenced {

// Which of the task's inputs goes where, and which of the network's outputs are to be given.
struct TensorPlan {
  // For each of the network's inputs, its place among the task's.
  std::vector<int> inputs;
  // Places among the network's, in the order in which the task asks for them.
  std::vector<int> outputs;
};

// Every input of the network must be there, of its type and of a shape that fits: known extents
// agree, and dimensions of one name agree among themselves. Outputs default to all that a tensor
// can hold. Also checks what CheckTensors (runtime/engine/tensor_check.h) does. FIELD_INVALID names
// the tensor; INPUT_TOO_LARGE.
absl::StatusOr<TensorPlan> PlanTensors(const engine_proto::ModelSignature& signature,
                                       const engine_proto::RunModelTask& task);

// Input that fits the signature, to measure with: numbers between 0 and 1, whole numbers 0, empty
// strings. Extents that are open are those of `known` by the input's name, else 1. FIELD_INVALID
// when a tensor would be larger than a task may be, or the network takes what no tensor can hold.
absl::StatusOr<engine_proto::RunModelTask> MakeUpTensors(
    const engine_proto::ModelSignature& signature, const std::map<std::string, Shape>& known);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TENSORS_H_

// Published networks for pictures, run by ONNX Runtime, one family each (family.h; README.md lists
// them), and networks of any kind run on tensors.
//
// ModelSpec.family: one of AllFamilies(), whose models answer vision tasks; with any other name, as
// "tensor", or none, a model is only run on tensors. ModelSpec.files: "model", and what the
// family's README entry names ("labels", …). No parameters. ModelSpec.threads: cores of one run; 0:
// all. ModelInfo: width as threads, device "cpu", no tokens.
//
// RunModelTask and MeasureTask are for the file with the role "model" (measuring: for all
// networks), whatever the family.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_ENGINE_H_

#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// `clock` times the budget of a step and must outlive the engine; null: the system's. Opening ONNX
// Runtime happens here, before a worker confines itself to its model; a failure is told by Load.
std::unique_ptr<Engine> MakeOnnxEngine(const Clock* clock = nullptr);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_ENGINE_H_

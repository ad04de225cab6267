// Published networks for pictures, run by ONNX Runtime, one family each (family.h; README.md lists
// them).
//
// ModelSpec.family: one of AllFamilies(). ModelSpec.files: "model", and what the family's README
// entry names ("labels", …). No parameters. ModelSpec.threads: cores of one run; 0: all.
// ModelInfo: width as threads, device "cpu", no tokens.
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

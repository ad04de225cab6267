// The llama workbench: an engine that measures a language model and converts its weights. It
// serves nobody; it is loaded for one piece of work and gone.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_WORKBENCH_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_WORKBENCH_H_

#include <memory>

#include "runtime/engine/engine.h"

namespace intelligenced {

// "llama-workbench". Takes MeasureTask for a file with the role "model", whose weights are loaded,
// and QuantizeTask for that or one with the role "source", which is only read. Parameters are those
// of the llama engine.
std::unique_ptr<Engine> MakeLlamaWorkbench();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_WORKBENCH_H_

// The engine over libllama: language models in GGUF files, all requests of one model in one batch.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_ENGINE_H_

#include <memory>

#include "runtime/engine/engine.h"

namespace intelligenced {

// Loads ggml's backends into this process. README.md beside this file documents the parameters of
// a model. Of ModelSpec.files those with the role "model" are taken, in order (more than one: the
// parts of a split model). The engine reads the process's own memory figures from /proc.
std::unique_ptr<Engine> MakeLlamaEngine();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_LLAMA_ENGINE_H_

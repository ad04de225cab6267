// The built-in models of rules, word lists and statistics, without neural networks. They need no
// download and answer in milliseconds.
//
// ModelSpec.family "language": tells languages and cuts texts into segments. No files.
// Any other family: the writing model, which proofreads and rewrites English and summarises any
// language. ModelSpec.files: the roles "affixes" and "dictionary" name Hunspell's files (en_US).
// No parameters. ModelInfo: width 1, several jobs a step, device "cpu", no tokens.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_ENGINE_H_

#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// `clock` times the budget of a step and must outlive the engine; null: the system's.
std::unique_ptr<Engine> MakeTextEngine(const Clock* clock = nullptr);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_ENGINE_H_

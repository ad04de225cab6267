// Apertium's installed language pairs as a model that translates: rules and dictionaries, no neural
// network. The programs that a pair's mode names run as children of the process that loads the
// model, started once and kept.
//
// ModelSpec.files: the role "apertium-modes" names the folder of mode files. Parameters:
//   programs            folder of Apertium's programs; default /usr/bin
//   pipelines           of one pair side by side; default: half of the cores, 2 to 8
//   hang_milliseconds   a program that has moved nothing for this long, with work to do, is started
//                       again; default 20,000
//   x-…                 is for others
// ModelInfo: TRANSLATE, the pairs found (translation.sentences false, no limit on length), width:
// the cores, device "cpu", no tokens.
//
// Text out is what `apertium -u PAIR` prints for the segment alone, without -u where the task marks
// unknown words. Beside the errors of TranslateTask: ENGINE_FAILURE (metadata "segment", "mode")
// for a segment over which programs died or hung twice, after every other segment has been emitted.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_ENGINE_H_

#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// `clock` times budgets and must outlive the engine; null: the system's. From here on the process
// ignores SIGPIPE, which a dying program would kill it with. On Linux the programs die with the
// thread that steps the model; where that is another one each time, they are started again.
std::unique_ptr<Engine> MakeApertiumEngine(const Clock* clock = nullptr);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_ENGINE_H_

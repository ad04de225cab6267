// Remembers with which shapes a family runs its networks: what a network leaves open is measured as
// large as it is used.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_RECORDING_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_RECORDING_H_

#include <map>
#include <memory>
#include <string>

#include "runtime/engines/onnx/network.h"

namespace intelligenced {

// The largest shapes of a network's inputs, by role and name. Used by the thread that steps.
using SeenShapes = std::map<std::string, std::map<std::string, Shape>>;

// Passes everything on to `network`.
std::unique_ptr<Network> RecordShapes(std::string role, std::unique_ptr<Network> network,
                                      std::shared_ptr<SeenShapes> seen);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_RECORDING_H_

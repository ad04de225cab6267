// One network loaded by TensorFlow Lite: some are published in no other format.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_TFLITE_NETWORK_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_TFLITE_NETWORK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/network.h"

namespace intelligenced {

// Whether the file begins as TensorFlow Lite's do.
bool IsTfliteFile(const std::string& path);

// The file is verified before anything in it is followed. Inputs and outputs must be tensors of
// 32-bit floats of fixed shapes, and operators those of the library. Runs take turns: the library
// computes one at a time for a network. Errors: MODEL_CORRUPT, MODEL_LOAD_FAILED with the library's
// words (also where this build is without the library), MEMORY_INSUFFICIENT, CANCELLED.
absl::StatusOr<std::unique_ptr<Network>> LoadTfliteNetwork(const std::string& path, int threads,
                                                           const CancelToken& cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_TFLITE_NETWORK_H_

// One network loaded by ONNX Runtime.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/network.h"

namespace intelligenced {

// The library itself: one for all sessions, which it must outlive. Its warnings go to standard
// error, which a worker's host takes to the log (runtime/worker/output_lines.h leaves out what the
// library says hundreds of times at every start).
class OnnxLibrary {
 public:
  // Errors: MODEL_LOAD_FAILED.
  static absl::StatusOr<std::unique_ptr<OnnxLibrary>> Open();
  ~OnnxLibrary();

  struct Core;
  Core& core() { return *core_; }

 private:
  explicit OnnxLibrary(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

struct SessionOptions {
  // Cores that one run keeps busy. At least 1.
  int threads = 1;
};

// Loads a file that is checked first (runtime/base/onnx_file.h): no operators and no weights from
// elsewhere. Every optimisation of the graph is on; threads wait asleep. Inputs and outputs must be
// tensors of 32- or 16-bit floats. Errors: MODEL_CORRUPT (no whole ONNX file), MODEL_LOAD_FAILED
// (with the library's words), MEMORY_INSUFFICIENT, CANCELLED.
absl::StatusOr<std::unique_ptr<Network>> LoadOnnxSession(OnnxLibrary& library,
                                                         const std::string& path,
                                                         const SessionOptions& options,
                                                         const CancelToken& cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_

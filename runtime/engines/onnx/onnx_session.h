// One network loaded by ONNX Runtime.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/network.h"

namespace Ort {
struct Value;
}

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
  // Where the library's profiler writes: it adds the time and ".json". Empty: it does not run.
  std::string profile_prefix = {};
  // Files with the weights that the network keeps elsewhere, in the order of their names in it.
  // They are mapped, not read.
  std::vector<std::string> weight_files = {};
};

// What the library's own allocator has given out.
struct SessionMemory {
  uint64_t in_use_bytes = 0;
  uint64_t peak_bytes = 0;
};

// Thread-safe but for EndProfile().
class OnnxSession {
 public:
  virtual ~OnnxSession() = default;

  // Constant. What no tensor can hold (sequences, types that are not among
  // engine_proto::TensorType) has the type UNSPECIFIED.
  virtual const engine_proto::ModelSignature& signature() const = 0;

  // Blocks; stops soon after `cancel`. Outputs are as many bytes as a client may be sent
  // (kMaxTensorBytes), else FIELD_INVALID. Errors: those of PlanTensors, CANCELLED,
  // MEMORY_INSUFFICIENT, ENGINE_FAILURE with the library's words.
  virtual absl::StatusOr<engine_proto::TensorResult> RunTensors(
      const engine_proto::RunModelTask& task, const CancelToken& cancel) = 0;

  // What families use: all inputs and outputs are floats. Others than those are refused by
  // AsNetwork().
  virtual absl::StatusOr<std::vector<Tensor>> RunFloats(const std::vector<Tensor>& inputs,
                                                        const CancelToken& cancel) = 0;

  // The library's own values in and out: what a run gives goes into the next without a copy. Names
  // must be the network's. Throws nothing. Errors: CANCELLED, MEMORY_INSUFFICIENT, ENGINE_FAILURE.
  virtual absl::StatusOr<std::vector<Ort::Value>> RunValues(
      absl::Span<const char* const> input_names, const std::vector<Ort::Value>& inputs,
      absl::Span<const char* const> output_names, const CancelToken& cancel) = 0;

  // Of values, weights that were changed for this processor included. 0 where it is not known.
  virtual SessionMemory memory() const = 0;

  // Ends the profile and gives the name of its file. ENGINE_FAILURE.
  virtual absl::StatusOr<std::string> EndProfile() = 0;
};

// Loads a file that is checked first (runtime/base/onnx_file.h): no operators from elsewhere, and
// no weights but those of `options`. Every optimisation of the graph is on; threads wait asleep.
// Errors: MODEL_CORRUPT (no whole ONNX file), MODEL_LOAD_FAILED (with the library's words),
// MEMORY_INSUFFICIENT, CANCELLED.
absl::StatusOr<std::shared_ptr<OnnxSession>> OpenOnnxSession(OnnxLibrary& library,
                                                             const std::string& path,
                                                             const SessionOptions& options,
                                                             const CancelToken& cancel);

// The session as families see it. MODEL_LOAD_FAILED unless its inputs and outputs are tensors of
// 32- or 16-bit floats.
absl::StatusOr<std::unique_ptr<Network>> AsNetwork(std::shared_ptr<OnnxSession> session);

// Both in one.
absl::StatusOr<std::unique_ptr<Network>> LoadOnnxSession(OnnxLibrary& library,
                                                         const std::string& path,
                                                         const SessionOptions& options,
                                                         const CancelToken& cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_SESSION_H_

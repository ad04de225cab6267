// Measures the networks of a loaded model, unit by unit: how long a run takes, on which operations,
// who runs them, and what they need of memory.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_NETWORK_MEASURER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_NETWORK_MEASURER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/measure/profile.h"
#include "runtime/engines/onnx/onnx_session.h"

namespace intelligenced {

// A network to be measured.
struct MeasuredNetwork {
  std::string role;
  std::shared_ptr<OnnxSession> session;
  // The same network once more, with the library's profiler writing to `prefix`.
  std::function<absl::StatusOr<std::shared_ptr<OnnxSession>>(const std::string& prefix)> profiled;
};

// Not thread-safe. The clock must outlive it.
class NetworkMeasurer {
 public:
  // Shapes of inputs that a network leaves open, by role and name.
  using KnownShapes = std::map<std::string, std::map<std::string, Shape>>;

  // `details`: also operations, partitions and memory.
  NetworkMeasurer(std::vector<MeasuredNetwork> networks, KnownShapes shapes, bool details,
                  const Clock* clock);
  ~NetworkMeasurer();

  // One run, or loading a network for the profiler. True: that was the last of it. ENGINE_FAILURE
  // with the library's words, CANCELLED, FIELD_INVALID for input that cannot be made up.
  absl::StatusOr<bool> Advance(const CancelToken& cancel);

  // Units done and in all.
  uint64_t done() const { return done_; }
  uint64_t total() const { return total_; }

  // Complete after Advance() has returned true. Without layout, weights, threads, load time and
  // resident memory, which the caller knows.
  const engine_proto::Measurement& result() const { return result_; }

 private:
  struct Profiled;

  absl::Status Run(OnnxSession& session, const CancelToken& cancel, absl::Duration* took);
  absl::Status AdvancePlain(const CancelToken& cancel);
  absl::Status AdvanceProfiled(const CancelToken& cancel);
  void NextNetwork();
  void AddOperations(const std::string& role, const std::vector<NodeTime>& nodes);
  void Finish();

  const std::vector<MeasuredNetwork> networks_;
  const KnownShapes shapes_;
  const bool details_;
  const Clock* const clock_;

  size_t current_ = 0;
  engine_proto::RunModelTask input_;
  std::vector<absl::Duration> times_;
  std::unique_ptr<Profiled> profiled_;
  double whole_microseconds_ = 0;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  engine_proto::Measurement result_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_NETWORK_MEASURER_H_

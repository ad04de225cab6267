// What ONNX Runtime's profiler says of runs: which operations took how long, and who ran them.
// Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

// One node of a network, over all runs but the first, which brings the weights into memory.
struct NodeTime {
  std::string name;
  std::string operation;
  std::string provider;
  double microseconds = 0;
  uint64_t count = 0;
};

// The nodes in the order in which they run, from the profiler's JSON. The first `warm_up` runs are
// left out. ENGINE_FAILURE for what is no profile, or has no nodes.
absl::StatusOr<std::vector<NodeTime>> ReadProfile(std::string_view json, uint64_t warm_up);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_H_

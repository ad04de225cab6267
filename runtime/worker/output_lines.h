// A worker's standard error, cut into lines worth keeping. Pure.
#ifndef INTELLIGENCED_RUNTIME_WORKER_OUTPUT_LINES_H_
#define INTELLIGENCED_RUNTIME_WORKER_OUTPUT_LINES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace intelligenced {

// Lines are cut at 2 KiB, made UTF-8 and free of control characters (a log is read on terminals).
// ONNX Runtime's "Schema error" lines, some hundreds at every start, are left out. A worker that
// floods its output costs at most 200 lines in any ten seconds; how many were dropped is said.
class OutputLines {
 public:
  void Append(std::string_view data, absl::Time now, absl::FunctionRef<void(std::string)> emit);
  // Emits what is left without an end of line.
  void Finish(absl::Time now, absl::FunctionRef<void(std::string)> emit);

 private:
  void EmitLine(absl::Time now, absl::FunctionRef<void(std::string)> emit);

  std::string line_;
  bool overlong_ = false;
  absl::Time window_start_ = absl::InfinitePast();
  int window_lines_ = 0;
  int dropped_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_OUTPUT_LINES_H_

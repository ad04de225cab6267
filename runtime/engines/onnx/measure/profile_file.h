// Where ONNX Runtime's profiler writes, in a process that may write no files.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_FILE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/base/fd.h"

namespace intelligenced {

// The library writes its profile to a file whose name it makes itself from a prefix, and only
// there; a worker's sandbox lets no file be made. On Linux the file is one in memory: this part of
// the program defines the C library's fopen(), passes every other name on, and answers a name that
// begins with prefix() with the memory file. Elsewhere it is a file in the folder for temporary
// ones, which goes away with this object.
class ProfileFile {
 public:
  // MEMORY_INSUFFICIENT.
  static absl::StatusOr<std::unique_ptr<ProfileFile>> Make();
  ~ProfileFile();

  // For SessionOptions::profile_prefix.
  const std::string& prefix() const { return prefix_; }

  // What was written. `name`: what the library says that it has written to. ENGINE_FAILURE for
  // nothing, and for more than 256 MiB.
  absl::StatusOr<std::string> Read(const std::string& name);

 private:
  explicit ProfileFile(UniqueFd file);

  UniqueFd file_;
  std::string prefix_;
  // To be removed; empty for a memory file.
  std::string written_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_MEASURE_PROFILE_FILE_H_

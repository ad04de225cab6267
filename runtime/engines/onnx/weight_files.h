// Weights that a network keeps in files beside its own, mapped into memory: networks beyond 2 GB
// must, and many exporters do so for smaller ones.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_WEIGHT_FILES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_WEIGHT_FILES_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligenced {

// Movable; unmaps when it goes. Thread-safe for reading.
class WeightFiles {
 public:
  // `names` are those that the network says, `paths` where the files lie, in the order of the
  // names. Errors: MODEL_LOAD_FAILED with both counts and the names where there are not as many;
  // NOT_FOUND and others of the file system; MEMORY_INSUFFICIENT.
  static absl::StatusOr<WeightFiles> Map(const std::set<std::string>& names,
                                         const std::vector<std::string>& paths);

  WeightFiles(WeightFiles&& other) noexcept;
  WeightFiles& operator=(WeightFiles&&) = delete;
  ~WeightFiles();

  // Side by side, as ONNX Runtime takes them. The bytes can only be read.
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<char*>& bytes() const { return bytes_; }
  const std::vector<size_t>& sizes() const { return sizes_; }

 private:
  WeightFiles() = default;

  std::vector<std::string> names_;
  std::vector<char*> bytes_;
  std::vector<size_t> sizes_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_WEIGHT_FILES_H_

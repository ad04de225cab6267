// Turns a model's weights into another layout, a slice at a time, as the bytes of a new GGUF file.
//
// llama_model_quantize does the same in one call that can neither be cut nor stopped and writes a
// file, which the sandbox of workers forbids. The choice of types follows what it calls Q4_0, Q8_0,
// Q4_K_M and F16; the numbers come from the same ggml functions.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_QUANTIZER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_QUANTIZER_H_

#include <ggml.h>
#include <gguf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/fd.h"

namespace intelligenced {

// What a tensor becomes.
struct TensorPlan {
  std::string name;
  ggml_type from = GGML_TYPE_F32;
  ggml_type to = GGML_TYPE_F32;
  int64_t row_elements = 0;
  int64_t rows = 0;
  // In the source file.
  uint64_t offset = 0;
};

// The type of one tensor in a layout ("Q4_0", "Q8_0", "Q4_K_M", "F16"). Vectors, and what the
// layout has no room for, stay as they are. `layer` of `layers`; -1 for what belongs to none. Pure.
ggml_type ChooseTensorType(std::string_view layout, std::string_view name, ggml_type from,
                           int64_t row_elements, int64_t rows, int layer, int layers,
                           bool has_output);

// Not thread-safe.
class Quantizer {
 public:
  // MODEL_CORRUPT when the file cannot be read, FIELD_INVALID for an unknown layout or a model of
  // a type that cannot be converted.
  static absl::StatusOr<std::unique_ptr<Quantizer>> Open(const std::string& path,
                                                         const std::string& layout, int threads);
  ~Quantizer();

  // Of the whole new file.
  uint64_t size_bytes() const { return size_bytes_; }
  uint64_t written_bytes() const { return written_bytes_; }

  // Appends the next piece of the file to `out`: some tens of milliseconds of work, at most about
  // 8 MiB. False: it was the last. ENGINE_FAILURE when the source cannot be read.
  absl::StatusOr<bool> Next(std::string& out);

 private:
  Quantizer() = default;
  absl::Status Plan(const std::string& path, const std::string& layout);
  absl::Status Convert(const TensorPlan& tensor, int64_t rows, std::string& out);

  int threads_ = 1;
  UniqueFd source_;
  std::string header_;
  std::vector<TensorPlan> tensors_;
  size_t alignment_ = GGUF_DEFAULT_ALIGNMENT;
  uint64_t size_bytes_ = 0;
  uint64_t written_bytes_ = 0;
  bool header_done_ = false;
  size_t tensor_ = 0;
  int64_t row_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_QUANTIZER_H_

// What the machine can do at most, measured: how fast memory is read, and how fast the kernels of a
// type multiply. A model's speed is given as a share of them.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MACHINE_LIMITS_H_
#define INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MACHINE_LIMITS_H_

#include <ggml-backend.h>
#include <ggml.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/base/clock.h"

namespace intelligenced {

// Reads a block of memory much larger than any cache, with as many threads as a step has, and adds
// it up. Not thread-safe.
class ReadProbe {
 public:
  // `clock` must outlive the probe.
  ReadProbe(size_t bytes, int threads, const Clock* clock);

  // One pass, some tens of milliseconds.
  void Run();

  // Of the best pass. 0 before the first.
  double bytes_per_second() const { return best_; }

 private:
  const int threads_;
  const Clock* const clock_;
  std::vector<uint64_t> block_;
  uint64_t sum_ = 0;
  double best_ = 0;
};

// Multiplies a matrix of `type`, in the layout that the processor's backend would choose for
// weights, with columns of F32, from caches. Not thread-safe.
class MultiplyProbe {
 public:
  // `clock` must outlive the probe.
  MultiplyProbe(ggml_type type, int threads, const Clock* clock);
  ~MultiplyProbe();

  // One multiplication, some milliseconds. Does nothing where there is no processor backend.
  void Run();

  // A multiplication and an addition are two. Of the best run; 0 when it cannot be measured.
  double operations_per_second() const { return best_; }

 private:
  struct Parts;
  bool SetUp(ggml_type type, int threads, ggml_backend_buffer_type_t weights_buffer);

  const Clock* const clock_;
  std::unique_ptr<Parts> parts_;
  double best_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_LLAMA_WORKBENCH_MACHINE_LIMITS_H_

// What a picture of a certain size takes while it is made, by what smaller ones took.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_MEMORY_PLAN_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_MEMORY_PLAN_H_

#include <cstdint>
#include <string_view>

namespace intelligenced {

// Bytes as linear × places + quadratic × places²: values of convolutions grow with the picture,
// those of attention with its square. Pure.
struct MemoryGrowth {
  double linear = 0;
  double quadratic = 0;

  // Through what two sizes took, never falling.
  static MemoryGrowth Fit(double places, double bytes, double more_places, double more_bytes);
  // At most 2^62.
  uint64_t Bytes(double places) const;
};

// The number of kilobytes behind `key` ("MemAvailable:") as bytes; 0 where there is none. Pure.
uint64_t ParseMeminfo(std::string_view meminfo, std::string_view key);

// What this process may still take: by its own limit, and by what the machine has. 2^62 where
// nothing is known. Blocks for two short files.
uint64_t ReadMemoryRoom();

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_MEMORY_PLAN_H_

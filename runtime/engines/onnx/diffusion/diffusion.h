// The family "diffusion": pictures out of noise, by the layout of diffusers' ONNX exports
// (README.md has the files, ports and parameters).
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

inline constexpr std::string_view kDiffusionNetworks[] = {"text-encoder", "unet", "transformer",
                                                          "vae-decoder", "vae-encoder"};

// As TextFamilyEntry::make. Every network runs twice on small samples, to see that they fit
// together and what they take. The parameter "memory_limit_bytes" is what pictures may take beside
// the weights; without it what the worker and the machine have left.
absl::StatusOr<std::unique_ptr<TextFamily>> MakeDiffusion(TextFamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_DIFFUSION_H_

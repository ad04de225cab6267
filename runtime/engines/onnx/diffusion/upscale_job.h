// Lanczos as a job, and as a model without files: the family "lanczos".
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_UPSCALE_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_UPSCALE_JOB_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/onnx_jobs.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

// Sides of a result at most.
inline constexpr uint32_t kMostUpscaledSide = 8192;

// A unit is decoding the picture, some rows of the result, or writing the file. `room`: bytes that
// may still be taken. Errors: FIELD_INVALID; by the first units IMAGE_UNDECODABLE and
// MEMORY_INSUFFICIENT with needed_bytes.
absl::StatusOr<std::unique_ptr<OnnxJob>> MakeUpscaleJob(engine_proto::UpscaleImageTask task,
                                                        Attachments attachments, uint64_t room,
                                                        CancelToken cancel);

// As TextFamilyEntry::make; needs no files.
absl::StatusOr<std::unique_ptr<TextFamily>> MakeLanczos(TextFamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_UPSCALE_JOB_H_

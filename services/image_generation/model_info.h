// What a loaded model says of itself, held against what it is asked. Pure.
#ifndef INTELLIGENCED_SERVICES_IMAGE_GENERATION_MODEL_INFO_H_
#define INTELLIGENCED_SERVICES_IMAGE_GENERATION_MODEL_INFO_H_

#include <cstdint>

#include "absl/status/status.h"
#include "protos/intelligence/engine/v1/image_generation.pb.h"
#include "protos/intelligence/engine/v1/worker.pb.h"
#include "protos/intelligence/v1/image_generation.pb.h"

namespace intelligenced {

// FIELD_INVALID naming what the model does not do: a style, a scheduler, a size that is no
// multiple, a source image, a mask. MEMORY_INSUFFICIENT, with needed_bytes and available_bytes, for
// a picture that needs more than `memory_bytes` while it is made. On success the style is written
// as the model writes it.
absl::Status FitToModel(const intelligence::engine::v1::ImageGenerationInfo& info,
                        uint64_t memory_bytes, intelligence::engine::v1::GenerateImageTask* task);
absl::Status FitToModel(const intelligence::engine::v1::ImageGenerationInfo& info,
                        intelligence::engine::v1::RestyleImageTask* task);

// All but the model's name.
void FromEngine(const intelligence::engine::v1::ImageGenerationInfo& info,
                intelligence::v1::GetImageModelResponse* response);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_IMAGE_GENERATION_MODEL_INFO_H_

// The limits that protos/intelligence/v1/image_generation.proto states, as limits.h has those of
// the other services.
#ifndef INTELLIGENCED_PROTOS_SUPPORT_IMAGE_LIMITS_H_
#define INTELLIGENCED_PROTOS_SUPPORT_IMAGE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace intelligenced {

// The prompt with the words of its concepts, and the negative prompt. Beyond: INPUT_TOO_LARGE.
inline constexpr size_t kMaxImagePromptBytes = size_t{16} << 10;
inline constexpr int kMaxImageConcepts = 16;
inline constexpr size_t kMaxImageStyleBytes = 64;
inline constexpr uint32_t kMaxGeneratedSide = 8192;
inline constexpr uint32_t kMaxGeneratedImages = 4;
inline constexpr uint32_t kMaxImageSteps = 1000;
inline constexpr float kMaxGuidanceScale = 50.0F;

}  // namespace intelligenced

#endif  // INTELLIGENCED_PROTOS_SUPPORT_IMAGE_LIMITS_H_

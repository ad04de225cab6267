// Requests made into the engine's tasks, and its events into answers. Pure.
#ifndef INTELLIGENCED_SERVICES_IMAGE_GENERATION_ENGINE_TASK_H_
#define INTELLIGENCED_SERVICES_IMAGE_GENERATION_ENGINE_TASK_H_

#include <string>

#include "absl/status/status.h"
#include "protos/intelligence/engine/v1/image_generation.pb.h"
#include "protos/intelligence/v1/image_generation.pb.h"

namespace intelligenced {

// What a source image loses unless the request says.
inline constexpr float kDefaultStrength = 0.8F;

// Prompt and words of the concepts, joined with commas.
std::string WholePrompt(const intelligence::v1::GenerateImageRequest& request);

// Which concept holds a picture; -1: none. A valid request has one at most.
int PictureConcept(const intelligence::v1::GenerateImageRequest& request);

// All but the pictures. `seed` where the request has none. What is not asked for stays unset: the
// model's own.
intelligence::engine::v1::GenerateImageTask ToTask(
    const intelligence::v1::GenerateImageRequest& request, uint64_t seed);
intelligence::engine::v1::RestyleImageTask ToTask(
    const intelligence::v1::RestyleImageRequest& request);
intelligence::engine::v1::UpscaleImageTask ToTask(
    const intelligence::v1::UpscaleImageRequest& request);

intelligence::v1::ImageProgress FromEngine(const intelligence::engine::v1::ImageStep& step);
intelligence::v1::GeneratedImage FromEngine(const intelligence::engine::v1::GeneratedImage& image,
                                            intelligence::engine::v1::ImageFileFormat format);

// The engine calls the picture of a concept source_image: the error names the concept.
absl::Status NameConcept(const absl::Status& status, int picture_concept);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_IMAGE_GENERATION_ENGINE_TASK_H_

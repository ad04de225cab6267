// Pictures that are made: drawn from words or from other pictures, restyled, made larger. Limits
// and errors are those of protos/intelligence/v1/image_generation.proto.
//
//   intelligence::ImageGenerator generator(*client);
//   auto result = generator.Generate({.prompt = "a red car under a yellow sun", .seed = 7});
//   if (result.ok()) WriteFile("car.png", result->images[0].data);
//
// The same model, seed and options give the same bytes. Files say in their metadata that they were
// generated, by which model and from which seed.
#ifndef INTELLIGENCE_IMAGE_GENERATION_H_
#define INTELLIGENCE_IMAGE_GENERATION_H_

#include <intelligence/client.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligence {

enum class ImageFileFormat { kDefault, kPng, kWebp };  // PNG; WebP without loss

// What a picture shall show: words, or a picture to begin with.
struct ImageConcept {
  std::string text = {};
  std::optional<VisionImage> image = {};  // in place of text; one at most
};

struct GenerateImageRequest {
  std::string prompt = {};
  std::string negative_prompt = {};
  std::vector<ImageConcept> concepts = {};  // words are joined to the prompt
  std::string style = {};                   // one of ImageModel::styles, in capitals or not
  std::optional<VisionImage> source_image = {};
  std::optional<float> strength = {};    // how much of the source is lost, 0 to 1; unset: 0.8
  std::optional<VisionImage> mask = {};  // white: drawn anew; of the source's size
  uint32_t width = 0;                    // in pixels; 0: the model's own
  uint32_t height = 0;
  uint32_t count = 1;                        // 1 to 4
  std::optional<uint32_t> steps = {};        // 1 to 1,000; unset: the model's own
  std::optional<float> guidance_scale = {};  // unset: the model's own
  std::optional<uint64_t> seed = {};         // unset: drawn; the result tells it
  std::string scheduler = {};                // one of ImageModel::schedulers
  uint32_t preview_interval = 0;             // a preview every so many steps; 0: none
  ImageFileFormat format = ImageFileFormat::kDefault;
};

struct RestyleImageRequest {
  VisionImage image = {};
  std::string style = {};
  ImageFileFormat format = ImageFileFormat::kDefault;
};

// Lanczos' filter: nothing is invented.
struct UpscaleImageRequest {
  VisionImage image = {};
  uint32_t width = 0;  // one of the two may be 0: as the picture's shape asks
  uint32_t height = 0;
  ImageFileFormat format = ImageFileFormat::kDefault;
};

struct ImageProgress {
  uint32_t step = 0;
  uint32_t steps = 0;
  std::optional<absl::Duration> expected_remaining = {};  // unset: nothing is known yet
  std::string preview = {};                               // a PNG; mostly empty
};

struct GeneratedImage {
  uint32_t index = 0;
  uint64_t seed = 0;
  uint32_t width = 0;
  uint32_t height = 0;
  ImageFileFormat format = ImageFileFormat::kDefault;
  std::string data = {};  // a file of that format
};

// The end of every such call.
struct ImagesCompleted {
  uint64_t seed = 0;  // of the first picture that was drawn
  Usage usage = {};
};

using ImageEvent =
    std::variant<Queued, ModelLoading, ImageProgress, GeneratedImage, ImagesCompleted>;

// What to be told of on the way; each may be empty. Called on the thread that waits for the result.
struct ImageCallbacks {
  std::function<void(const Queued&)> on_queued = {};
  std::function<void(const ModelLoading&)> on_model_loading = {};
  // Every step; its preview may be empty.
  std::function<void(const ImageProgress&)> on_progress = {};
  // Every preview: a PNG, and the step it is of.
  std::function<void(const std::string& png, uint32_t step)> on_preview = {};
  std::function<void(const GeneratedImage&)> on_image = {};
};

struct GenerateImageResult {
  std::vector<GeneratedImage> images = {};  // by index
  uint64_t seed = 0;                        // of the first: asked for again it gives the same
  Usage usage = {};
};

struct ChangedImageResult {
  GeneratedImage image = {};
  Usage usage = {};
};

enum class ImageTask { kDefault, kGenerate, kRestyle, kUpscale };

// What can be asked of a model.
struct ImageModel {
  std::string model = {};  // "models/{model}"
  uint32_t width = 0;      // what it was trained for, and the default
  uint32_t height = 0;
  uint32_t size_multiple = 0;
  std::vector<std::string> styles = {};      // the first is the default
  std::vector<std::string> schedulers = {};  // likewise
  uint32_t default_steps = 0;
  float default_guidance_scale = 0;
  uint64_t bytes_per_image = 0;
  bool takes_source_image = false;
  bool takes_mask = false;
  bool fixed_size = false;  // the default is the only one
};

// Thread-safe; copies share the client's connection. Cancelling ends the work within a step.
class ImageGenerator {
 public:
  explicit ImageGenerator(const Client& client) : client_(client) {}

  // FAILED_PRECONDITION (NO_CAPABLE_MODEL) where no model is installed that can; so for the others.
  absl::StatusOr<GenerateImageResult> Generate(const GenerateImageRequest& request,
                                               const CallOptions& options = {},
                                               const ImageCallbacks& callbacks = {}) const;
  // Read event by event; the last is ImagesCompleted.
  Stream<ImageEvent> StreamGenerate(const GenerateImageRequest& request,
                                    const CallOptions& options = {}) const;
  absl::StatusOr<ChangedImageResult> Restyle(const RestyleImageRequest& request,
                                             const CallOptions& options = {},
                                             const ImageCallbacks& callbacks = {}) const;
  absl::StatusOr<ChangedImageResult> Upscale(const UpscaleImageRequest& request,
                                             const CallOptions& options = {},
                                             const ImageCallbacks& callbacks = {}) const;
  // Of options.model, or of the model that would serve `task`. Loads it.
  absl::StatusOr<ImageModel> GetModel(ImageTask task = ImageTask::kDefault,
                                      const CallOptions& options = {}) const;

 private:
  Client client_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_IMAGE_GENERATION_H_

// What a model's file says of itself, whatever its format.
#ifndef INTELLIGENCED_RUNTIME_MODELS_MODEL_FILE_H_
#define INTELLIGENCED_RUNTIME_MODELS_MODEL_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// A manifest for the file at `path`, a language model in GGUF or a network in ONNX or TensorFlow
// Lite's format, without its `name` and `origin`. `file` is taken over; its name gets the ending of
// the format. `family`: what a network is; empty: what its inputs and outputs tell, of ONNX files
// only, since others are not parsed here. MODEL_CORRUPT for what is neither; errors of
// ManifestFromGguf, ManifestFromOnnx and ManifestOfFamily; FIELD_INVALID for a language model with
// a family.
absl::StatusOr<Manifest> ManifestFromModelFile(const std::string& path, ManifestFile file,
                                               std::string_view family = {});

// Lets the model of `manifest`, whose own file is at `model_path`, see through the projector at
// `projector_path`, which becomes its file `file` and its capability. FIELD_INVALID: the two do not
// fit, or the model is not one for conversations. MODEL_CORRUPT.
absl::Status AddProjectorTo(Manifest& manifest, const std::string& model_path,
                            const std::string& projector_path, ManifestFile file);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_MODEL_FILE_H_

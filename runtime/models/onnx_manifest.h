// What family a network is of: as is said, or told by the names and shapes of what goes into an
// ONNX file's and comes out.
#ifndef INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/base/onnx_file.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// A manifest for one ONNX file, without its `name` and `origin`. `file` is taken over.
// A network of no family that worker-onnx loads from one file gets the family "tensor": it is run
// on tensors only, as any of them can be. With a `family` it is of that one; whether it fits shows
// when the model is loaded. FIELD_INVALID for operators or weights from elsewhere, and for a family
// that there is not ("header.family").
absl::StatusOr<Manifest> ManifestFromOnnx(const OnnxSummary& summary, ManifestFile file,
                                          std::string_view family = {});

// The same for a network in a file that only its engine reads (TensorFlow Lite's). It cannot be run
// on tensors. FIELD_INVALID for no family, and as above.
absl::StatusOr<Manifest> ManifestOfFamily(std::string_view family, ManifestFile file);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_

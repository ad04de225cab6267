// What family a network in an ONNX file is of, told by the names and shapes of what goes in and
// comes out.
#ifndef INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_

#include "absl/status/statusor.h"
#include "runtime/base/onnx_file.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// A manifest for one ONNX file, without its `name` and `origin`. `file` is taken over.
// A network of no family that worker-onnx loads from one file gets the family "tensor": it is run
// on tensors only, as any of them can be. FIELD_INVALID for one with operators or weights from
// elsewhere.
absl::StatusOr<Manifest> ManifestFromOnnx(const OnnxSummary& summary, ManifestFile file);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_ONNX_MANIFEST_H_

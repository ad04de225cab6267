// What a published pipeline that draws is: networks, tokenizer and scheduler in folders of their
// own, as diffusers' ONNX exports have them.
#ifndef INTELLIGENCED_RUNTIME_MODELS_PIPELINE_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_PIPELINE_MANIFEST_H_

#include <vector>

#include "absl/status/statusor.h"
#include "runtime/models/export_manifest.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// A manifest of the family "diffusion" without its `name` and `origin`, of files named as in the
// pipeline's folder, one of them model_index.json. Roles are those of
// runtime/engines/onnx/diffusion/README.md; the parameters width, height, steps and guidance_scale
// are filled in by the configurations, "x-scheduler" and "x-prediction" say what was read. Blocks
// for reading small files and the headers of the networks.
// FIELD_INVALID (file.name): a part or a network's weights are missing, a network is there twice, a
// part, tokenizer, scheduler or prediction is not known. MODEL_CORRUPT: a file is not what its name
// says, or networks do not fit together (channels, widths), with both numbers.
absl::StatusOr<Manifest> ManifestFromPipeline(const std::vector<ExportFile>& files);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_PIPELINE_MANIFEST_H_

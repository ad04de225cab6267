// What a published model of several files is: a configuration, a tokenizer and networks in ONNX, as
// Hugging Face Optimum exports them. Told by the files' names and by what the configuration says.
#ifndef INTELLIGENCED_RUNTIME_MODELS_EXPORT_MANIFEST_H_
#define INTELLIGENCED_RUNTIME_MODELS_EXPORT_MANIFEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

// A file of an export: `file` has its published name, its size and hash; `path` is where it lies.
struct ExportFile {
  ManifestFile file;
  std::string path;
};

// A manifest without its `name` and `origin`. Files that the engine does not need are left out.
// Reads small files and the headers of the networks. A file may lie in a folder of the model
// ("unet/model.onnx"); a pipeline of such parts names itself in model_index.json. Known are
// translating models (OPUS-MT, M2M100, NLLB: family "seq2seq"), encoders (encoder_manifest.h) and
// pipelines that draw (pipeline_manifest.h).
// FIELD_INVALID (file.name) says what is missing, or that the model is of no known kind;
// MODEL_CORRUPT for files that are not what their names say.
absl::StatusOr<Manifest> ManifestFromExport(const std::vector<ExportFile>& files);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_EXPORT_MANIFEST_H_

#include "runtime/models/model_file.h"

#include <utility>

#include "runtime/base/onnx_file.h"
#include "runtime/models/gguf_metadata.h"
#include "runtime/models/onnx_manifest.h"

namespace intelligenced {

absl::StatusOr<Manifest> ManifestFromModelFile(const std::string& path, ManifestFile file) {
  if (StartsAsOnnx(path)) {
    const absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(path);
    if (!summary.ok()) return summary.status();
    file.name += ".onnx";
    return ManifestFromOnnx(*summary, std::move(file));
  }
  const absl::StatusOr<GgufMetadata> metadata = ReadGgufFile(path);
  if (!metadata.ok()) return metadata.status();
  file.name += ".gguf";
  return ManifestFromGguf(*metadata, std::move(file));
}

}  // namespace intelligenced

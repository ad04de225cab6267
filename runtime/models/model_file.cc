#include "runtime/models/model_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "runtime/base/fd.h"
#include "runtime/base/onnx_file.h"
#include "runtime/base/reasons.h"
#include "runtime/models/gguf_metadata.h"
#include "runtime/models/onnx_manifest.h"

namespace intelligenced {

namespace {

bool StartsAsTflite(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  constexpr std::string_view kIdentifier = "TFL3";
  char bytes[kIdentifier.size()] = {};
  // A FlatBuffer begins with where its root is.
  return file.valid() && pread(file.get(), bytes, sizeof(bytes), 4) == sizeof(bytes) &&
         std::string_view(bytes, sizeof(bytes)) == kIdentifier;
}

}  // namespace

absl::StatusOr<Manifest> ManifestFromModelFile(const std::string& path, ManifestFile file,
                                               std::string_view family) {
  if (StartsAsTflite(path)) {
    file.name += ".tflite";
    return ManifestOfFamily(family, std::move(file));
  }
  if (StartsAsOnnx(path)) {
    const absl::StatusOr<OnnxSummary> summary = ReadOnnxFile(path);
    if (!summary.ok()) return summary.status();
    file.name += ".onnx";
    return ManifestFromOnnx(*summary, std::move(file), family);
  }
  const absl::StatusOr<GgufMetadata> metadata = ReadGgufFile(path);
  if (!metadata.ok()) return metadata.status();
  if (!family.empty()) {
    return FieldError("header.family", "Only networks have one; this is a language model.");
  }
  file.name += ".gguf";
  return ManifestFromGguf(*metadata, std::move(file));
}

absl::Status AddProjectorTo(Manifest& manifest, const std::string& model_path,
                            const std::string& projector_path, ManifestFile file) {
  if (manifest.engine != "llama") {
    return FieldError("projector", "Only language models in GGUF files have a projector.");
  }
  const absl::StatusOr<GgufMetadata> projector = ReadGgufFile(projector_path);
  if (!projector.ok()) return projector.status();
  const absl::StatusOr<GgufMetadata> model = ReadGgufFile(model_path);
  if (!model.ok()) return model.status();
  if (!model->has_chat_template) {
    return FieldError("projector",
                      "The model has no chat template: pictures can only be shown to a model made "
                      "for conversations.");
  }
  if (absl::Status status = CheckProjector(*projector, *model); !status.ok()) return status;
  manifest.files.push_back(std::move(file));
  manifest.capabilities.push_back(kDescribeImageCapability);
  return absl::OkStatus();
}

}  // namespace intelligenced

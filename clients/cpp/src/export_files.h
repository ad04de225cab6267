// Which files of a folder are the model in it, when it is published as several files.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_EXPORT_FILES_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_EXPORT_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligence {

struct ExportedFile {
  // As the daemon is told it: with the folder of a pipeline's part ("unet/model.onnx").
  std::string name;
  std::string path;
};

// config.json first, then the tokenizer's files and the networks in ONNX, which may lie in the
// folder "onnx". Of a pipeline model_index.json, then what is in its folders, with the files that a
// network keeps its weights in. Of a network in
// several precisions the one of `variant` ("quantized", "fp16"; empty: the plain one, or else the
// quantized) is taken; of the decoders the merged one where it is there. Empty files are left out.
// FIELD_INVALID for a folder with neither model_index.json nor config.json, or without networks,
// for a variant or weights that are not there, and for more than 63 files.
absl::StatusOr<std::vector<ExportedFile>> FindExportedFiles(const std::string& folder,
                                                            const std::string& variant);

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_EXPORT_FILES_H_

// What an ONNX file says of the network in it, without ONNX Runtime: for the daemon, which links no
// engine and must tell what a file is before it is installed, and for the engine, which refuses
// what it should not even try. A reader of our own because the file may be hostile: weights are
// skipped, memory does not grow with the file, and the number of fields that are looked at is
// limited.
#ifndef INTELLIGENCED_RUNTIME_BASE_ONNX_FILE_H_
#define INTELLIGENCED_RUNTIME_BASE_ONNX_FILE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligenced {

// ONNX's numbers for the types of elements that matter here.
inline constexpr int kOnnxFloat = 1;
inline constexpr int kOnnxFloat16 = 10;

struct OnnxPort {
  std::string name;
  int element_type = 0;
  // -1: decided when it is run. Empty for what is no tensor, or a single number.
  std::vector<int64_t> shape;
};

struct OnnxSummary {
  std::string producer;
  // Inputs that are not weights.
  std::vector<OnnxPort> inputs;
  std::vector<OnnxPort> outputs;
  // Kinds of nodes, in subgraphs also: "Conv", "Exp".
  std::set<std::string> operators;
  // Domains of nodes that are neither ONNX's own, nor Microsoft's, nor functions of this file.
  std::set<std::string> custom_domains;
  // Names of other files that hold weights of this one.
  std::set<std::string> external_files;
  // How many bytes of each of them are wanted, as far as it says.
  std::map<std::string, uint64_t> external_bytes;

  const OnnxPort* FindOutput(std::string_view name) const;
};

// True for bytes that an ONNX file may begin with; other formats begin so too. Of a file: also
// false when it cannot be read.
bool MayBeOnnx(std::string_view first_bytes);
bool StartsAsOnnx(const std::string& path);

// Blocks while it reads. MODEL_CORRUPT when the file is not one whole ONNX model (cut off, broken,
// no graph, more than 16 levels of subgraphs, 20 million fields or 4,096 inputs or outputs);
// NOT_FOUND and others of the file system as ReadFile.
absl::StatusOr<OnnxSummary> ReadOnnxFile(const std::string& path);

// Whether the file can be loaded at all: MODEL_LOAD_FAILED for custom operators and for weights in
// other files, with their names.
absl::Status CheckOnnxIsSelfContained(const OnnxSummary& summary);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_BASE_ONNX_FILE_H_

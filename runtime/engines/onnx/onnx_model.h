// A loaded network as a model: vision tasks where its family is known, runs on tensors, and
// measurements.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/family.h"
#include "runtime/engines/onnx/measure/network_measurer.h"
#include "runtime/engines/onnx/recording.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

struct OnnxModelParts {
  // Null: no pictures.
  std::unique_ptr<Family> family;
  // Null: no texts. At most one of the two is there.
  std::unique_ptr<TextFamily> text_family;
  // Those in ONNX files, the one with the role "model" first. None: neither runs on tensors nor
  // measurements.
  std::vector<MeasuredNetwork> networks;
  // What the family's networks write to. Not null.
  std::shared_ptr<SeenShapes> seen;
  uint32_t threads = 1;
  // For ModelInfo.
  std::string description;
  // For Measurement.
  uint64_t weight_bytes = 0;
  absl::Duration load_time;
};

// The unit of a step is decoding the picture, one request, one run. Decoding a picture of 12
// megapixels takes longer than a quantum and cannot be cut; a network's run ends at a cancel.
// `clock` must outlive the model.
std::unique_ptr<Model> MakeOnnxModel(OnnxModelParts parts, const Clock* clock);

// One run on a grey picture of 64×64: brings the weights into memory and shows whether the
// network's answers have the family's shapes. MODEL_LOAD_FAILED, CANCELLED.
absl::Status WarmUp(Family& family, const CancelToken& cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_

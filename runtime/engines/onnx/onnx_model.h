// A loaded family as a model: vision tasks, one request after another.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_

#include <memory>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// The unit of a step is decoding the picture, or one request. Decoding a picture of 12 megapixels
// takes longer than a quantum and cannot be cut; a network's run ends at a cancel. `clock` must
// outlive the model. `description`: for ModelInfo.
std::unique_ptr<Model> MakeOnnxModel(std::unique_ptr<Family> family, const Clock* clock,
                                     uint32_t threads, std::string description);

// One run on a grey picture of 64×64: brings the weights into memory and shows whether the
// network's answers have the family's shapes. MODEL_LOAD_FAILED, CANCELLED.
absl::Status WarmUp(Family& family, const CancelToken& cancel);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_ONNX_MODEL_H_

// The built-in vision model: text, barcodes, shapes, faces and people from the front, saliency,
// feature prints and measured scores. No neural network of its own but Tesseract's; nothing to
// download. What each request does and where its formulas come from: README.md.
//
// ModelSpec.files: "text-model" names one of Tesseract's *.traineddata (its folder is where the
// others are looked for, English among them), "face-cascade" an OpenCV cascade. No parameters.
// ModelInfo: width as ModelSpec.threads, as many jobs a step, device "cpu", no tokens.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_ENGINE_H_

#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// `clock` times the budget of a step and must outlive the engine; null: the system's.
std::unique_ptr<Engine> MakeVisionEngine(const Clock* clock = nullptr);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_VISION_ENGINE_H_

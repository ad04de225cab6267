// SqueezeNet 1.1 (Iandola et al. 2016), as in the samples of Windows Machine Learning: what a
// picture shows, in a thousand classes.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SQUEEZENET_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SQUEEZENET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/engines/onnx/family.h"

namespace intelligenced {

// "labels" is a text with a line for each class; without it classes are "class_0" and so on.
absl::StatusOr<std::unique_ptr<Family>> MakeSqueezenet(FamilyParts parts);

// The names for `classes` classes. One line more than classes, "background" first, is what other
// networks need: that line is left out. MODEL_LOAD_FAILED for any other number of labels but none.
absl::StatusOr<std::vector<std::string>> ClassNames(std::vector<std::string> labels,
                                                    size_t classes);

// At most `limit` classes of at least `min_confidence`, the surest first.
vision_proto::Classifications BestClasses(absl::Span<const float> probabilities,
                                          absl::Span<const std::string> names, float min_confidence,
                                          size_t limit);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILIES_SQUEEZENET_H_

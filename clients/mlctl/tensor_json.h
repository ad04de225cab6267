// Tensors as JSON, and as text. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_TENSOR_JSON_H_
#define INTELLIGENCED_CLIENTS_MLCTL_TENSOR_JSON_H_

#include <intelligence/client.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// "FLOAT32": the API's name without its prefix.
std::string_view Name(intelligence::TensorType value);

// "1×3×?"; names of open dimensions in their place.
std::string ShapeText(const intelligence::TensorSpec& spec);

Json ToJson(const intelligence::ModelSignature& signature);
// {"outputs": [{"name", "type", "shape", "values"}], "usage"}. Values are in one list, row by row;
// what is no number is null.
Json ToJson(const intelligence::RunModelResult& result);

// {"inputs": [{"name", "type", "shape", "values"}], "outputs": ["name"]}. Each tensor has its
// values in "values" (nested lists are taken too, and give the shape where there is none), or their
// bytes as base64 in "data". "type" may be missing: FLOAT32, or STRING. INVALID_ARGUMENT with the
// place.
absl::StatusOr<intelligence::RunModelRequest> ParseRunModelRequest(std::string_view text);

// For a person: names, types, shapes; and of results the first values.
std::string RenderSignature(const intelligence::ModelSignature& signature, const Palette& palette);
std::string RenderTensors(const std::vector<intelligence::Tensor>& tensors, const Palette& palette);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_TENSOR_JSON_H_

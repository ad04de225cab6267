// The family "style-transfer": published networks that give a picture the look of another.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_STYLE_TRANSFER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_STYLE_TRANSFER_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime/engines/onnx/text_family.h"

namespace intelligenced {

// "model" is the style that the parameter "style" names (or the model itself); "style-mosaic" is
// the style "mosaic".
inline constexpr std::string_view kStyleNetworks[] = {"model", "style-*"};

// As TextFamilyEntry::make. A network has one input and one output of 1×3×height×width: red, green
// and blue, 0 to 255; with the parameter "colour_order" "bgr" blue first, both ways. One that fixes
// its size gets the picture scaled to fit, its border repeated; others the picture itself, made
// smaller where it has more than 1,024 pixels a side. The result has the picture's own size. What a
// network does to a part depends on the whole (it normalizes over it), so that a unit is the
// picture.
absl::StatusOr<std::unique_ptr<TextFamily>> MakeStyleTransfer(TextFamilyParts parts);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_DIFFUSION_STYLE_TRANSFER_H_

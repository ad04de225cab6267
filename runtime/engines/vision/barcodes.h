// Barcodes: ZXing.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_BARCODES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_BARCODES_H_

#include "absl/status/statusor.h"
#include "runtime/engines/vision/picture.h"

namespace intelligenced {

// All of the symbologies asked for, none twice, from top to bottom. Reads as the library's own
// reader does with everything on. FIELD_INVALID ("symbologies") for one that cannot be asked for.
absl::StatusOr<vision_proto::Barcodes> DetectBarcodes(const View& view,
                                                      const vision_proto::DetectBarcodes& request,
                                                      uint32_t max_results);

absl::Status CheckSymbologies(const vision_proto::DetectBarcodes& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_BARCODES_H_

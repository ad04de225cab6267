// Rectangles, documents, contours and the horizon: classical image processing.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_SHAPES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_SHAPES_H_

#include "absl/status/statusor.h"
#include "runtime/engines/vision/picture.h"

namespace intelligenced {

// All pure. What comes out after `go_on` said no is of no use.
vision_proto::Regions DetectRectangles(const View& view, const vision_proto::VisionRequest& request,
                                       const GoOn& go_on);

// The largest rectangle that covers a tenth of the view or more. Errors: MEMORY_INSUFFICIENT.
absl::StatusOr<vision_proto::DocumentSegmentation> DetectDocument(
    const View& view, const vision_proto::DetectDocumentSegmentation& request, const GoOn& go_on);

vision_proto::Contours DetectContours(const View& view, const vision_proto::DetectContours& request,
                                      uint32_t max_results);

vision_proto::Horizon DetectHorizon(const View& view);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_SHAPES_H_

// The part of a picture that a request looks at, and the way back to the whole picture's
// coordinates. Coordinates are pixels of the part: borders count from 0 to its width.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_VIEW_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_VIEW_H_

#include <string_view>

#include "runtime/engines/onnx/boxes.h"
#include "runtime/engines/onnx/network.h"
#include "runtime/engines/task_image/task_image.h"
#include "runtime/media/image.h"
#include "runtime/media/sample.h"

namespace intelligenced {

// Refers to the picture, which must outlive it.
class View {
 public:
  View(const Image* image, PixelBox part) : image_(image), part_(part) {}

  float width() const { return static_cast<float>(part_.width); }
  float height() const { return static_cast<float>(part_.height); }

  // One picture as a network's input: 1×3×height×width where `planar`, else 1×height×width×3.
  // `options.to_picture` goes to pixels of the part.
  Tensor Sample(SampleOptions options) const;

  // Into parts of the whole picture, 0 to 1; what lies outside is moved to the border.
  void SetPoint(PointF from, vision_proto::Point* to) const;
  void SetBox(const BoxF& from, vision_proto::Rect* to) const;
  // Landmarks may lie outside the picture: they are not moved.
  void AddLandmark(std::string_view name, PointF from, float depth, float confidence,
                   google::protobuf::RepeatedPtrField<vision_proto::Landmark>* to) const;

  // The same picture with other parts in it: values of the view, 0 to 1, as a map of the whole
  // picture, where what lies outside the part is 0. `values` has `columns` × `rows`.
  vision_proto::Heatmap Map(const float* values, int columns, int rows) const;

 private:
  const Image* const image_;
  const PixelBox part_;
};

// How a part of `width` × `height` is laid into a network's input so that its shape is kept: at the
// top left corner, or in the middle.
struct Letterbox {
  // Pixels of the input for one of the part.
  float scale = 1;
  float left = 0;
  float top = 0;

  Affine to_picture() const { return {1 / scale, 0, -left / scale, 0, 1 / scale, -top / scale}; }
};
Letterbox FitTopLeft(float width, float height, int input_width, int input_height);
Letterbox FitCentre(float width, float height, int input_width, int input_height);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_VIEW_H_

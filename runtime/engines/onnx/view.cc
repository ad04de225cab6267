#include "runtime/engines/onnx/view.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/types/span.h"

namespace intelligenced {

Tensor View::Sample(SampleOptions options) const {
  options.to_picture.c += static_cast<float>(part_.x);
  options.to_picture.f += static_cast<float>(part_.y);
  Tensor tensor;
  const Shape sides = {options.height, options.width};
  tensor.shape = options.planar ? Shape{1, 3, sides[0], sides[1]} : Shape{1, sides[0], sides[1], 3};
  tensor.values.resize(static_cast<size_t>(options.width) * options.height * 3);
  SamplePicture(*image_, options, absl::MakeSpan(tensor.values));
  return tensor;
}

void View::SetPoint(PointF from, vision_proto::Point* to) const {
  to->set_x(std::clamp((from.x + static_cast<float>(part_.x)) / static_cast<float>(image_->width()),
                       0.0F, 1.0F));
  to->set_y(std::clamp(
      (from.y + static_cast<float>(part_.y)) / static_cast<float>(image_->height()), 0.0F, 1.0F));
}

void View::SetBox(const BoxF& from, vision_proto::Rect* to) const {
  vision_proto::Point first, last;
  SetPoint({from.left, from.top}, &first);
  SetPoint({from.right, from.bottom}, &last);
  to->set_x(first.x());
  to->set_y(first.y());
  to->set_width(last.x() - first.x());
  to->set_height(last.y() - first.y());
}

void View::AddLandmark(std::string_view name, PointF from, float depth, float confidence,
                       google::protobuf::RepeatedPtrField<vision_proto::Landmark>* to) const {
  vision_proto::Landmark* const landmark = to->Add();
  landmark->set_name(std::string(name));
  vision_proto::Point* const position = landmark->mutable_position();
  position->set_x((from.x + static_cast<float>(part_.x)) / static_cast<float>(image_->width()));
  position->set_y((from.y + static_cast<float>(part_.y)) / static_cast<float>(image_->height()));
  landmark->set_depth(depth / static_cast<float>(image_->width()));
  landmark->set_confidence(std::clamp(confidence, 0.0F, 1.0F));
}

vision_proto::Heatmap View::Map(const float* values, int columns, int rows) const {
  // As fine as the values are, over the whole picture.
  const auto across = static_cast<float>(columns) / width();
  const auto down = static_cast<float>(rows) / height();
  constexpr float kMostSide = 1024;
  const float map_width =
      std::clamp(std::round(across * static_cast<float>(image_->width())), 1.0F, kMostSide);
  const float map_height =
      std::clamp(std::round(down * static_cast<float>(image_->height())), 1.0F, kMostSide);
  vision_proto::Heatmap map;
  map.set_width(static_cast<uint32_t>(map_width));
  map.set_height(static_cast<uint32_t>(map_height));
  std::string& bytes = *map.mutable_values();
  bytes.assign(static_cast<size_t>(map.width()) * map.height(), '\0');
  for (uint32_t y = 0; y < map.height(); ++y) {
    const float row = ((static_cast<float>(y) + 0.5F) * image_->height() / map_height -
                       static_cast<float>(part_.y)) *
                      down;
    if (!(row >= 0 && row < static_cast<float>(rows))) continue;
    for (uint32_t x = 0; x < map.width(); ++x) {
      const float column = ((static_cast<float>(x) + 0.5F) * image_->width() / map_width -
                            static_cast<float>(part_.x)) *
                           across;
      if (!(column >= 0 && column < static_cast<float>(columns))) continue;
      const float value = values[static_cast<size_t>(row) * columns + static_cast<size_t>(column)];
      // Written so that what is no number is 0.
      const float part = value > 0 ? std::min(value, 1.0F) : 0.0F;
      bytes[static_cast<size_t>(y) * map.width() + x] =
          static_cast<char>(static_cast<uint8_t>(std::lround(part * 255)));
    }
  }
  return map;
}

Letterbox FitTopLeft(float width, float height, int input_width, int input_height) {
  return {.scale = std::min(static_cast<float>(input_width) / width,
                            static_cast<float>(input_height) / height)};
}

Letterbox FitCentre(float width, float height, int input_width, int input_height) {
  Letterbox box = FitTopLeft(width, height, input_width, input_height);
  box.left = (static_cast<float>(input_width) - width * box.scale) / 2;
  box.top = (static_cast<float>(input_height) - height * box.scale) / 2;
  return box;
}

}  // namespace intelligenced

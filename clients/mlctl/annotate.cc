#include "clients/mlctl/annotate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/media/image.h"
#include "runtime/media/image_decode.h"

namespace intelligenced::mlctl {
namespace {

using Colour = std::array<uint8_t, 3>;
using intelligence::Point;
using intelligence::Quad;
using intelligence::Rect;

constexpr Colour kTextColour = {20, 110, 230};
constexpr Colour kBarcodeColour = {220, 30, 160};
constexpr Colour kFaceColour = {240, 150, 0};
constexpr Colour kRegionColour = {0, 170, 60};
constexpr Colour kSaliencyColour = {230, 30, 30};

class Canvas {
 public:
  explicit Canvas(Image* image)
      : image_(*image), width_(std::max(1, std::max(image->width(), image->height()) / 400)) {}

  void Line(Point from, Point to, Colour colour) {
    const double x0 = from.x * image_.width(), y0 = from.y * image_.height();
    const double x1 = to.x * image_.width(), y1 = to.y * image_.height();
    const int steps = std::max(1, static_cast<int>(std::hypot(x1 - x0, y1 - y0)));
    for (int i = 0; i <= steps; ++i) {
      const double part = static_cast<double>(i) / steps;
      Dot(static_cast<int>(std::lround(x0 + (x1 - x0) * part)),
          static_cast<int>(std::lround(y0 + (y1 - y0) * part)), colour);
    }
  }
  void Shape(const std::vector<Point>& corners, Colour colour) {
    for (size_t i = 0; i < corners.size(); ++i) {
      Line(corners[i], corners[(i + 1) % corners.size()], colour);
    }
  }
  void Corners(const Quad& quad, Colour colour) {
    Shape({quad.top_left, quad.top_right, quad.bottom_right, quad.bottom_left}, colour);
  }
  void Box(const Rect& box, Colour colour) {
    const float right = box.x + box.width, bottom = box.y + box.height;
    Shape({{box.x, box.y}, {right, box.y}, {right, bottom}, {box.x, bottom}}, colour);
  }
  void Mark(Point at, Colour colour) {
    const float reach = 0.008F;
    Line({at.x - reach, at.y}, {at.x + reach, at.y}, colour);
    Line({at.x, at.y - reach}, {at.x, at.y + reach}, colour);
  }

 private:
  void Dot(int x, int y, Colour colour) {
    for (int dy = -width_ / 2; dy <= width_ / 2; ++dy) {
      for (int dx = -width_ / 2; dx <= width_ / 2; ++dx) {
        if (x + dx < 0 || x + dx >= image_.width() || y + dy < 0 || y + dy >= image_.height()) {
          continue;
        }
        uint8_t* const pixel = image_.row(y + dy) + static_cast<ptrdiff_t>(3) * (x + dx);
        std::copy(colour.begin(), colour.end(), pixel);
      }
    }
  }

  Image& image_;
  const int width_;
};

struct Drawer {
  Canvas& canvas;

  void operator()(const intelligence::RecognizedText& text) const {
    for (const auto& block : text.blocks) {
      for (const auto& line : block.lines) canvas.Corners(line.corners, kTextColour);
    }
  }
  void operator()(const intelligence::Regions& regions) const {
    for (const auto& region : regions.regions) canvas.Corners(region.corners, kRegionColour);
  }
  void operator()(const intelligence::Barcodes& barcodes) const {
    for (const auto& one : barcodes.barcodes) canvas.Corners(one.corners, kBarcodeColour);
  }
  void operator()(const intelligence::DocumentSegmentation& document) const {
    if (document.document) canvas.Corners(document.document->corners, kRegionColour);
  }
  void operator()(const intelligence::Contours& contours) const {
    for (const auto& one : contours.contours) canvas.Shape(one.points, kRegionColour);
  }
  void operator()(const intelligence::Faces& faces) const {
    for (const auto& face : faces.faces) {
      canvas.Box(face.box, kFaceColour);
      for (const auto& landmark : face.landmarks) canvas.Mark(landmark.position, kFaceColour);
    }
  }
  void operator()(const intelligence::Saliency& saliency) const {
    for (const auto& region : saliency.regions) canvas.Box(region.box, kSaliencyColour);
  }
  // The others have no place in the picture.
  template <typename Other>
  void operator()(const Other&) const {}
};

absl::StatusOr<Image> InColour(Image image) {
  if (image.channels() == 3) return image;
  absl::StatusOr<Image> out = Image::Make(image.width(), image.height(), 3);
  if (!out.ok()) return out.status();
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    std::fill_n(out->data() + 3 * i, 3, image.data()[i]);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> Annotate(std::string_view file,
                                     const intelligence::AnalyzeImageResult& result) {
  absl::StatusOr<DecodedImage> decoded =
      DecodeImage({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  if (!decoded.ok()) return decoded.status();
  absl::StatusOr<Image> image = Upright(std::move(decoded->image), decoded->orientation);
  if (image.ok()) image = InColour(*std::move(image));
  if (!image.ok()) return image.status();
  Canvas canvas(&*image);
  for (const intelligence::VisionResult& one : result.results) {
    std::visit(Drawer{canvas}, one.kind);
  }
  return EncodePng(*image);
}

}  // namespace intelligenced::mlctl

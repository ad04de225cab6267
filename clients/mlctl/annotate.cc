#include "clients/mlctl/annotate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
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
constexpr Colour kBoneColour = {60, 220, 220};
constexpr Colour kJointColour = {230, 30, 30};
constexpr Colour kPersonColour = {90, 60, 230};
// How much of the tint's colour a person is drawn in.
constexpr int kTintPart = 5;
constexpr int kTintWhole = 10;

// What a skeleton's lines join, for hands and for bodies.
using Bone = std::pair<std::string_view, std::string_view>;
constexpr Bone kBones[] = {
    {"wrist", "thumb_cmc"},
    {"thumb_cmc", "thumb_mcp"},
    {"thumb_mcp", "thumb_ip"},
    {"thumb_ip", "thumb_tip"},
    {"wrist", "index_mcp"},
    {"index_mcp", "index_pip"},
    {"index_pip", "index_dip"},
    {"index_dip", "index_tip"},
    {"index_mcp", "middle_mcp"},
    {"middle_mcp", "middle_pip"},
    {"middle_pip", "middle_dip"},
    {"middle_dip", "middle_tip"},
    {"middle_mcp", "ring_mcp"},
    {"ring_mcp", "ring_pip"},
    {"ring_pip", "ring_dip"},
    {"ring_dip", "ring_tip"},
    {"ring_mcp", "little_mcp"},
    {"wrist", "little_mcp"},
    {"little_mcp", "little_pip"},
    {"little_pip", "little_dip"},
    {"little_dip", "little_tip"},
    {"left_ear", "left_eye"},
    {"left_eye", "nose"},
    {"nose", "right_eye"},
    {"right_eye", "right_ear"},
    {"left_mouth_corner", "right_mouth_corner"},
    {"left_shoulder", "right_shoulder"},
    {"left_shoulder", "left_elbow"},
    {"left_elbow", "left_wrist"},
    {"left_wrist", "left_thumb"},
    {"left_wrist", "left_index"},
    {"left_wrist", "left_little"},
    {"right_shoulder", "right_elbow"},
    {"right_elbow", "right_wrist"},
    {"right_wrist", "right_thumb"},
    {"right_wrist", "right_index"},
    {"right_wrist", "right_little"},
    {"left_shoulder", "left_hip"},
    {"right_shoulder", "right_hip"},
    {"left_hip", "right_hip"},
    {"left_hip", "left_knee"},
    {"left_knee", "left_ankle"},
    {"left_ankle", "left_heel"},
    {"left_heel", "left_foot_tip"},
    {"left_ankle", "left_foot_tip"},
    {"right_hip", "right_knee"},
    {"right_knee", "right_ankle"},
    {"right_ankle", "right_heel"},
    {"right_heel", "right_foot_tip"},
    {"right_ankle", "right_foot_tip"},
};
// What the model says it does not see is not drawn.
constexpr float kLeastSure = 0.3F;
constexpr Colour kTrackedColour = {0, 190, 200};
constexpr Colour kLostColour = {150, 150, 150};
// Of flow: shorter ones are noise.
constexpr float kMinMove = 0.002F;

class Canvas {
 public:
  explicit Canvas(Image* image)
      : image_(*image), width_(std::max(1, std::max(image->width(), image->height()) / 400)) {}

  void Line(Point from, Point to, Colour colour) {
    const double x0 = from.x * image_.width(), y0 = from.y * image_.height();
    const double x1 = to.x * image_.width(), y1 = to.y * image_.height();
    // Joints may lie outside the picture, but not anywhere.
    constexpr double kMost = 1 << 18;
    if (!(std::hypot(x0, y0) < kMost && std::hypot(x1, y1) < kMost)) return;
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
  void Spot(Point at, Colour colour) { Line(at, at, colour); }
  void Joint(Point at, Colour colour) {
    const float across = 1.5F * static_cast<float>(width_) / static_cast<float>(image_.width());
    const float down = 1.5F * static_cast<float>(width_) / static_cast<float>(image_.height());
    Box({at.x - across, at.y - down, 2 * across, 2 * down}, colour);
    Spot(at, colour);
  }
  // Mixes the colour in where the map is high; places of the map lie over the whole picture.
  void Tint(const intelligence::Heatmap& map, Colour colour) {
    if (map.values.size() != uint64_t{map.width} * map.height || map.values.empty()) return;
    for (int y = 0; y < image_.height(); ++y) {
      const auto row = static_cast<size_t>(uint64_t(y) * map.height / image_.height());
      for (int x = 0; x < image_.width(); ++x) {
        const auto column = static_cast<size_t>(uint64_t(x) * map.width / image_.width());
        const auto value = static_cast<uint8_t>(map.values[row * map.width + column]);
        uint8_t* const pixel = image_.row(y) + static_cast<ptrdiff_t>(3) * x;
        const int part = value * kTintPart;
        for (size_t c = 0; c < colour.size(); ++c) {
          pixel[c] = static_cast<uint8_t>(
              (pixel[c] * (255 * kTintWhole - part) + colour[c] * part) / (255 * kTintWhole));
        }
      }
    }
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

// Null: there is none that is sure enough.
const intelligence::Landmark* FindJoint(const intelligence::Pose& pose, std::string_view name) {
  const auto found = std::find_if(pose.joints.begin(), pose.joints.end(),
                                  [&](const intelligence::Landmark& joint) {
                                    return joint.name == name && joint.confidence >= kLeastSure;
                                  });
  return found == pose.joints.end() ? nullptr : &*found;
}

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
      for (const auto& landmark : face.landmarks) {
        // Hundreds of them, close together.
        if (landmark.name.starts_with("mesh_")) {
          canvas.Spot(landmark.position, kFaceColour);
        } else {
          canvas.Mark(landmark.position, kFaceColour);
        }
      }
    }
  }
  void operator()(const intelligence::Poses& poses) const {
    for (const intelligence::Pose& pose : poses.poses) {
      for (const auto& [from, to] : kBones) {
        const intelligence::Landmark* const first = FindJoint(pose, from);
        const intelligence::Landmark* const last = FindJoint(pose, to);
        if (first != nullptr && last != nullptr) {
          canvas.Line(first->position, last->position, kBoneColour);
        }
      }
      for (const intelligence::Landmark& joint : pose.joints) {
        if (joint.confidence >= kLeastSure) canvas.Joint(joint.position, kJointColour);
      }
    }
  }
  void operator()(const intelligence::PersonSegmentation& person) const {
    canvas.Tint(person.mask, kPersonColour);
  }
  void operator()(const intelligence::Saliency& saliency) const {
    for (const auto& region : saliency.regions) canvas.Box(region.box, kSaliencyColour);
  }
  void operator()(const intelligence::TrackedObject& object) const {
    canvas.Box(object.box, object.lost ? kLostColour : kTrackedColour);
  }
  void operator()(const intelligence::TrackedRectangle& rectangle) const {
    canvas.Corners(rectangle.corners, rectangle.lost ? kLostColour : kTrackedColour);
  }
  // From where what a cell shows was in the frame before.
  void operator()(const intelligence::OpticalFlow& flow) const {
    for (size_t i = 0; i < flow.displacements.size(); ++i) {
      const Point moved = flow.displacements[i];
      if (std::hypot(moved.x, moved.y) < kMinMove) continue;
      const Point at = {
          (static_cast<float>(i % flow.width) + 0.5F) / static_cast<float>(flow.width),
          (static_cast<float>(i / flow.width) + 0.5F) / static_cast<float>(flow.height)};
      canvas.Line({at.x - moved.x, at.y - moved.y}, at, kTrackedColour);
    }
  }
  // Where the frame before was.
  void operator()(const intelligence::ImageAlignment& alignment) const {
    if (!alignment.transform.has_value()) return;
    std::vector<Point> corners;
    for (const Point corner : {Point{0, 0}, Point{1, 0}, Point{1, 1}, Point{0, 1}}) {
      const std::optional<Point> at = intelligence::Mapped(alignment, corner);
      if (!at.has_value()) return;
      corners.push_back({2 * corner.x - at->x, 2 * corner.y - at->y});
    }
    canvas.Shape(corners, kTrackedColour);
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

absl::StatusOr<Image> Annotated(std::string_view file,
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
  return image;
}

absl::StatusOr<std::string> Annotate(std::string_view file,
                                     const intelligence::AnalyzeImageResult& result) {
  const absl::StatusOr<Image> image = Annotated(file, result);
  if (!image.ok()) return image.status();
  return EncodePng(*image);
}

}  // namespace intelligenced::mlctl

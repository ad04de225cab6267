#include "runtime/engines/onnx/families/ppocr_detection.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace intelligenced {
namespace {

constexpr std::string_view kName = "ppocr-det";
constexpr std::array kServes = {Family::RequestKind::kDetectTextRectangles};
constexpr float kText = 0.3F;
constexpr float kMinScore = 0.6F;
constexpr float kGrowth = 1.5F;
constexpr float kMinSide = 3;
constexpr size_t kMostBoxes = 1000;
// The longer side of the input; smaller pictures are not enlarged.
constexpr int kInputSide = 960;
constexpr int kInputStep = 32;

float Cross(PointF origin, PointF a, PointF b) {
  return (a.x - origin.x) * (b.y - origin.y) - (a.y - origin.y) * (b.x - origin.x);
}

// Andrew's monotone chain; fewer than three for points on one line.
std::vector<PointF> ConvexHull(std::vector<PointF> points) {
  if (points.size() < 3) return {};
  std::sort(points.begin(), points.end(),
            [](PointF a, PointF b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  std::vector<PointF> hull;
  for (int side = 0; side < 2; ++side) {
    const size_t start = hull.size();
    for (const PointF point : points) {
      while (hull.size() >= start + 2 && Cross(hull[hull.size() - 2], hull.back(), point) <= 0) {
        hull.pop_back();
      }
      hull.push_back(point);
    }
    hull.pop_back();
    std::reverse(points.begin(), points.end());
  }
  return hull;
}

// Pixels of one part, joined also by corners.
class Parts {
 public:
  Parts(absl::Span<const float> map, int columns)
      : map_(map),
        columns_(columns),
        rows_(static_cast<int>(map.size()) / columns),
        seen_(map.size(), false) {}

  std::vector<std::vector<int>> All() {
    std::vector<std::vector<int>> parts;
    for (int i = 0; i < static_cast<int>(map_.size()); ++i) {
      if (!seen_[i] && map_[i] > kText) parts.push_back(Flood(i));
    }
    std::stable_sort(parts.begin(), parts.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    if (parts.size() > kMostBoxes) parts.resize(kMostBoxes);
    return parts;
  }

 private:
  std::vector<int> Flood(int start) {
    std::vector<int> part = {start};
    seen_[start] = true;
    for (size_t next = 0; next < part.size(); ++next) {
      const int x = part[next] % columns_, y = part[next] / columns_;
      for (int v = std::max(0, y - 1); v <= std::min(rows_ - 1, y + 1); ++v) {
        for (int u = std::max(0, x - 1); u <= std::min(columns_ - 1, x + 1); ++u) {
          const int at = v * columns_ + u;
          if (seen_[at] || !(map_[at] > kText)) continue;
          seen_[at] = true;
          part.push_back(at);
        }
      }
    }
    return part;
  }

  const absl::Span<const float> map_;
  const int columns_;
  const int rows_;
  std::vector<bool> seen_;
};

float Distance(PointF a, PointF b) { return std::hypot(b.x - a.x, b.y - a.y); }

bool IsInside(const std::vector<PointF>& corners, PointF point) {
  for (size_t i = 0; i < corners.size(); ++i) {
    if (Cross(corners[i], corners[(i + 1) % corners.size()], point) < 0) return false;
  }
  return true;
}

// The mean probability of the pixels whose middles lie in the rectangle.
float MeanInside(absl::Span<const float> map, int columns, const std::vector<PointF>& corners) {
  const int rows = static_cast<int>(map.size()) / columns;
  const auto [left, right] = std::minmax_element(corners.begin(), corners.end(),
                                                 [](PointF a, PointF b) { return a.x < b.x; });
  const auto [top, bottom] = std::minmax_element(corners.begin(), corners.end(),
                                                 [](PointF a, PointF b) { return a.y < b.y; });
  double sum = 0;
  int count = 0;
  for (int y = std::max(0, static_cast<int>(top->y));
       y < std::min(rows, static_cast<int>(bottom->y) + 1); ++y) {
    for (int x = std::max(0, static_cast<int>(left->x));
         x < std::min(columns, static_cast<int>(right->x) + 1); ++x) {
      if (!IsInside(corners, {static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F}))
        continue;
      sum += map[static_cast<size_t>(y) * columns + x];
      ++count;
    }
  }
  return count == 0 ? 0 : static_cast<float>(sum / count);
}

class PpocrDetection final : public Family {
 public:
  explicit PpocrDetection(std::unique_ptr<Network> network) : network_(std::move(network)) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    const Shape& shape = network_->inputs()[0].shape;
    const float fit = std::min(1.0F, kInputSide / std::max(view.width(), view.height()));
    SampleOptions options;
    options.height = shape[2] > 0 ? static_cast<int>(shape[2]) : Side(view.height() * fit);
    options.width = shape[3] > 0 ? static_cast<int>(shape[3]) : Side(view.width() * fit);
    options.to_picture =
        Stretch(0, 0, view.width(), view.height(), static_cast<float>(options.width),
                static_cast<float>(options.height));
    // It was trained on blue first with the means of red first; the order here is that of colours.
    options.bgr = true;
    options.mean = {0.406F * 255, 0.456F * 255, 0.485F * 255};
    options.scale = {1 / (0.225F * 255), 1 / (0.224F * 255), 1 / (0.229F * 255)};
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& map = outputs->front();
    absl::Status status = ExpectCount(map, int64_t{options.width} * options.height);
    if (!status.ok()) return status;
    vision_proto::Regions& regions = *result->mutable_regions();
    for (const TextBox& box :
         FindTextBoxes(map.values, options.width, MinConfidence(request, kMinScore))) {
      vision_proto::Region& region = *regions.add_regions();
      region.set_confidence(std::min(box.score, 1.0F));
      vision_proto::Quad& quad = *region.mutable_corners();
      vision_proto::Point* const to[] = {quad.mutable_top_left(), quad.mutable_top_right(),
                                         quad.mutable_bottom_right(), quad.mutable_bottom_left()};
      BoxF around = {view.width(), view.height(), 0, 0};
      for (size_t i = 0; i < box.corners.size(); ++i) {
        const PointF corner = options.to_picture(box.corners[i]);
        view.SetPoint(corner, to[i]);
        around = {std::min(around.left, corner.x), std::min(around.top, corner.y),
                  std::max(around.right, corner.x), std::max(around.bottom, corner.y)};
      }
      view.SetBox(around, region.mutable_box());
    }
    return absl::OkStatus();
  }

 private:
  static int Side(float side) {
    return std::max(1, static_cast<int>(std::lround(side / kInputStep))) * kInputStep;
  }

  const std::unique_ptr<Network> network_;
};

}  // namespace

std::vector<PointF> SmallestRectangle(std::vector<PointF> points) {
  const std::vector<PointF> hull = ConvexHull(std::move(points));
  if (hull.size() < 3) return {};
  std::vector<PointF> best;
  float best_area = 0;
  for (size_t i = 0; i < hull.size(); ++i) {
    const PointF from = hull[i], to = hull[(i + 1) % hull.size()];
    const float length = Distance(from, to);
    // Along the edge and across it.
    const PointF u = {(to.x - from.x) / length, (to.y - from.y) / length};
    float low = 0, high = 0, far = 0;
    for (const PointF point : hull) {
      const float along = (point.x - from.x) * u.x + (point.y - from.y) * u.y;
      low = std::min(low, along);
      high = std::max(high, along);
      far = std::max(far, (point.y - from.y) * u.x - (point.x - from.x) * u.y);
    }
    const float area = (high - low) * far;
    if (!best.empty() && area >= best_area) continue;
    best_area = area;
    const auto at = [&](float along, float across) {
      return PointF{from.x + u.x * along - u.y * across, from.y + u.y * along + u.x * across};
    };
    best = {at(low, 0), at(high, 0), at(high, far), at(low, far)};
  }
  // From the corner at the top left of the line as it is read: its width is the longer side, and
  // goes to the right.
  if (Distance(best[0], best[1]) < Distance(best[1], best[2])) {
    std::rotate(best.begin(), best.begin() + 1, best.end());
  }
  if (best[1].x < best[0].x) std::rotate(best.begin(), best.begin() + 2, best.end());
  return best;
}

std::vector<TextBox> FindTextBoxes(absl::Span<const float> map, int columns, float min_score) {
  std::vector<TextBox> boxes;
  for (const std::vector<int>& part : Parts(map, columns).All()) {
    std::vector<PointF> points;
    for (const int pixel : part) {
      const auto x = static_cast<float>(pixel % columns), y = static_cast<float>(pixel / columns);
      points.insert(points.end(), {{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}});
    }
    const std::vector<PointF> corners = SmallestRectangle(std::move(points));
    if (corners.size() != 4) continue;
    const float width = Distance(corners[0], corners[1]);
    const float height = Distance(corners[1], corners[2]);
    if (height < kMinSide) continue;
    const float score = MeanInside(map, columns, corners);
    if (!(score >= min_score)) continue;
    // Vatti's clipping by this distance made the training's map; the rectangle grows by it again.
    const float growth = width * height * kGrowth / (2 * (width + height));
    const PointF u = {(corners[1].x - corners[0].x) / width, (corners[1].y - corners[0].y) / width};
    TextBox box;
    box.score = score;
    constexpr float kAlong[] = {-1, 1, 1, -1};
    constexpr float kAcross[] = {-1, -1, 1, 1};
    for (size_t i = 0; i < box.corners.size(); ++i) {
      box.corners[i] = {corners[i].x + growth * (kAlong[i] * u.x - kAcross[i] * u.y),
                        corners[i].y + growth * (kAlong[i] * u.y + kAcross[i] * u.x)};
    }
    boxes.push_back(box);
  }
  return boxes;
}

absl::StatusOr<std::unique_ptr<Family>> MakePpocrDetection(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  if (absl::Status status = CheckInput(*network, kName, {-1, 3, -1, -1}); !status.ok()) {
    return status;
  }
  const auto map = FindOutputOfShape(*network, kName, {-1, 1, -1, -1});
  if (!map.ok()) return map.status();
  return std::make_unique<PpocrDetection>(std::move(network));
}

}  // namespace intelligenced

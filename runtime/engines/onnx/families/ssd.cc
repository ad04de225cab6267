#include "runtime/engines/onnx/families/ssd.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace intelligenced {
namespace {

constexpr float kMostOverlap = 0.3F;
constexpr size_t kMostFound = 200;
// Beyond this the sigmoid is 0 or 1.
constexpr float kMostLogit = 100;

float Sigmoid(float value) {
  return 1 / (1 + std::exp(-std::clamp(value, -kMostLogit, kMostLogit)));
}

}  // namespace

std::vector<PointF> SsdAnchors(int input_side, absl::Span<const SsdGrid> grids) {
  std::vector<PointF> anchors;
  for (const auto& [stride, count] : grids) {
    const int cells = input_side / stride;
    for (int y = 0; y < cells; ++y) {
      for (int x = 0; x < cells; ++x) {
        const auto extent = static_cast<float>(cells);
        anchors.insert(
            anchors.end(), static_cast<size_t>(count),
            {(static_cast<float>(x) + 0.5F) / extent, (static_cast<float>(y) + 0.5F) / extent});
      }
    }
  }
  return anchors;
}

std::vector<Detection> DecodeSsd(absl::Span<const PointF> anchors, absl::Span<const float> scores,
                                 absl::Span<const float> boxes, int points, int input_side,
                                 float min_score) {
  const auto side = static_cast<float>(input_side);
  const size_t width = 4 + 2 * static_cast<size_t>(points);
  std::vector<Detection> found;
  for (size_t i = 0; i < anchors.size(); ++i) {
    const float score = Sigmoid(scores[i]);
    // Written so that what is no number is left out.
    if (!(score >= min_score)) continue;
    const float* const box = &boxes[i * width];
    const PointF anchor = {anchors[i].x * side, anchors[i].y * side};
    Detection detection;
    detection.score = score;
    const float x = anchor.x + box[0], y = anchor.y + box[1];
    detection.box = {x - box[2] / 2, y - box[3] / 2, x + box[2] / 2, y + box[3] / 2};
    for (int p = 0; p < points; ++p) {
      const float* const point = box + 4 + static_cast<ptrdiff_t>(2) * p;
      detection.points.push_back({anchor.x + point[0], anchor.y + point[1]});
    }
    found.push_back(std::move(detection));
  }
  return found;
}

absl::StatusOr<SsdDetector> SsdDetector::Make(std::unique_ptr<Network> network, const Kind& kind) {
  SsdDetector detector;
  detector.kind_ = kind;
  detector.anchors_ = SsdAnchors(kind.input_side, kind.grids);
  const auto anchors = static_cast<int64_t>(detector.anchors_.size());
  absl::Status status = CheckInput(*network, kind.family, {1, kind.input_side, kind.input_side, 3});
  if (!status.ok()) return status;
  const auto scores = FindOutputOfShape(*network, kind.family, {1, anchors, 1});
  if (!scores.ok()) return scores.status();
  const auto boxes =
      FindOutputOfShape(*network, kind.family, {1, anchors, 4 + int64_t{2} * kind.points});
  if (!boxes.ok()) return boxes.status();
  detector.scores_ = *scores;
  detector.boxes_ = *boxes;
  detector.network_ = std::move(network);
  return detector;
}

absl::StatusOr<std::vector<Detection>> SsdDetector::Detect(const View& view,
                                                           const CancelToken& cancel) const {
  SampleOptions options = {.width = kind_.input_side, .height = kind_.input_side};
  options.to_picture =
      FitCentre(view.width(), view.height(), options.width, options.height).to_picture();
  options.planar = false;
  // (pixel - mean) × scale runs from `least` to 1.
  const float scale = (1 - kind_.least) / 255;
  const float mean = -kind_.least / scale;
  options.mean = {mean, mean, mean};
  options.scale = {scale, scale, scale};
  std::vector<Tensor> inputs;
  inputs.push_back(view.Sample(options));
  auto outputs = network_->Run(inputs, cancel);
  if (!outputs.ok()) return outputs.status();
  const Tensor& scores = (*outputs)[scores_];
  const Tensor& boxes = (*outputs)[boxes_];
  const auto anchors = static_cast<int64_t>(anchors_.size());
  absl::Status status = ExpectCount(scores, anchors);
  if (status.ok()) status = ExpectCount(boxes, anchors * (4 + int64_t{2} * kind_.points));
  if (!status.ok()) return status;
  std::vector<Detection> found =
      BlendOverlaps(DecodeSsd(anchors_, scores.values, boxes.values, kind_.points, kind_.input_side,
                              kind_.min_score),
                    kMostOverlap, kMostFound);
  for (Detection& detection : found) {
    const PointF first = options.to_picture({detection.box.left, detection.box.top});
    const PointF last = options.to_picture({detection.box.right, detection.box.bottom});
    detection.box = {first.x, first.y, last.x, last.y};
    for (PointF& point : detection.points) point = options.to_picture(point);
  }
  return found;
}

TurnedSquare SquareAround(const BoxF& box, float radians, float scale, float down) {
  const float shift = box.height() * down;
  TurnedSquare square;
  square.centre = {(box.left + box.right) / 2 - shift * std::sin(radians),
                   (box.top + box.bottom) / 2 + shift * std::cos(radians)};
  square.side = std::max(box.width(), box.height()) * scale;
  square.radians = radians;
  return square;
}

float TurnOf(PointF from, PointF to, float target) {
  const float turn = target - std::atan2(from.y - to.y, to.x - from.x);
  return std::remainder(turn, 2 * std::numbers::pi_v<float>);
}

}  // namespace intelligenced

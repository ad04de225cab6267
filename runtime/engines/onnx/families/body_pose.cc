#include "runtime/engines/onnx/families/body_pose.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/engines/onnx/families/ssd.h"

namespace intelligenced {
namespace {

constexpr std::string_view kName = "mediapipe-pose";
constexpr char kDetectorRole[] = "pose-detector";
constexpr std::array kServes = {Family::RequestKind::kDetectHumanBodyPose};
constexpr SsdGrid kGrids[] = {{8, 2}, {16, 2}, {32, 6}};
constexpr SsdDetector::Kind kPerson = {
    .family = kName, .input_side = 224, .points = 4, .least = -1, .grids = kGrids};
// Among the detector's points: the middle of the hips, and a point on the circle around the body.
constexpr size_t kHipsPoint = 0;
constexpr size_t kCirclePoint = 1;
constexpr float kCropOverCircle = 1.25F;
constexpr int kSide = 256;
// The network has six more, which the next frame of a video would be cut out by.
constexpr size_t kPoints = 39;
constexpr size_t kNumbersPerPoint = 5;  // x, y, depth, visible, in the picture
constexpr int kMapSide = 64;
constexpr int kKernel = 7;
constexpr float kLeastToRefine = 0.5F;
constexpr float kMinPresence = 0.5F;
constexpr float kMinSeen = 0.5F;
constexpr size_t kMostPeople = 10;
constexpr std::array<std::string_view, 33> kJointNames = {"nose",
                                                          "left_eye_inner",
                                                          "left_eye",
                                                          "left_eye_outer",
                                                          "right_eye_inner",
                                                          "right_eye",
                                                          "right_eye_outer",
                                                          "left_ear",
                                                          "right_ear",
                                                          "left_mouth_corner",
                                                          "right_mouth_corner",
                                                          "left_shoulder",
                                                          "right_shoulder",
                                                          "left_elbow",
                                                          "right_elbow",
                                                          "left_wrist",
                                                          "right_wrist",
                                                          "left_little",
                                                          "right_little",
                                                          "left_index",
                                                          "right_index",
                                                          "left_thumb",
                                                          "right_thumb",
                                                          "left_hip",
                                                          "right_hip",
                                                          "left_knee",
                                                          "right_knee",
                                                          "left_ankle",
                                                          "right_ankle",
                                                          "left_heel",
                                                          "right_heel",
                                                          "left_foot_tip",
                                                          "right_foot_tip"};

float Sigmoid(float value) { return 1 / (1 + std::exp(-std::clamp(value, -80.0F, 80.0F))); }

class BodyPose final : public Family {
 public:
  struct Outputs {
    size_t points = 0;
    size_t presence = 0;
    size_t map = 0;
  };

  BodyPose(std::unique_ptr<Network> network, std::optional<SsdDetector> people, Outputs outputs)
      : network_(std::move(network)), people_(std::move(people)), outputs_(outputs) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    result->mutable_poses();
    if (!people_.has_value()) {
      const BoxF all = {0, 0, view.width(), view.height()};
      return AddPerson(view, SquareAround(all, 0, 1, 0), request, cancel, result);
    }
    auto people = people_->Detect(view, cancel);
    if (!people.ok()) return people.status();
    for (size_t i = 0; i < std::min(people->size(), kMostPeople); ++i) {
      const std::vector<PointF>& points = (*people)[i].points;
      const PointF hips = points[kHipsPoint], circle = points[kCirclePoint];
      const TurnedSquare body = {
          .centre = hips,
          .side = 2 * kCropOverCircle * std::hypot(circle.x - hips.x, circle.y - hips.y),
          .radians = TurnOf(hips, circle, std::numbers::pi_v<float> / 2)};
      // Written so that what is no number is left out.
      if (!(body.side >= 1)) continue;
      if (absl::Status status = AddPerson(view, body, request, cancel, result); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status AddPerson(const View& view, const TurnedSquare& body,
                         const vision_proto::VisionRequest& request, const CancelToken& cancel,
                         vision_proto::VisionResult* result) {
    SampleOptions options = {.width = kSide, .height = kSide};
    options.to_picture = Turned(body.centre, body.side, body.side, body.radians, kSide, kSide);
    options.planar = false;
    options.scale = {1.0F / 255, 1.0F / 255, 1.0F / 255};
    options.repeat_border = true;
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& points = (*outputs)[outputs_.points];
    const Tensor& presence = (*outputs)[outputs_.presence];
    const Tensor& map = (*outputs)[outputs_.map];
    absl::Status status = ExpectCount(points, kPoints * kNumbersPerPoint);
    if (status.ok()) status = ExpectCount(presence, 1);
    if (status.ok()) status = ExpectCount(map, int64_t{kMapSide} * kMapSide * kPoints);
    if (!status.ok()) return status;
    if (!(presence.values[0] >= MinConfidence(request, kMinPresence))) return absl::OkStatus();
    vision_proto::Pose& pose = *result->mutable_poses()->add_poses();
    pose.set_confidence(std::min(presence.values[0], 1.0F));
    std::optional<BoxF> seen, all;
    for (size_t i = 0; i < kJointNames.size(); ++i) {
      const float* const point = &points.values[i * kNumbersPerPoint];
      const PointF refined = RefineByMap({point[0] / kSide, point[1] / kSide}, map.values, kMapSide,
                                         kPoints, static_cast<int>(i));
      const PointF place = options.to_picture({refined.x * kSide, refined.y * kSide});
      const float visible = Sigmoid(point[3]);
      // The network's depth grows away from the viewer.
      view.AddLandmark(kJointNames[i], place, -point[2] * body.side / kSide, visible,
                       pose.mutable_joints());
      Grow(place, all);
      if (visible >= kMinSeen) Grow(place, seen);
    }
    view.SetBox(seen.has_value() ? *seen : *all, pose.mutable_box());
    return absl::OkStatus();
  }

  static void Grow(PointF place, std::optional<BoxF>& box) {
    if (!box.has_value()) box = {place.x, place.y, place.x, place.y};
    box = {std::min(box->left, place.x), std::min(box->top, place.y), std::max(box->right, place.x),
           std::max(box->bottom, place.y)};
  }

  const std::unique_ptr<Network> network_;
  const std::optional<SsdDetector> people_;
  const Outputs outputs_;
};

}  // namespace

PointF RefineByMap(PointF point, absl::Span<const float> map, int side, int channels, int channel) {
  const float column = std::floor(point.x * static_cast<float>(side));
  const float row = std::floor(point.y * static_cast<float>(side));
  // Written so that what is no number stays as it is.
  if (!(column >= 0 && column < static_cast<float>(side) && row >= 0 &&
        row < static_cast<float>(side))) {
    return point;
  }
  constexpr int kReach = (kKernel - 1) / 2;
  const int middle_x = static_cast<int>(column), middle_y = static_cast<int>(row);
  float sum = 0, most = 0, x_sum = 0, y_sum = 0;
  for (int y = std::max(0, middle_y - kReach); y <= std::min(side - 1, middle_y + kReach); ++y) {
    for (int x = std::max(0, middle_x - kReach); x <= std::min(side - 1, middle_x + kReach); ++x) {
      const size_t cell =
          static_cast<size_t>(y) * static_cast<size_t>(side) + static_cast<size_t>(x);
      const float sure =
          Sigmoid(map[cell * static_cast<size_t>(channels) + static_cast<size_t>(channel)]);
      sum += sure;
      most = std::max(most, sure);
      x_sum += static_cast<float>(x) * sure;
      y_sum += static_cast<float>(y) * sure;
    }
  }
  if (!(most >= kLeastToRefine && sum > 0)) return point;
  return {x_sum / sum / static_cast<float>(side), y_sum / sum / static_cast<float>(side)};
}

absl::StatusOr<std::unique_ptr<Family>> MakeBodyPose(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  absl::Status status = CheckInput(*network, kName, {1, kSide, kSide, 3});
  if (!status.ok()) return status;
  BodyPose::Outputs outputs;
  const std::pair<size_t*, Shape> wanted[] = {{&outputs.points, {1, kPoints * kNumbersPerPoint}},
                                              {&outputs.presence, {1, 1}},
                                              {&outputs.map, {1, kMapSide, kMapSide, kPoints}}};
  for (const auto& [place, shape] : wanted) {
    const auto found = FindOutputOfShape(*network, kName, shape);
    if (!found.ok()) return found.status();
    *place = *found;
  }
  std::optional<SsdDetector> people;
  if (const auto found = parts.networks.find(kDetectorRole); found != parts.networks.end()) {
    auto made = SsdDetector::Make(std::move(found->second), kPerson);
    if (!made.ok()) return made.status();
    people = *std::move(made);
  }
  return std::make_unique<BodyPose>(std::move(network), std::move(people), outputs);
}

}  // namespace intelligenced

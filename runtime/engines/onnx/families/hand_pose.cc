#include "runtime/engines/onnx/families/hand_pose.h"

#include <algorithm>
#include <array>
#include <numbers>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/engines/onnx/families/ssd.h"

namespace intelligenced {
namespace {

constexpr std::string_view kName = "mediapipe-handpose";
constexpr char kPalmRole[] = "palm-detector";
constexpr std::array kServes = {Family::RequestKind::kDetectHumanHandPose};
constexpr SsdDetector::Kind kPalm = {.family = kName, .input_side = 192, .points = 7};
constexpr int kSide = 224;
constexpr size_t kJoints = 21;
constexpr std::array<std::string_view, kJoints> kJointNames = {
    "wrist",     "thumb_cmc", "thumb_mcp",  "thumb_ip",   "thumb_tip",  "index_mcp",  "index_pip",
    "index_dip", "index_tip", "middle_mcp", "middle_pip", "middle_dip", "middle_tip", "ring_mcp",
    "ring_pip",  "ring_dip",  "ring_tip",   "little_mcp", "little_pip", "little_dip", "little_tip"};
constexpr float kMinPresence = 0.5F;
constexpr size_t kMostHands = 10;
// A hand is this much larger than its palm, and lies this far above it.
constexpr float kHandOverPalm = 2.6F;
constexpr float kHandAbovePalm = -0.5F;
// The palm's points that lie on a line from the wrist to the middle finger.
constexpr size_t kWristPoint = 0;
constexpr size_t kMiddlePoint = 2;

class HandPose final : public Family {
 public:
  HandPose(std::unique_ptr<Network> network, std::optional<SsdDetector> palms,
           std::array<size_t, 3> outputs)
      : network_(std::move(network)), palms_(std::move(palms)), outputs_(outputs) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    result->mutable_poses();
    if (!palms_.has_value()) {
      const BoxF all = {0, 0, view.width(), view.height()};
      return AddHand(view, SquareAround(all, 0, 1, 0), request, cancel, result);
    }
    auto palms = palms_->Detect(view, cancel);
    if (!palms.ok()) return palms.status();
    for (size_t i = 0; i < std::min(palms->size(), kMostHands); ++i) {
      const Detection& palm = (*palms)[i];
      const float turn = TurnOf(palm.points[kWristPoint], palm.points[kMiddlePoint],
                                std::numbers::pi_v<float> / 2);
      const TurnedSquare hand = SquareAround(palm.box, turn, kHandOverPalm, kHandAbovePalm);
      if (absl::Status status = AddHand(view, hand, request, cancel, result); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status AddHand(const View& view, const TurnedSquare& hand,
                       const vision_proto::VisionRequest& request, const CancelToken& cancel,
                       vision_proto::VisionResult* result) {
    SampleOptions options = {.width = kSide, .height = kSide};
    options.to_picture = Turned(hand.centre, hand.side, hand.side, hand.radians, kSide, kSide);
    options.planar = false;
    options.scale = {1.0F / 255, 1.0F / 255, 1.0F / 255};
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& joints = (*outputs)[outputs_[0]];
    const Tensor& presence = (*outputs)[outputs_[1]];
    const Tensor& right = (*outputs)[outputs_[2]];
    absl::Status status = ExpectCount(joints, kJoints * 3);
    if (status.ok()) status = ExpectCount(presence, 1);
    if (status.ok()) status = ExpectCount(right, 1);
    if (!status.ok()) return status;
    if (!(presence.values[0] >= MinConfidence(request, kMinPresence))) return absl::OkStatus();
    vision_proto::Pose& pose = *result->mutable_poses()->add_poses();
    pose.set_confidence(std::min(presence.values[0], 1.0F));
    pose.set_chirality(right.values[0] > 0.5F ? "right" : "left");
    std::optional<BoxF> box;
    for (size_t i = 0; i < kJoints; ++i) {
      const float* const joint = &joints.values[i * 3];
      const PointF place = options.to_picture({joint[0], joint[1]});
      // The network's depth grows away from the viewer.
      view.AddLandmark(kJointNames[i], place, -joint[2] * hand.side / kSide, pose.confidence(),
                       pose.mutable_joints());
      if (!box.has_value()) box = {place.x, place.y, place.x, place.y};
      box = {std::min(box->left, place.x), std::min(box->top, place.y),
             std::max(box->right, place.x), std::max(box->bottom, place.y)};
    }
    view.SetBox(*box, pose.mutable_box());
    return absl::OkStatus();
  }

  const std::unique_ptr<Network> network_;
  const std::optional<SsdDetector> palms_;
  // Joints, presence, whether it is a right hand.
  const std::array<size_t, 3> outputs_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Family>> MakeHandPose(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  if (absl::Status status = CheckInput(*network, kName, {1, kSide, kSide, 3}); !status.ok()) {
    return status;
  }
  // The joints' places in the world have the same shape as those in the picture: the names tell.
  std::array<size_t, 3> outputs = {};
  const std::pair<const char*, Shape> wanted[] = {
      {"Identity", {1, kJoints * 3}}, {"Identity_1", {1, 1}}, {"Identity_2", {1, 1}}};
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto found = FindOutput(*network, kName, wanted[i].first, wanted[i].second);
    if (!found.ok()) return found.status();
    outputs[i] = *found;
  }
  std::optional<SsdDetector> palms;
  if (const auto palm = parts.networks.find(kPalmRole); palm != parts.networks.end()) {
    auto made = SsdDetector::Make(std::move(palm->second), kPalm);
    if (!made.ok()) return made.status();
    palms = *std::move(made);
  }
  return std::make_unique<HandPose>(std::move(network), std::move(palms), outputs);
}

}  // namespace intelligenced

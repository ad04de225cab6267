#include "runtime/engines/onnx/families/ultralight.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace intelligenced {
namespace {

constexpr std::string_view kName = "ultralight";
constexpr std::array kServes = {Family::RequestKind::kDetectFaceRectangles};
constexpr float kMinScore = 0.7F;
constexpr float kMostOverlap = 0.3F;
constexpr size_t kMostFaces = 5000;
constexpr float kMean = 127;
constexpr float kScale = 1.0F / 128;

class Ultralight final : public Family {
 public:
  Ultralight(std::unique_ptr<Network> network, size_t scores, size_t boxes)
      : network_(std::move(network)), scores_(scores), boxes_(boxes) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    const Shape& shape = network_->inputs()[0].shape;
    SampleOptions options;
    options.height = static_cast<int>(shape[2]);
    options.width = static_cast<int>(shape[3]);
    // It was trained on pictures that were stretched to its input.
    options.to_picture =
        Stretch(0, 0, view.width(), view.height(), static_cast<float>(options.width),
                static_cast<float>(options.height));
    options.mean = {kMean, kMean, kMean};
    options.scale = {kScale, kScale, kScale};
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& scores = (*outputs)[scores_];
    const Tensor& boxes = (*outputs)[boxes_];
    const auto count = static_cast<int64_t>(boxes.values.size() / 4);
    const int64_t classes = network_->outputs()[scores_].shape[2];
    if (absl::Status status = ExpectCount(scores, count * classes); !status.ok()) return status;
    std::vector<Detection> found =
        DecodeUltralight(scores.values, boxes.values, static_cast<size_t>(classes),
                         MinConfidence(request, kMinScore));
    for (Detection& face : found) {
      face.box = {face.box.left * view.width(), face.box.top * view.height(),
                  face.box.right * view.width(), face.box.bottom * view.height()};
    }
    vision_proto::Faces& faces = *result->mutable_faces();
    for (const Detection& face : SuppressOverlaps(std::move(found), kMostOverlap, kMostFaces)) {
      vision_proto::Face& out = *faces.add_faces();
      view.SetBox(face.box, out.mutable_box());
      out.set_confidence(std::min(face.score, 1.0F));
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<Network> network_;
  const size_t scores_;
  const size_t boxes_;
};

}  // namespace

std::vector<Detection> DecodeUltralight(absl::Span<const float> scores,
                                        absl::Span<const float> boxes, size_t classes,
                                        float min_score) {
  std::vector<Detection> found;
  for (size_t i = 0; i * 4 < boxes.size(); ++i) {
    const auto of_box = scores.subspan(i * classes + 1, classes - 1);
    const float score = *std::max_element(of_box.begin(), of_box.end());
    if (!(score >= min_score)) continue;
    const float* const box = &boxes[i * 4];
    found.push_back({.box = {box[0], box[1], box[2], box[3]}, .score = score, .points = {}});
  }
  return found;
}

absl::StatusOr<std::unique_ptr<Family>> MakeUltralight(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  if (absl::Status status = CheckInput(*network, kName, {1, 3, -1, -1}); !status.ok()) {
    return status;
  }
  // The sides of the input and the number of classes must be fixed.
  if (CountElements(network->inputs()[0].shape) <= 0) {
    return CheckInput(*network, kName, {1, 3, 240, 320, 0});
  }
  const absl::StatusOr<size_t> boxes = FindOutput(*network, kName, "boxes", {1, -1, 4});
  if (!boxes.ok()) return boxes.status();
  absl::StatusOr<size_t> scores = FindOutput(*network, kName, "scores", {1, -1, 2});
  if (!scores.ok()) scores = FindOutput(*network, kName, "scores", {1, -1, 3});
  if (!scores.ok()) return scores.status();
  if (network->outputs()[*scores].shape[2] < 2) {
    return FindOutput(*network, kName, "scores", {1, -1, 2, 0}).status();
  }
  return std::make_unique<Ultralight>(std::move(network), *scores, *boxes);
}

}  // namespace intelligenced

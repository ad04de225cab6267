#include "runtime/engines/onnx/families/yunet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace intelligenced {
namespace {

constexpr std::string_view kName = "yunet";
constexpr std::array kServes = {Family::RequestKind::kDetectFaceRectangles,
                                Family::RequestKind::kDetectFaceLandmarks};
constexpr std::array kStrides = {8, 16, 32};
constexpr std::array<std::string_view, 4> kHeads = {"cls", "obj", "bbox", "kps"};
constexpr std::array<int64_t, 4> kHeadWidths = {1, 1, 4, 10};
constexpr std::array<std::string_view, 5> kPoints = {"right_eye", "left_eye", "nose_tip",
                                                     "right_mouth_corner", "left_mouth_corner"};
constexpr float kMinScore = 0.6F;
constexpr float kMostOverlap = 0.3F;
constexpr size_t kMostFaces = 5000;
// The longer side of the input, where the network leaves it open. Faces of 10 pixels are found.
constexpr int kInputSide = 640;
// The coarsest grid's step.
constexpr int kInputStep = 32;

int RoundUp(float side) {
  return std::max(1, static_cast<int>(std::ceil(side / kInputStep))) * kInputStep;
}

class Yunet final : public Family {
 public:
  Yunet(std::unique_ptr<Network> network, std::array<size_t, 12> outputs)
      : network_(std::move(network)), outputs_(outputs) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    const Shape& shape = network_->inputs()[0].shape;
    const float fit = std::min(1.0F, kInputSide / std::max(view.width(), view.height()));
    SampleOptions options;
    options.height = shape[2] > 0 ? static_cast<int>(shape[2]) : RoundUp(view.height() * fit);
    options.width = shape[3] > 0 ? static_cast<int>(shape[3]) : RoundUp(view.width() * fit);
    Letterbox box = FitTopLeft(view.width(), view.height(), options.width, options.height);
    // Enlarging shows nothing new.
    box.scale = std::min(box.scale, 1.0F);
    options.to_picture = box.to_picture();
    options.bgr = true;
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();

    std::vector<Detection> found;
    for (size_t level = 0; level < kStrides.size(); ++level) {
      const int stride = kStrides[level];
      YunetGrid grid = {.stride = stride, .columns = options.width / stride};
      const int64_t cells = int64_t{grid.columns} * (options.height / stride);
      const std::array heads = {&grid.classes, &grid.objects, &grid.boxes, &grid.points};
      for (size_t head = 0; head < heads.size(); ++head) {
        const Tensor& tensor = (*outputs)[outputs_[level * heads.size() + head]];
        absl::Status status = ExpectCount(tensor, cells * kHeadWidths[head]);
        if (!status.ok()) return status;
        *heads[head] = tensor.values;
      }
      DecodeYunet(grid, MinConfidence(request, kMinScore), &found);
    }
    vision_proto::Faces& faces = *result->mutable_faces();
    const Affine map = options.to_picture;
    for (const Detection& face : SuppressOverlaps(std::move(found), kMostOverlap, kMostFaces)) {
      vision_proto::Face& out = *faces.add_faces();
      const PointF first = map({face.box.left, face.box.top});
      const PointF last = map({face.box.right, face.box.bottom});
      view.SetBox({first.x, first.y, last.x, last.y}, out.mutable_box());
      out.set_confidence(face.score);
      for (size_t i = 0; i < kPoints.size(); ++i) {
        view.AddLandmark(kPoints[i], map(face.points[i]), 0, face.score, out.mutable_landmarks());
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<Network> network_;
  // Of each stride, its heads.
  const std::array<size_t, 12> outputs_;
};

}  // namespace

void DecodeYunet(const YunetGrid& grid, float min_score, std::vector<Detection>* found) {
  const auto stride = static_cast<float>(grid.stride);
  for (size_t cell = 0; cell < grid.classes.size(); ++cell) {
    const float sure = std::clamp(grid.classes[cell], 0.0F, 1.0F);
    const float score = std::sqrt(sure * std::clamp(grid.objects[cell], 0.0F, 1.0F));
    // Written so that what is no number is left out.
    if (!(score >= min_score)) continue;
    const auto column = static_cast<float>(cell % static_cast<size_t>(grid.columns));
    const auto row = static_cast<float>(cell / static_cast<size_t>(grid.columns));
    const float* const box = &grid.boxes[cell * 4];
    const float x = (column + box[0]) * stride, y = (row + box[1]) * stride;
    const float width = std::exp(box[2]) * stride, height = std::exp(box[3]) * stride;
    Detection face;
    face.score = score;
    face.box = {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
    const float* const points = &grid.points[cell * 10];
    for (size_t i = 0; i < kPoints.size(); ++i) {
      face.points.push_back(
          {(column + points[2 * i]) * stride, (row + points[2 * i + 1]) * stride});
    }
    found->push_back(std::move(face));
  }
}

absl::StatusOr<std::unique_ptr<Family>> MakeYunet(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  absl::Status status = CheckInput(*network, kName, {1, 3, -1, -1});
  if (!status.ok()) return status;
  std::array<size_t, 12> outputs = {};
  size_t next = 0;
  for (const int stride : kStrides) {
    for (size_t head = 0; head < kHeads.size(); ++head) {
      const absl::StatusOr<size_t> found = FindOutput(
          *network, kName, absl::StrCat(kHeads[head], "_", stride), {1, -1, kHeadWidths[head]});
      if (!found.ok()) return found.status();
      outputs[next++] = *found;
    }
  }
  return std::make_unique<Yunet>(std::move(network), outputs);
}

}  // namespace intelligenced

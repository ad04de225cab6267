#include "runtime/engines/onnx/families/selfie_segmentation.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace intelligenced {
namespace {

constexpr std::string_view kName = "selfie-segmentation";
constexpr std::array kServes = {Family::RequestKind::kGeneratePersonSegmentation};

class SelfieSegmentation final : public Family {
 public:
  SelfieSegmentation(std::unique_ptr<Network> network, int width, int height)
      : network_(std::move(network)), width_(width), height_(height) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& /*request*/,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    SampleOptions options = {.width = width_, .height = height_};
    // It was trained on pictures that were stretched to its input.
    options.to_picture = Stretch(0, 0, view.width(), view.height(), static_cast<float>(width_),
                                 static_cast<float>(height_));
    options.planar = false;
    options.scale = {1.0F / 255, 1.0F / 255, 1.0F / 255};
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    const Tensor& person = outputs->front();
    absl::Status status = ExpectCount(person, int64_t{width_} * height_);
    if (!status.ok()) return status;
    *result->mutable_segmentation()->mutable_mask() =
        view.Map(person.values.data(), width_, height_);
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<Network> network_;
  const int width_;
  const int height_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Family>> MakeSelfieSegmentation(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  if (absl::Status status = CheckInput(*network, kName, {1, -1, -1, 3}); !status.ok()) {
    return status;
  }
  const Shape& input = network->inputs()[0].shape;
  if (CountElements(input) <= 0) return CheckInput(*network, kName, {1, 144, 256, 3, 0});
  const auto found = FindOutputOfShape(*network, kName, {1, input[1], input[2], 1});
  if (!found.ok()) return found.status();
  if (*found != 0) return FindOutput(*network, kName, "first", {1, input[1], input[2], 1}).status();
  const int height = static_cast<int>(input[1]), width = static_cast<int>(input[2]);
  return std::make_unique<SelfieSegmentation>(std::move(network), width, height);
}

}  // namespace intelligenced

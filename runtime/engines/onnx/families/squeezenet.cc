#include "runtime/engines/onnx/families/squeezenet.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr std::string_view kName = "squeezenet";
constexpr std::array kServes = {Family::RequestKind::kClassifyImage};
constexpr int kSide = 224;
constexpr int64_t kClasses = 1000;
constexpr float kMinConfidence = 0.01F;
constexpr size_t kMostClasses = 20;

class Squeezenet final : public Family {
 public:
  Squeezenet(std::unique_ptr<Network> network, std::vector<std::string> names)
      : network_(std::move(network)), names_(std::move(names)) {}

  absl::Span<const RequestKind> serves() const override { return kServes; }

  absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                      const CancelToken& cancel, vision_proto::VisionResult* result) override {
    // The square in the middle, blue first, values as they are.
    const float side = std::min(view.width(), view.height());
    SampleOptions options = {.width = kSide, .height = kSide};
    options.to_picture =
        Stretch((view.width() - side) / 2, (view.height() - side) / 2, side, side, kSide, kSide);
    options.bgr = true;
    std::vector<Tensor> inputs;
    inputs.push_back(view.Sample(options));
    auto outputs = network_->Run(inputs, cancel);
    if (!outputs.ok()) return outputs.status();
    if (absl::Status status = ExpectCount(outputs->front(), kClasses); !status.ok()) return status;
    *result->mutable_classifications() =
        BestClasses(outputs->front().values, names_, MinConfidence(request, kMinConfidence),
                    request.max_results() > 0 ? request.max_results() : kMostClasses);
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<Network> network_;
  const std::vector<std::string> names_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ClassNames(std::vector<std::string> labels,
                                                    size_t classes) {
  if (labels.empty()) {
    for (size_t i = 0; i < classes; ++i) labels.push_back(absl::StrCat("class_", i));
  }
  if (labels.size() == classes + 1 && labels.front() == "background") labels.erase(labels.begin());
  if (labels.size() == classes) return labels;
  return MakeError(Reason::kModelLoadFailed,
                   absl::StrCat("The network tells ", classes, " classes, but there are ",
                                labels.size(), " labels."));
}

vision_proto::Classifications BestClasses(absl::Span<const float> probabilities,
                                          absl::Span<const std::string> names, float min_confidence,
                                          size_t limit) {
  std::vector<size_t> order;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    // Written so that what is no number is left out.
    if (probabilities[i] >= min_confidence) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
  order.resize(std::min(order.size(), limit));
  vision_proto::Classifications result;
  for (const size_t i : order) {
    vision_proto::Classification& one = *result.add_classifications();
    one.set_identifier(names[i]);
    one.set_confidence(std::min(probabilities[i], 1.0F));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Family>> MakeSqueezenet(FamilyParts parts) {
  std::unique_ptr<Network> network = std::move(parts.networks[kModelRole]);
  if (absl::Status status = CheckInput(*network, kName, {1, 3, kSide, kSide}); !status.ok()) {
    return status;
  }
  const auto found = FindOutputOfShape(*network, kName, {1, kClasses, 1, 1});
  if (!found.ok()) return found.status();
  auto names = ClassNames(std::move(parts.labels), kClasses);
  if (!names.ok()) return names.status();
  return std::make_unique<Squeezenet>(std::move(network), *std::move(names));
}

}  // namespace intelligenced

// Pictures that were moved: phase correlation.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "runtime/engines/vision/patch.h"
#include "runtime/engines/vision/registration.h"
#include "runtime/engines/vision/tracker.h"
#include "runtime/engines/vision/tracking_shapes.h"

namespace intelligenced {
namespace {

// Correlation of the common part below which there is nothing in common.
constexpr double kMinAgreement = 0.3;
// Of the picture that both frames must show.
constexpr double kMinCommon = 0.2;
// Standard deviation of grey values below which a picture is flat.
constexpr double kFlat = 1;

// The part of a frame of this size that another one, moved by this much, shows too.
cv::Rect Common(cv::Size size, cv::Point2d by) {
  const int left = std::max(0, static_cast<int>(std::ceil(-by.x)));
  const int top = std::max(0, static_cast<int>(std::ceil(-by.y)));
  const int right = size.width - std::max(0, static_cast<int>(std::ceil(by.x)));
  const int bottom = size.height - std::max(0, static_cast<int>(std::ceil(by.y)));
  return {left, top, std::max(0, right - left), std::max(0, bottom - top)};
}

double Agreement(const cv::Mat& before, const cv::Mat& now, cv::Point2d by) {
  const cv::Rect common = Common(before.size(), by);
  if (common.area() < kMinCommon * static_cast<double>(before.total())) return 0;
  cv::Mat there;
  cv::getRectSubPix(now, common.size(),
                    {static_cast<float>(common.x + by.x + (common.width - 1) * 0.5),
                     static_cast<float>(common.y + by.y + (common.height - 1) * 0.5)},
                    there);
  return Correlation(before(common), there);
}

class TranslationTracker final : public Tracker {
 public:
  explicit TranslationTracker(float min_confidence) : min_confidence_(min_confidence) {}

  void Step(const cv::Mat& frame, vision_proto::VisionResult* result) override {
    if (!last_.empty()) {
      const Shift shift = FindShift(last_, frame);
      vision_proto::ImageAlignment& out = *result->mutable_image_alignment();
      out.set_confidence(static_cast<float>(shift.confidence));
      if (shift.confidence > 0 && shift.confidence >= min_confidence_) {
        SetAlignment({1, 0, -shift.by.x, 0, 1, -shift.by.y, 0, 0, 1}, frame.size(),
                     shift.confidence, &out);
      }
    }
    last_ = frame;
  }

 private:
  const float min_confidence_;
  cv::Mat last_;
};

}  // namespace

Shift FindShift(const cv::Mat& before, const cv::Mat& now) {
  if (std::min(now.cols, now.rows) < kMinTrackSide) return {};
  cv::Scalar mean, deviation_before, deviation_now;
  cv::meanStdDev(before, mean, deviation_before);
  cv::meanStdDev(now, mean, deviation_now);
  if (deviation_before[0] < kFlat || deviation_now[0] < kFlat) return {};
  cv::Mat a, b, window;
  before.convertTo(a, CV_32F);
  now.convertTo(b, CV_32F);
  // Without it the picture's borders, which do not move, would be the strongest edges.
  cv::createHanningWindow(window, now.size(), CV_32F);
  const cv::Point2d by = cv::phaseCorrelate(a, b, window);
  if (!std::isfinite(by.x) || !std::isfinite(by.y)) return {};
  const double agreement = Agreement(before, now, by);
  if (agreement < kMinAgreement) return {};
  return {.by = by, .confidence = std::min(1.0, agreement)};
}

void SetAlignment(const cv::Matx33d& to_before, cv::Size size, double confidence,
                  vision_proto::ImageAlignment* out) {
  out->set_confidence(static_cast<float>(std::clamp(confidence, 0.0, 1.0)));
  const std::optional<cv::Matx33d> map = NormalizedMap(to_before, size);
  if (!map.has_value()) return;
  for (const double value : map->val) out->add_transform(static_cast<float>(value));
}

std::unique_ptr<Tracker> MakeTranslationTracker(float min_confidence) {
  return std::make_unique<TranslationTracker>(min_confidence);
}

}  // namespace intelligenced

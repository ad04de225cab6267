// Pictures of one plane, or from one point: features and the projective map most of them agree on.
#include <algorithm>
#include <optional>
#include <vector>

#include "runtime/engines/vision/patch.h"
#include "runtime/engines/vision/registration.h"
#include "runtime/engines/vision/tracker.h"
#include "runtime/engines/vision/tracking_shapes.h"

namespace intelligenced {
namespace {

constexpr int kFeatures = 400;
constexpr double kMinDistance = 6;
constexpr float kMaxBackError = 1;
constexpr double kMaxError = 1.5;
// Fewer than these say nothing about a whole picture.
constexpr int kMinFits = 12;
constexpr double kMinFitShare = 0.3;
// How much larger or smaller things may have become between two frames, as area.
constexpr double kMaxGrowth = 4;

class HomographyTracker final : public Tracker {
 public:
  explicit HomographyTracker(float min_confidence) : min_confidence_(min_confidence) {}

  void Step(const cv::Mat& frame, vision_proto::VisionResult* result) override {
    if (!last_.empty()) Answer(frame, result->mutable_image_alignment());
    last_ = frame;
  }

 private:
  void Answer(const cv::Mat& frame, vision_proto::ImageAlignment* out) const {
    out->set_confidence(0);
    const std::vector<cv::Point2f> features = FindFeatures(last_, {}, kFeatures, kMinDistance);
    if (features.size() < kMinFits) return;
    Follows moved = FollowFeatures(last_, frame, features, kMaxBackError);
    if (moved.from.size() < features.size() / 2) {
      // Too far for the pyramid: begin from where the picture went as a whole.
      const Shift shift = FindShift(last_, frame);
      if (shift.confidence > 0) {
        Follows again = FollowFeatures(last_, frame, features, kMaxBackError, 21, shift.by);
        if (again.from.size() > moved.from.size()) moved = std::move(again);
      }
    }
    const std::optional<MapFit> fit = FitMap(moved.to, moved.from, kMaxError);
    if (!fit.has_value() || fit->count < kMinFits) return;
    // Of the features that were there to be found: those of another picture are not followed.
    const double share = static_cast<double>(fit->count) / static_cast<double>(features.size());
    const double agreed = static_cast<double>(fit->count) / static_cast<double>(moved.from.size());
    const double confidence = std::min(1.0, 0.5 * (share + agreed));
    out->set_confidence(static_cast<float>(confidence));
    if (agreed < kMinFitShare || confidence < min_confidence_ || !IsLikely(fit->map)) {
      return;
    }
    SetAlignment(fit->map, frame.size(), confidence, out);
  }

  bool IsLikely(const cv::Matx33d& map) const {
    const double right = last_.cols - 1, bottom = last_.rows - 1;
    const Corners whole = {cv::Point2d(0, 0), {right, 0}, {right, bottom}, {0, bottom}};
    const Corners there = Map(map, whole);
    if (!IsClockwiseConvex(there)) return false;
    const double growth = AreaOf(there) / AreaOf(whole);
    return growth <= kMaxGrowth && growth >= 1 / kMaxGrowth;
  }

  const float min_confidence_;
  cv::Mat last_;
};

}  // namespace

std::unique_ptr<Tracker> MakeHomographyTracker(float min_confidence) {
  return std::make_unique<HomographyTracker>(min_confidence);
}

}  // namespace intelligenced

// Follows a flat rectangle: every frame is compared with the first, from where the last one was.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/engines/vision/patch.h"
#include "runtime/engines/vision/tracker.h"
#include "runtime/engines/vision/tracking_shapes.h"

namespace intelligenced {
namespace {

// The rectangle seen from straight above, with a rim of what is around it: a plain sheet has no
// other features than its corners.
constexpr int kPatchSide = 256;
constexpr int kMinPatchSide = 32;
constexpr double kRim = 0.08;
constexpr int kFeatures = 150;
constexpr int kMinFits = 6;
// With fewer, edges are asked too: a plain sheet has four corners only.
constexpr int kSureFits = 16;
constexpr double kFeatureQuality = 0.05;
constexpr int kEdgeRounds = 12;
constexpr double kMinFitShare = 0.4;
constexpr float kMaxBackError = 1.5F;
constexpr double kMaxError = 2;
constexpr double kSame = 0.5;
constexpr double kFoundAgain = 0.6;
constexpr int kRefinements = 3;
constexpr double kMinArea = 64;
constexpr int kSearchSide = 320;

class RectangleTracker final : public Tracker {
 public:
  RectangleTracker(const vision_proto::TrackRectangle& request, float min_confidence)
      : given_(request.corners()), min_confidence_(min_confidence) {}

  void Step(const cv::Mat& frame, vision_proto::VisionResult* result) override {
    if (last_.empty()) {
      Begin(frame);
    } else {
      std::optional<cv::Matx33d> guess = lost_ ? Search(frame) : Predict(frame);
      lost_ = !(guess.has_value() && Settle(frame, *guess, lost_ ? kFoundAgain : kSame));
    }
    last_ = frame;
    vision_proto::TrackedRectangle& out = *result->mutable_tracked_rectangle();
    SetQuad(CornersNow(to_frame_), frame.size(), out.mutable_corners());
    out.set_confidence(static_cast<float>(std::clamp(confidence_, 0.0, 1.0)));
    out.set_lost(lost_ || out.confidence() < min_confidence_);
  }

 private:
  // Where the rectangle's corners are in the patch.
  Corners Inner() const {
    const double left = look_.cols * kRim - 0.5, right = look_.cols * (1 - kRim) - 0.5;
    const double top = look_.rows * kRim - 0.5, bottom = look_.rows * (1 - kRim) - 0.5;
    return {cv::Point2d(left, top), {right, top}, {right, bottom}, {left, bottom}};
  }
  Corners CornersNow(const cv::Matx33d& to_frame) const { return Map(to_frame, Inner()); }

  cv::Mat Look(const cv::Mat& frame, const cv::Matx33d& to_frame) const {
    cv::Mat look;
    cv::warpPerspective(frame, look, to_frame, look_.size(),
                        cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_REPLICATE);
    return look;
  }

  void Begin(const cv::Mat& frame) {
    const Corners corners = CornersFrom(given_, frame.size());
    const double width =
        std::max(cv::norm(corners[1] - corners[0]), cv::norm(corners[2] - corners[3]));
    const double height =
        std::max(cv::norm(corners[3] - corners[0]), cv::norm(corners[2] - corners[1]));
    const double scale = std::min(1.0, kPatchSide / std::max(width, height)) / (1 - 2 * kRim);
    look_ =
        cv::Mat::zeros(std::clamp(cvRound(height * scale), kMinPatchSide, 2 * kPatchSide),
                       std::clamp(cvRound(width * scale), kMinPatchSide, 2 * kPatchSide), CV_8UC1);
    confidence_ = 1;
    const std::optional<cv::Matx33d> map = MapOf(Inner(), corners);
    if (!map.has_value()) {
      // Too small to be seen in this frame.
      lost_ = true;
      confidence_ = 0;
      return;
    }
    to_frame_ = *map;
    look_ = Look(frame, to_frame_);
    features_ = FindFeatures(look_, {}, kFeatures, std::min(look_.cols, look_.rows) / 20.0 + 1,
                             kFeatureQuality);
  }

  // Where it is by the features that moved since the last frame; where it was, without any.
  std::optional<cv::Matx33d> Predict(const cv::Mat& frame) const {
    const Corners outer = Map(to_frame_, Corners{cv::Point2d(0, 0), cv::Point2d(look_.cols - 1, 0),
                                                 cv::Point2d(look_.cols - 1, look_.rows - 1),
                                                 cv::Point2d(0, look_.rows - 1)});
    std::vector<cv::Point> shape;
    for (const cv::Point2d& corner : outer) {
      shape.emplace_back(cvRound(corner.x), cvRound(corner.y));
    }
    cv::Mat mask = cv::Mat::zeros(frame.size(), CV_8UC1);
    cv::fillConvexPoly(mask, shape, 255);
    const double gap = std::sqrt(AreaOf(outer)) / 25 + 2;
    const Follows moved = FollowFeatures(
        last_, frame, FindFeatures(last_, mask, kFeatures, gap, kFeatureQuality), kMaxBackError);
    const std::optional<MapFit> fit = FitMap(moved.from, moved.to, kMaxError);
    if (!fit.has_value() || fit->count < kMinFits ||
        fit->count < kMinFitShare * static_cast<double>(moved.from.size())) {
      return to_frame_;
    }
    const cv::Matx33d moved_to = fit->map * to_frame_;
    if (fit->count >= kSureFits || Likeness(frame, moved_to) >= Likeness(frame, to_frame_)) {
      return moved_to;
    }
    return to_frame_;
  }

  double Likeness(const cv::Mat& frame, const cv::Matx33d& to_frame) const {
    return IsGood(frame, to_frame) ? Correlation(look_, Look(frame, to_frame)) : -1;
  }

  // The map that brings the first look upon this one, by all of their pixels: enhanced correlation,
  // Evangelidis and Psarakis 2008. Both are made smaller by `step`.
  std::optional<cv::Matx33d> AlignPixels(const cv::Mat& look, int step) const {
    const cv::Size size(look_.cols / step, look_.rows / step);
    cv::Mat first, now;
    cv::resize(look_, first, size, 0, 0, cv::INTER_AREA);
    cv::resize(look, now, size, 0, 0, cv::INTER_AREA);
    cv::Mat map = cv::Mat::eye(3, 3, CV_32F);
    try {
      cv::findTransformECC(first, now, map, cv::MOTION_HOMOGRAPHY,
                           {cv::TermCriteria::COUNT + cv::TermCriteria::EPS, kEdgeRounds, 1e-4},
                           cv::noArray(), 5);
    } catch (const cv::Exception&) {
      // They are too different for it.
      return std::nullopt;
    }
    const cv::Matx33d smaller(1.0 / step, 0, 0.5 / step - 0.5, 0, 1.0 / step, 0.5 / step - 0.5, 0,
                              0, 1);
    return smaller.inv() * cv::Matx33d(cv::Matx33f(map)) * smaller;
  }

  // The look's middle, as large as it was last, somewhere in the picture.
  std::optional<cv::Matx33d> Search(const cv::Mat& frame) const {
    if (features_.empty()) return std::nullopt;
    const Corners now = CornersNow(to_frame_);
    cv::Point2d centre;
    double half_width = 0, half_height = 0;
    for (const cv::Point2d& corner : now) centre += corner * 0.25;
    for (const cv::Point2d& corner : now) {
      half_width = std::max(half_width, std::abs(corner.x - centre.x));
      half_height = std::max(half_height, std::abs(corner.y - centre.y));
    }
    const double factor = std::min(1.0, 1.0 * kSearchSide / std::max(frame.cols, frame.rows));
    const cv::Size size(std::max(8, cvRound(1.3 * half_width * factor)),
                        std::max(8, cvRound(1.3 * half_height * factor)));
    // From the pattern's pixels to the look's.
    const cv::Matx33d to_pattern(factor, 0, size.width / 2.0 - centre.x * factor, 0, factor,
                                 size.height / 2.0 - centre.y * factor, 0, 0, 1);
    cv::Mat pattern, small = frame;
    cv::warpPerspective(look_, pattern, to_pattern * to_frame_, size, cv::INTER_AREA,
                        cv::BORDER_REPLICATE);
    if (factor < 1) cv::resize(frame, small, {}, factor, factor, cv::INTER_AREA);
    const Peak peak = FindPattern(small, pattern);
    if (peak.score < kFoundAgain) return std::nullopt;
    const cv::Point2d shift((peak.at.x + size.width / 2.0) / factor - centre.x,
                            (peak.at.y + size.height / 2.0) / factor - centre.y);
    return cv::Matx33d(1, 0, shift.x, 0, 1, shift.y, 0, 0, 1) * to_frame_;
  }

  // Brings the look of the guess upon the first one. False: it is not what it was.
  bool Settle(const cv::Mat& frame, cv::Matx33d guess, double wanted) {
    cv::Mat look;
    int fits = 0;
    for (int i = 0; i < kRefinements; ++i) {
      if (!IsGood(frame, guess)) return Fail(0);
      look = Look(frame, guess);
      const Follows moved = FollowFeatures(look_, look, features_, kMaxBackError);
      const std::optional<MapFit> fit = FitMap(moved.from, moved.to, kMaxError);
      if (!fit.has_value() || fit->count < kMinFits ||
          fit->count < kMinFitShare * static_cast<double>(features_.size())) {
        break;
      }
      fits = fit->count;
      guess = guess * fit->map;
      const double change = cv::norm(Map(fit->map, Inner()[0]) - Inner()[0]);
      if (change < 0.05) break;
    }
    double score = Likeness(frame, guess);
    for (int step = 4; fits < kSureFits && step > 1 && IsGood(frame, guess); step /= 2) {
      const std::optional<cv::Matx33d> map = AlignPixels(Look(frame, guess), step);
      if (!map.has_value()) continue;
      const double better = Likeness(frame, guess * *map);
      if (better <= score) continue;
      guess = guess * *map;
      score = better;
    }
    if (score < wanted) return Fail(score);
    confidence_ = score;
    to_frame_ = guess;
    return true;
  }
  bool Fail(double score) {
    confidence_ = std::max(0.0, score);
    return false;
  }

  bool IsGood(const cv::Mat& frame, const cv::Matx33d& to_frame) const {
    const Corners corners = CornersNow(to_frame);
    if (!IsClockwiseConvex(corners)) return false;
    const double area = AreaOf(corners);
    if (!(area >= kMinArea) || area > 4.0 * frame.cols * frame.rows) return false;
    const cv::Point2d centre = (corners[0] + corners[1] + corners[2] + corners[3]) * 0.25;
    return cv::Rect2d(0, 0, frame.cols, frame.rows).contains(centre);
  }

  const vision_proto::Quad given_;
  const float min_confidence_;
  cv::Mat last_;
  // As it was in the first frame, seen from above.
  cv::Mat look_;
  std::vector<cv::Point2f> features_;
  // From the look's pixels to those of the frame.
  cv::Matx33d to_frame_ = cv::Matx33d::eye();
  double confidence_ = 0;
  bool lost_ = false;
};

}  // namespace

std::unique_ptr<Tracker> MakeRectangleTracker(const vision_proto::TrackRectangle& request,
                                              float min_confidence) {
  return std::make_unique<RectangleTracker>(request, min_confidence);
}

}  // namespace intelligenced

// Follows a thing by its features, and keeps it by how it looks.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "runtime/engines/vision/patch.h"
#include "runtime/engines/vision/tracker.h"

namespace intelligenced {
namespace {

// Of the box, a side: less shows nothing to go by.
constexpr double kMinSide = 8;
// The box with some of what is around it, so that a plain thing has its outline.
constexpr double kContext = 1.2;
constexpr int kPatchSide = 64;
constexpr int kFeatures = 60;
constexpr int kMinFeatures = 6;
constexpr float kMaxBackError = 1;
// Between two frames.
constexpr double kMaxGrowth = 1.2;
constexpr double kMaxSpread = 8;
// Correlations.
constexpr double kSame = 0.55;
constexpr double kFoundAgain = 0.6;
constexpr double kRemember = 0.7;
// How far a match is looked for around a guess, in boxes, and how much larger or smaller it may be.
constexpr double kNear = 0.12;
constexpr double kFar = 0.5;
constexpr double kSizeStep = 1.04;
// Of the box in the picture.
constexpr double kMinVisible = 0.35;
// The whole picture is searched at no more than this many pixels a side.
constexpr int kSearchSide = 320;
constexpr double kMinPatternSide = 12;
// Of the pattern, beyond the picture's border.
constexpr double kRim = 0.12;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

cv::Point2d CentreOf(const cv::Rect2d& box) {
  return {box.x + box.width / 2, box.y + box.height / 2};
}

cv::Rect2d BoxAt(cv::Point2d centre, cv::Size2d size) {
  return {centre.x - size.width / 2, centre.y - size.height / 2, size.width, size.height};
}

// One look of the thing, and how well a box shows it.
struct Match {
  double score = -1;
  cv::Rect2d box;
};

class ObjectTracker final : public Tracker {
 public:
  ObjectTracker(const vision_proto::TrackObject& request, float min_confidence)
      : given_(request.box()), min_confidence_(min_confidence) {}

  void Step(const cv::Mat& frame, vision_proto::VisionResult* result) override {
    if (last_.empty()) {
      Begin(frame);
    } else if (lost_) {
      Search(frame);
    } else {
      Follow(frame);
    }
    last_ = frame;
    Tell(result->mutable_tracked_object());
  }

 private:
  void Begin(const cv::Mat& frame) {
    const cv::Size2d size(std::max(kMinSide, 1.0 * given_.width() * frame.cols),
                          std::max(kMinSide, 1.0 * given_.height() * frame.rows));
    box_ = BoxAt({(given_.x() + given_.width() / 2) * frame.cols,
                  (given_.y() + given_.height() / 2) * frame.rows},
                 size);
    const double factor = kPatchSide / (std::max(size.width, size.height) * kContext);
    // A small thing is not blown up.
    const double scale = std::min(1.0, factor) * kContext;
    patch_size_ = {std::max(static_cast<int>(kMinSide), cvRound(size.width * scale)),
                   std::max(static_cast<int>(kMinSide), cvRound(size.height * scale))};
    first_look_ = last_look_ = Look(frame, box_);
    confidence_ = 1;
  }

  // The patch that shows the box with what is around it.
  cv::Mat Look(const cv::Mat& frame, const cv::Rect2d& box) const {
    return CropTo(frame, BoxAt(CentreOf(box), {box.width * kContext, box.height * kContext}),
                  patch_size_);
  }

  static double Visible(const cv::Rect2d& box, const cv::Mat& frame) {
    return (box & cv::Rect2d(0, 0, frame.cols, frame.rows)).area() / box.area();
  }

  // Median flow: Kalal, Mikolajczyk and Matas 2010. False: too few features can be followed.
  bool Predict(const cv::Mat& frame, cv::Rect2d* box) const {
    const cv::Rect inside =
        cv::Rect(cvRound(box_.x), cvRound(box_.y), cvRound(box_.width), cvRound(box_.height)) &
        cv::Rect(0, 0, frame.cols, frame.rows);
    if (inside.empty()) return false;
    cv::Mat mask = cv::Mat::zeros(frame.size(), CV_8UC1);
    mask(inside).setTo(255);
    const double gap = std::max(2.0, std::min(inside.width, inside.height) / 12.0);
    const Follows moved =
        FollowFeatures(last_, frame, FindFeatures(last_, mask, kFeatures, gap), kMaxBackError);
    if (moved.from.size() < kMinFeatures) return false;
    std::vector<double> dx, dy, growth;
    for (size_t i = 0; i < moved.from.size(); ++i) {
      dx.push_back(moved.to[i].x - moved.from[i].x);
      dy.push_back(moved.to[i].y - moved.from[i].y);
      for (size_t k = 0; k < i; ++k) {
        const double before = cv::norm(moved.from[i] - moved.from[k]);
        if (before > 4) growth.push_back(cv::norm(moved.to[i] - moved.to[k]) / before);
      }
    }
    const cv::Point2d shift(Median(dx), Median(dy));
    std::vector<double> spread;
    for (size_t i = 0; i < dx.size(); ++i) {
      spread.push_back(std::hypot(dx[i] - shift.x, dy[i] - shift.y));
    }
    if (Median(spread) > kMaxSpread) return false;
    const double scale =
        growth.empty() ? 1 : std::clamp(Median(growth), 1 / kMaxGrowth, kMaxGrowth);
    *box = BoxAt(CentreOf(box_) + shift, {box_.width * scale, box_.height * scale});
    return true;
  }

  // Where around `box`, at most `reach` of its size away, and how large the look is seen best.
  Match Align(const cv::Mat& frame, const cv::Mat& look, const cv::Rect2d& box, double reach,
              double size_step) const {
    // Only the part of the look that is in the picture can be seen.
    const cv::Rect2d shown = BoxAt(CentreOf(box), {box.width * kContext, box.height * kContext});
    const cv::Rect2d seen = shown & cv::Rect2d(0, 0, frame.cols, frame.rows);
    cv::Rect part(
        static_cast<int>(std::ceil((seen.x - shown.x) / shown.width * patch_size_.width)),
        static_cast<int>(std::ceil((seen.y - shown.y) / shown.height * patch_size_.height)),
        static_cast<int>(seen.width / shown.width * patch_size_.width),
        static_cast<int>(seen.height / shown.height * patch_size_.height));
    part &= cv::Rect({}, patch_size_);
    if (part.width < 4 || part.height < 4) return {};
    const cv::Mat pattern = look(part);
    const cv::Size margin(std::max(2, cvRound(reach * patch_size_.width)),
                          std::max(2, cvRound(reach * patch_size_.height)));
    const cv::Size area(part.width + 2 * margin.width, part.height + 2 * margin.height);
    double scores[3] = {-1, -1, -1};
    Match matches[3];
    for (int i = 0; i < 3; ++i) {
      const double scale = std::pow(size_step, i - 1);
      if (scale == 1 && i != 1) continue;
      // One pixel of the patch, in pixels of the frame.
      const double px = shown.width * scale / patch_size_.width;
      const double py = shown.height * scale / patch_size_.height;
      const cv::Rect2d whole = BoxAt(CentreOf(shown), {shown.width * scale, shown.height * scale});
      const cv::Rect2d from(whole.x + (part.x - margin.width) * px,
                            whole.y + (part.y - margin.height) * py, area.width * px,
                            area.height * py);
      const Peak peak = FindPattern(CropTo(frame, from, area), pattern);
      scores[i] = peak.score;
      const cv::Point2d shift((peak.at.x - margin.width) * px, (peak.at.y - margin.height) * py);
      matches[i] = {peak.score,
                    BoxAt(CentreOf(box) + shift, {box.width * scale, box.height * scale})};
    }
    const auto best = std::max_element(scores, scores + 3) - scores;
    Match match = matches[best];
    if (best == 1 && scores[0] > 0 && scores[2] > 0) {
      const double scale = std::pow(size_step, PeakOffset(scores[0], scores[1], scores[2]));
      match.box = BoxAt(CentreOf(match.box), {box.width * scale, box.height * scale});
    }
    return match;
  }

  void Follow(const cv::Mat& frame) {
    cv::Rect2d predicted(box_.x + speed_.x, box_.y + speed_.y, box_.width, box_.height);
    const bool moved = Predict(frame, &predicted);
    if (Visible(predicted, frame) < kMinVisible) return Lose(0);
    Match match = AlignBest(frame, predicted, moved ? kNear : kFar);
    if (moved && match.score < kSame) {
      // What was followed may have been what is behind it.
      const cv::Rect2d steady(box_.x + speed_.x, box_.y + speed_.y, box_.width, box_.height);
      const Match other = AlignBest(frame, steady, kFar);
      if (other.score > match.score) match = other;
    }
    if (match.score >= kSame && Take(frame, match)) return;
    Lose(match.score);
    Search(frame);
  }

  // As it looked at first, so that small errors do not add up; as it looked last, for a thing that
  // turns.
  Match AlignBest(const cv::Mat& frame, const cv::Rect2d& box, double reach) const {
    Match match = Align(frame, first_look_, box, reach, kSizeStep);
    if (match.score >= kSame) return match;
    const Match recent = Align(frame, last_look_, box, reach, kSizeStep);
    return recent.score > match.score ? recent : match;
  }

  // Everywhere, at the size it had and a bit smaller and larger.
  void Search(const cv::Mat& frame) {
    const double pattern_side = std::min(box_.width, box_.height) * kContext;
    const double factor =
        std::min(1.0, std::max(1.0 * kSearchSide / std::max(frame.cols, frame.rows),
                               kMinPatternSide / pattern_side));
    cv::Mat small = frame;
    if (factor < 1) cv::resize(frame, small, {}, factor, factor, cv::INTER_AREA);
    Match best;
    for (const cv::Mat& look : {first_look_, last_look_}) {
      for (const double scale : {0.8, 1.0, 1.25}) {
        const cv::Size2d size(box_.width * scale, box_.height * scale);
        cv::Mat pattern;
        cv::resize(look, pattern,
                   {std::max(4, cvRound(size.width * kContext * factor)),
                    std::max(4, cvRound(size.height * kContext * factor))},
                   0, 0, cv::INTER_AREA);
        // What is around the thing may be outside: the picture's border is drawn out.
        const cv::Size rim(cvCeil(kRim * pattern.cols), cvCeil(kRim * pattern.rows));
        cv::Mat padded;
        cv::copyMakeBorder(small, padded, rim.height, rim.height, rim.width, rim.width,
                           cv::BORDER_REPLICATE);
        const Peak peak = FindPattern(padded, pattern);
        if (peak.score <= best.score) continue;
        best = {peak.score, BoxAt({(peak.at.x - rim.width + pattern.cols / 2.0) / factor,
                                   (peak.at.y - rim.height + pattern.rows / 2.0) / factor},
                                  size)};
      }
    }
    confidence_ = std::max(0.0, best.score);
    if (best.score < kFoundAgain) return;
    Match match = Align(frame, first_look_, best.box, 0.25, 1.1);
    const Match recent = Align(frame, last_look_, best.box, 0.25, 1.1);
    if (recent.score > match.score) match = recent;
    if (match.score < kFoundAgain) return;
    // Once more from there, finer.
    const Match fine = Align(frame, first_look_, match.box, kNear, kSizeStep);
    if (fine.score >= match.score) match = fine;
    lost_ = !Take(frame, match);
    speed_ = {};
  }

  // False: what was found cannot be it.
  bool Take(const cv::Mat& frame, const Match& match) {
    const double side = std::min(match.box.width, match.box.height);
    const double longest = std::max(match.box.width, match.box.height);
    if (side < kMinSide / 2 || longest > 1.5 * std::max(frame.cols, frame.rows)) return false;
    if (Visible(match.box, frame) < kMinVisible) return false;
    speed_ = CentreOf(match.box) - CentreOf(box_);
    box_ = match.box;
    confidence_ = match.score;
    if (match.score >= kRemember && Visible(box_, frame) > 0.99) last_look_ = Look(frame, box_);
    return true;
  }

  void Lose(double score) {
    lost_ = true;
    confidence_ = std::max(0.0, score);
  }

  void Tell(vision_proto::TrackedObject* out) const {
    const cv::Rect2d whole(0, 0, last_.cols, last_.rows);
    const cv::Rect2d shown = box_ & whole;
    vision_proto::Rect& box = *out->mutable_box();
    box.set_x(static_cast<float>(shown.x / whole.width));
    box.set_y(static_cast<float>(shown.y / whole.height));
    box.set_width(static_cast<float>(shown.width / whole.width));
    box.set_height(static_cast<float>(shown.height / whole.height));
    out->set_confidence(static_cast<float>(std::clamp(confidence_, 0.0, 1.0)));
    out->set_lost(lost_ || out->confidence() < min_confidence_);
  }

  const vision_proto::Rect given_;
  const float min_confidence_;
  cv::Mat last_;
  // In pixels of the frame; may reach beyond it.
  cv::Rect2d box_;
  cv::Point2d speed_;
  cv::Size patch_size_;
  cv::Mat first_look_;
  cv::Mat last_look_;
  double confidence_ = 0;
  bool lost_ = false;
};

}  // namespace

std::unique_ptr<Tracker> MakeObjectTracker(const vision_proto::TrackObject& request,
                                           float min_confidence) {
  return std::make_unique<ObjectTracker>(request, min_confidence);
}

}  // namespace intelligenced

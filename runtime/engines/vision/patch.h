// What trackers compare and follow: features, patches, correlation. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_PATCH_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_PATCH_H_

#include <opencv2/core.hpp>
#include <vector>

namespace intelligenced {

// Nothing can be followed in less, a side.
inline constexpr int kMinTrackSide = 16;

// Corners that can be found again (Shi and Tomasi 1994), the best first, none worse than `quality`
// times the best; none for pictures below kMinTrackSide. `mask` (may be empty): where to look.
std::vector<cv::Point2f> FindFeatures(const cv::Mat& frame, const cv::Mat& mask, int count,
                                      double min_distance, double quality = 0.01);

struct Follows {
  std::vector<cv::Point2f> from;
  std::vector<cv::Point2f> to;
};
// Where points of one frame are in another: those that come back to within `max_back_error` pixels
// of where they were when followed back. `shift`: where to begin looking.
Follows FollowFeatures(const cv::Mat& from, const cv::Mat& to,
                       const std::vector<cv::Point2f>& points, float max_back_error,
                       int window = 21, cv::Point2f shift = {});

// Mean-free correlation of two patches of one size, -1 to 1. 0 where one of them is without
// texture.
double Correlation(const cv::Mat& a, const cv::Mat& b);

// The part of the frame inside `box` (borders count from 0), brought to `size`. What lies outside
// repeats the border.
cv::Mat CropTo(const cv::Mat& frame, cv::Rect2d box, cv::Size size);

struct Peak {
  double score = -1;
  // Where the pattern's corner is, to parts of a pixel.
  cv::Point2d at;
};
// Where the pattern is in the picture. Score -1 when it does not fit in.
Peak FindPattern(const cv::Mat& picture, const cv::Mat& pattern);

// How far the highest of three equally spaced values is from the middle one, in steps.
double PeakOffset(double before, double middle, double after);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_PATCH_H_

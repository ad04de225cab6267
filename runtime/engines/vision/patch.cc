#include "runtime/engines/vision/patch.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>

namespace intelligenced {
namespace {

constexpr int kLevels = 4;
// Standard deviation of grey values below which a patch is flat.
constexpr double kFlat = 2;

cv::TermCriteria Enough() { return {cv::TermCriteria::COUNT + cv::TermCriteria::EPS, 30, 0.01}; }

}  // namespace

std::vector<cv::Point2f> FindFeatures(const cv::Mat& frame, const cv::Mat& mask, int count,
                                      double min_distance, double quality) {
  std::vector<cv::Point2f> points;
  if (std::min(frame.cols, frame.rows) < kMinTrackSide) return points;
  cv::goodFeaturesToTrack(frame, points, count, quality, min_distance, mask);
  return points;
}

Follows FollowFeatures(const cv::Mat& from, const cv::Mat& to,
                       const std::vector<cv::Point2f>& points, float max_back_error, int window,
                       cv::Point2f shift) {
  Follows follows;
  if (points.empty() || std::min(from.cols, from.rows) < kMinTrackSide) return follows;
  std::vector<cv::Point2f> there = points, back = points;
  for (cv::Point2f& point : there) point += shift;
  std::vector<uint8_t> found, found_back;
  const cv::Size size(window, window);
  std::vector<float> errors;
  cv::calcOpticalFlowPyrLK(from, to, points, there, found, errors, size, kLevels, Enough(),
                           cv::OPTFLOW_USE_INITIAL_FLOW);
  back = there;
  for (cv::Point2f& point : back) point -= shift;
  cv::calcOpticalFlowPyrLK(to, from, there, back, found_back, errors, size, kLevels, Enough(),
                           cv::OPTFLOW_USE_INITIAL_FLOW);
  const cv::Rect2f inside(-0.5F, -0.5F, static_cast<float>(to.cols), static_cast<float>(to.rows));
  for (size_t i = 0; i < points.size(); ++i) {
    if (found[i] == 0 || found_back[i] == 0 || !inside.contains(there[i])) continue;
    if (cv::norm(back[i] - points[i]) > max_back_error) continue;
    follows.from.push_back(points[i]);
    follows.to.push_back(there[i]);
  }
  return follows;
}

double Correlation(const cv::Mat& a, const cv::Mat& b) {
  if (a.empty() || a.size() != b.size()) return 0;
  cv::Scalar mean_a, mean_b, deviation_a, deviation_b;
  cv::meanStdDev(a, mean_a, deviation_a);
  cv::meanStdDev(b, mean_b, deviation_b);
  if (deviation_a[0] < kFlat || deviation_b[0] < kFlat) return 0;
  const double count = static_cast<double>(a.total());
  return (a.dot(b) / count - mean_a[0] * mean_b[0]) / (deviation_a[0] * deviation_b[0]);
}

cv::Mat CropTo(const cv::Mat& frame, cv::Rect2d box, cv::Size size) {
  // Made smaller in whole steps first, so that no pixel is left out.
  const double ratio = std::min(box.width / size.width, box.height / size.height);
  const int step = std::max(1, static_cast<int>(std::floor(ratio)));
  cv::Mat source = frame;
  if (step > 1) {
    const int margin = 2 * step;
    const cv::Rect whole(0, 0, frame.cols, frame.rows);
    cv::Rect part(static_cast<int>(std::floor(box.x)) - margin,
                  static_cast<int>(std::floor(box.y)) - margin,
                  static_cast<int>(std::ceil(box.width)) + 2 * margin,
                  static_cast<int>(std::ceil(box.height)) + 2 * margin);
    part &= whole;
    part.width -= part.width % step;
    part.height -= part.height % step;
    if (part.width >= step && part.height >= step) {
      cv::resize(frame(part), source, {part.width / step, part.height / step}, 0, 0,
                 cv::INTER_AREA);
      box = {(box.x - part.x) / step, (box.y - part.y) / step, box.width / step, box.height / step};
    }
  }
  const double sx = box.width / size.width, sy = box.height / size.height;
  const cv::Matx23d map(sx, 0, box.x + 0.5 * sx - 0.5, 0, sy, box.y + 0.5 * sy - 0.5);
  cv::Mat patch;
  cv::warpAffine(source, patch, map, size, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REPLICATE);
  return patch;
}

double PeakOffset(double before, double middle, double after) {
  const double bend = before - 2 * middle + after;
  if (!(bend < -1e-12)) return 0;
  return std::clamp(0.5 * (before - after) / bend, -0.5, 0.5);
}

Peak FindPattern(const cv::Mat& picture, const cv::Mat& pattern) {
  Peak peak;
  if (pattern.empty() || pattern.cols > picture.cols || pattern.rows > picture.rows) return peak;
  cv::Scalar mean, deviation;
  cv::meanStdDev(pattern, mean, deviation);
  if (deviation[0] < kFlat) return peak;
  cv::Mat scores;
  cv::matchTemplate(picture, pattern, scores, cv::TM_CCOEFF_NORMED);
  cv::patchNaNs(scores, -1);
  cv::Point at;
  cv::minMaxLoc(scores, nullptr, &peak.score, nullptr, &at);
  // Where the picture is flat the quotient is of two roundings.
  peak.score = std::min(peak.score, 1.0);
  peak.at = at;
  const auto score = [&](int dx, int dy) { return scores.at<float>(at.y + dy, at.x + dx); };
  if (at.x > 0 && at.x + 1 < scores.cols) {
    peak.at.x += PeakOffset(score(-1, 0), score(0, 0), score(1, 0));
  }
  if (at.y > 0 && at.y + 1 < scores.rows) {
    peak.at.y += PeakOffset(score(0, -1), score(0, 0), score(0, 1));
  }
  return peak;
}

}  // namespace intelligenced

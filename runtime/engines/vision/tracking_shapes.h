// Shapes in frames, and the maps between them. Pure.
//
// Points are in pixels with the centre of the first pixel at 0 (as OpenCV has them); the API's
// coordinates count borders from 0 to 1.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKING_SHAPES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKING_SHAPES_H_

#include <array>
#include <cstdint>
#include <opencv2/core.hpp>
#include <optional>
#include <vector>

#include "runtime/engines/vision/picture.h"

namespace intelligenced {

// From the top left, clockwise.
using Corners = std::array<cv::Point2d, 4>;

cv::Point2d PointFrom(const vision_proto::Point& point, cv::Size size);
// Clamped to the picture.
void SetPoint(cv::Point2d from, cv::Size size, vision_proto::Point* to);
Corners CornersFrom(const vision_proto::Quad& quad, cv::Size size);
void SetQuad(const Corners& corners, cv::Size size, vision_proto::Quad* to);

double AreaOf(const Corners& corners);
bool IsClockwiseConvex(const Corners& corners);

cv::Point2d Map(const cv::Matx33d& map, cv::Point2d point);
Corners Map(const cv::Matx33d& map, const Corners& corners);
// The projective map between four corners and four others. Nothing when they span no shape.
std::optional<cv::Matx33d> MapOf(const Corners& from, const Corners& to);
// A map of pixels as one of the API's coordinates, its last number 1. Nothing when that is 0.
std::optional<cv::Matx33d> NormalizedMap(const cv::Matx33d& map, cv::Size size);

struct MapFit {
  cv::Matx33d map;
  // One for each pair of points.
  std::vector<uint8_t> fits;
  int count = 0;
};
// The projective map that takes the most points to within `max_error` pixels of their partners.
// Always the same for the same points. Nothing for less than 4 that agree.
std::optional<MapFit> FitMap(const std::vector<cv::Point2f>& from,
                             const std::vector<cv::Point2f>& to, double max_error);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_TRACKING_SHAPES_H_

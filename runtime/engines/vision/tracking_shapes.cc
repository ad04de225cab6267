#include "runtime/engines/vision/tracking_shapes.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace intelligenced {
namespace {

constexpr int kMaxTries = 500;
constexpr double kWantedCertainty = 0.995;
constexpr int kRefits = 3;
constexpr double kTiny = 1e-9;

double Cross(cv::Point2d a, cv::Point2d b, cv::Point2d c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// Moves the points' centre to 0 and their mean distance from it to the root of 2 (Hartley 1997).
cv::Matx33d Normalizer(const std::vector<cv::Point2f>& points, const std::vector<uint8_t>& used,
                       int count) {
  cv::Point2d centre;
  for (size_t i = 0; i < points.size(); ++i) {
    if (used[i] != 0) centre += cv::Point2d(points[i]);
  }
  centre *= 1.0 / count;
  double distance = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    if (used[i] != 0) distance += cv::norm(cv::Point2d(points[i]) - centre);
  }
  const double scale = distance > kTiny ? std::sqrt(2.0) * count / distance : 1;
  return {scale, 0, -scale * centre.x, 0, scale, -scale * centre.y, 0, 0, 1};
}

// Least squares over the used pairs: the direct linear transform.
std::optional<cv::Matx33d> Solve(const std::vector<cv::Point2f>& from,
                                 const std::vector<cv::Point2f>& to,
                                 const std::vector<uint8_t>& used, int count) {
  if (count < 4) return std::nullopt;
  const cv::Matx33d to_unit = Normalizer(from, used, count);
  const cv::Matx33d other_to_unit = Normalizer(to, used, count);
  cv::Matx<double, 9, 9> normal = cv::Matx<double, 9, 9>::zeros();
  for (size_t i = 0; i < from.size(); ++i) {
    if (used[i] == 0) continue;
    const cv::Point2d a = Map(to_unit, from[i]), b = Map(other_to_unit, to[i]);
    const double rows[2][9] = {{a.x, a.y, 1, 0, 0, 0, -b.x * a.x, -b.x * a.y, -b.x},
                               {0, 0, 0, a.x, a.y, 1, -b.y * a.x, -b.y * a.y, -b.y}};
    for (const auto& row : rows) {
      for (int r = 0; r < 9; ++r) {
        for (int c = 0; c < 9; ++c) normal(r, c) += row[r] * row[c];
      }
    }
  }
  cv::Mat values, vectors;
  if (!cv::eigen(cv::Mat(normal), values, vectors)) return std::nullopt;
  const auto* const h = vectors.ptr<double>(8);
  const cv::Matx33d unit(h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]);
  cv::Matx33d map = other_to_unit.inv() * unit * to_unit;
  if (std::abs(map(2, 2)) < kTiny) return std::nullopt;
  map *= 1 / map(2, 2);
  return map;
}

int Judge(const cv::Matx33d& map, const std::vector<cv::Point2f>& from,
          const std::vector<cv::Point2f>& to, double max_error, std::vector<uint8_t>* fits) {
  int count = 0;
  fits->assign(from.size(), 0);
  for (size_t i = 0; i < from.size(); ++i) {
    const cv::Point2d error = Map(map, from[i]) - cv::Point2d(to[i]);
    // Written so that NaN does not fit.
    if (error.dot(error) <= max_error * max_error) {
      (*fits)[i] = 1;
      ++count;
    }
  }
  return count;
}

}  // namespace

cv::Point2d PointFrom(const vision_proto::Point& point, cv::Size size) {
  return {point.x() * size.width - 0.5, point.y() * size.height - 0.5};
}

void SetPoint(cv::Point2d from, cv::Size size, vision_proto::Point* to) {
  to->set_x(static_cast<float>(std::clamp((from.x + 0.5) / size.width, 0.0, 1.0)));
  to->set_y(static_cast<float>(std::clamp((from.y + 0.5) / size.height, 0.0, 1.0)));
}

Corners CornersFrom(const vision_proto::Quad& quad, cv::Size size) {
  return {PointFrom(quad.top_left(), size), PointFrom(quad.top_right(), size),
          PointFrom(quad.bottom_right(), size), PointFrom(quad.bottom_left(), size)};
}

void SetQuad(const Corners& corners, cv::Size size, vision_proto::Quad* to) {
  SetPoint(corners[0], size, to->mutable_top_left());
  SetPoint(corners[1], size, to->mutable_top_right());
  SetPoint(corners[2], size, to->mutable_bottom_right());
  SetPoint(corners[3], size, to->mutable_bottom_left());
}

double AreaOf(const Corners& c) {
  return 0.5 *
         std::abs((c[2].x - c[0].x) * (c[3].y - c[1].y) - (c[3].x - c[1].x) * (c[2].y - c[0].y));
}

bool IsClockwiseConvex(const Corners& corners) {
  for (size_t i = 0; i < 4; ++i) {
    // Down is positive: clockwise turns are positive too.
    if (!(Cross(corners[i], corners[(i + 1) % 4], corners[(i + 2) % 4]) > kTiny)) return false;
  }
  return true;
}

cv::Point2d Map(const cv::Matx33d& map, cv::Point2d point) {
  const cv::Vec3d out = map * cv::Vec3d(point.x, point.y, 1);
  return {out[0] / out[2], out[1] / out[2]};
}

Corners Map(const cv::Matx33d& map, const Corners& corners) {
  return {Map(map, corners[0]), Map(map, corners[1]), Map(map, corners[2]), Map(map, corners[3])};
}

std::optional<cv::Matx33d> MapOf(const Corners& from, const Corners& to) {
  cv::Point2f a[4], b[4];
  for (size_t i = 0; i < 4; ++i) {
    a[i] = from[i];
    b[i] = to[i];
  }
  cv::Matx33d map = cv::getPerspectiveTransform(a, b);
  if (!cv::checkRange(map) || std::abs(map(2, 2)) < kTiny) return std::nullopt;
  map *= 1 / map(2, 2);
  return map;
}

std::optional<cv::Matx33d> NormalizedMap(const cv::Matx33d& map, cv::Size size) {
  const cv::Matx33d to_parts(1.0 / size.width, 0, 0.5 / size.width, 0, 1.0 / size.height,
                             0.5 / size.height, 0, 0, 1);
  cv::Matx33d out = to_parts * map * to_parts.inv();
  if (!cv::checkRange(out) || std::abs(out(2, 2)) < kTiny) return std::nullopt;
  out *= 1 / out(2, 2);
  return out;
}

// Samples of four and their majority: Fischler and Bolles 1981.
std::optional<MapFit> FitMap(const std::vector<cv::Point2f>& from,
                             const std::vector<cv::Point2f>& to, double max_error) {
  const int size = static_cast<int>(from.size());
  if (size < 4) return std::nullopt;
  cv::RNG random(size);
  MapFit best;
  std::vector<uint8_t> fits;
  int tries = kMaxTries;
  for (int i = 0; i < tries; ++i) {
    Corners a, b;
    int chosen[4];
    for (int k = 0; k < 4; ++k) {
      do {
        chosen[k] = random.uniform(0, size);
      } while (std::find(chosen, chosen + k, chosen[k]) != chosen + k);
      a[k] = from[chosen[k]];
      b[k] = to[chosen[k]];
    }
    // Three in a line say nothing; a turn that changes its sense is no view of a plane.
    bool good = true;
    for (size_t k = 0; k < 4 && good; ++k) {
      const double before = Cross(a[k], a[(k + 1) % 4], a[(k + 2) % 4]);
      const double after = Cross(b[k], b[(k + 1) % 4], b[(k + 2) % 4]);
      good = std::abs(before) > 1 && before * after > 0;
    }
    if (!good) continue;
    const std::optional<cv::Matx33d> map = MapOf(a, b);
    if (!map.has_value()) continue;
    const int count = Judge(*map, from, to, max_error, &fits);
    if (count <= best.count) continue;
    best = {.map = *map, .fits = fits, .count = count};
    const double all_good = std::pow(static_cast<double>(count) / size, 4);
    if (all_good > 1 - kTiny) break;
    const double needed = std::log(1 - kWantedCertainty) / std::log(1 - all_good);
    tries = std::min(tries, i + 1 + static_cast<int>(std::min(needed, 1.0 * kMaxTries)));
  }
  if (best.count < 4) return std::nullopt;
  for (int i = 0; i < kRefits; ++i) {
    const std::optional<cv::Matx33d> map = Solve(from, to, best.fits, best.count);
    if (!map.has_value()) break;
    const int count = Judge(*map, from, to, max_error, &fits);
    if (count < best.count) break;
    best = {.map = *map, .fits = fits, .count = count};
  }
  return best;
}

}  // namespace intelligenced

#include "runtime/engines/vision/shapes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <string>
#include <utility>
#include <vector>

#include "runtime/media/image.h"

namespace intelligenced {
namespace {

// Shapes are looked for in a picture of about this size: details only distract.
constexpr int kShapeSide = 640;
constexpr size_t kMaxRectangles = 32;
constexpr float kFramePart = 0.97F;
constexpr float kMinDocumentPart = 0.1F;
constexpr int kMaxCorrectedSide = 3000;
constexpr size_t kMaxContours = 1024;
constexpr int kMaxContourPoints = 65'536;
constexpr int kDefaultContourSide = 512;

struct Small {
  cv::Mat grey;
  float scale = 1;  // from the small picture to the view
};

Small MakeSmall(const View& view, int side) {
  Small small;
  const cv::Mat grey = view.grey();
  const int longest = std::max(grey.cols, grey.rows);
  if (longest <= side) {
    small.grey = grey;
    return small;
  }
  small.scale = static_cast<float>(longest) / static_cast<float>(side);
  const cv::Size size(std::max(1, static_cast<int>(std::lround(grey.cols / small.scale))),
                      std::max(1, static_cast<int>(std::lround(grey.rows / small.scale))));
  cv::resize(grey, small.grey, size, 0, 0, cv::INTER_AREA);
  return small;
}

struct Rectangle {
  cv::Point2f corners[4];
  float area = 0;
  float confidence = 0;
};

float Length(cv::Point2f a) { return std::hypot(a.x, a.y); }

// From the corner nearest to the top left, clockwise as one sees it.
void Sort(cv::Point2f (&corners)[4]) {
  cv::Point2f centre(0, 0);
  for (const cv::Point2f& corner : corners) centre += corner * 0.25F;
  std::sort(std::begin(corners), std::end(corners), [&](cv::Point2f a, cv::Point2f b) {
    return std::atan2(a.y - centre.y, a.x - centre.x) < std::atan2(b.y - centre.y, b.x - centre.x);
  });
  const auto* const first =
      std::min_element(std::begin(corners), std::end(corners),
                       [](cv::Point2f a, cv::Point2f b) { return a.x + a.y < b.x + b.y; });
  std::rotate(std::begin(corners), std::begin(corners) + (first - std::begin(corners)),
              std::end(corners));
}

// How far the worst corner is from a right angle, in degrees.
float WorstAngle(const cv::Point2f (&corners)[4]) {
  float worst = 0;
  for (int i = 0; i < 4; ++i) {
    const cv::Point2f a = corners[(i + 1) % 4] - corners[i];
    const cv::Point2f b = corners[(i + 3) % 4] - corners[i];
    const float cosine = a.dot(b) / std::max(1e-6F, Length(a) * Length(b));
    const float angle =
        std::acos(std::clamp(cosine, -1.0F, 1.0F)) * 180 / std::numbers::pi_v<float>;
    worst = std::max(worst, std::abs(angle - 90));
  }
  return worst;
}

struct Shape {
  float min_aspect = 0.1F;
  float max_aspect = 1;
  float min_size = 0.1F;
  float tolerance = 30;
};

// Takes a contour for a rectangle when four corners say nearly all of it.
void AddRectangle(const std::vector<cv::Point>& contour, const Shape& shape, cv::Size size,
                  std::vector<Rectangle>* found) {
  const double length = cv::arcLength(contour, true);
  std::vector<cv::Point> corners;
  cv::approxPolyDP(contour, corners, 0.02 * length, true);
  if (corners.size() != 4 || !cv::isContourConvex(corners)) return;
  Rectangle rectangle;
  for (int i = 0; i < 4; ++i) rectangle.corners[i] = cv::Point2f(corners[i]) + cv::Point2f(.5, .5);
  Sort(rectangle.corners);
  const auto& c = rectangle.corners;
  const float across = (Length(c[1] - c[0]) + Length(c[2] - c[3])) / 2;
  const float down = (Length(c[3] - c[0]) + Length(c[2] - c[1])) / 2;
  const float shorter = std::min(across, down);
  const float aspect = shorter / std::max(1.0F, std::max(across, down));
  if (shorter < shape.min_size * static_cast<float>(std::min(size.width, size.height))) return;
  if (aspect < shape.min_aspect || aspect > shape.max_aspect) return;
  rectangle.area = static_cast<float>(cv::contourArea(corners));
  // The frame of the picture is no thing in it.
  if (rectangle.area > kFramePart * static_cast<float>(size.area())) return;
  const float worst = WorstAngle(rectangle.corners);
  if (worst > shape.tolerance) return;
  const auto filled = static_cast<float>(cv::contourArea(contour)) / std::max(1.0F, rectangle.area);
  rectangle.confidence = std::clamp((1 - worst / 90) * std::min(filled, 1 / filled), 0.0F, 1.0F);
  found->push_back(rectangle);
}

bool SamePlace(const Rectangle& a, const Rectangle& b) {
  float worst = 0;
  for (int i = 0; i < 4; ++i) worst = std::max(worst, Length(a.corners[i] - b.corners[i]));
  return worst < 0.1F * std::sqrt(std::max(a.area, b.area));
}

// Edges at several thresholds and the two sides of Otsu's: a rectangle need be whole in one only.
std::vector<Rectangle> FindRectangles(const Small& small, const Shape& shape, const GoOn& go_on) {
  cv::Mat smooth, mask;
  cv::GaussianBlur(small.grey, smooth, cv::Size(5, 5), 0);
  std::vector<Rectangle> found;
  for (const int level : {-1, 30, 75, 150}) {
    if (!go_on()) break;
    if (level < 0) {
      cv::threshold(smooth, mask, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
    } else {
      cv::Canny(smooth, mask, level / 2.0, level);
      cv::dilate(mask, mask, cv::Mat());
    }
    std::vector<std::vector<cv::Point>> contours;
    cv::findContours(mask, contours, cv::RETR_LIST, cv::CHAIN_APPROX_SIMPLE);
    for (const auto& contour : contours) {
      if (contour.size() >= 4) AddRectangle(contour, shape, small.grey.size(), &found);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Rectangle& a, const Rectangle& b) { return a.confidence > b.confidence; });
  std::vector<Rectangle> kept;
  for (const Rectangle& rectangle : found) {
    const bool known = std::any_of(kept.begin(), kept.end(), [&](const Rectangle& other) {
      return SamePlace(rectangle, other);
    });
    if (!known && kept.size() < kMaxRectangles) kept.push_back(rectangle);
  }
  for (Rectangle& rectangle : kept) {
    for (cv::Point2f& corner : rectangle.corners) corner *= small.scale;
    rectangle.area *= small.scale * small.scale;
  }
  return kept;
}

void Fill(const Rectangle& rectangle, const View& view, vision_proto::Region* region) {
  region->set_confidence(rectangle.confidence);
  view.SetQuad(rectangle.corners, region->mutable_corners());
  const std::vector<cv::Point2f> corners(std::begin(rectangle.corners),
                                         std::end(rectangle.corners));
  cv::Point2f low = corners[0];
  cv::Point2f high = corners[0];
  for (const cv::Point2f& corner : corners) {
    low = {std::min(low.x, corner.x), std::min(low.y, corner.y)};
    high = {std::max(high.x, corner.x), std::max(high.y, corner.y)};
  }
  view.SetRect(cv::Rect2f(low, high), region->mutable_box());
}

// The transformation that takes four corners to a rectangle, by solving its eight equations:
// x' = (ax + by + c) / (gx + hy + 1), and y' alike.
cv::Mat PerspectiveTo(const cv::Point2f (&from)[4], cv::Size size) {
  const cv::Point2d to[4] = {{0, 0},
                             {static_cast<double>(size.width), 0},
                             {static_cast<double>(size.width), static_cast<double>(size.height)},
                             {0, static_cast<double>(size.height)}};
  cv::Mat left = cv::Mat::zeros(8, 8, CV_64F);
  cv::Mat right(8, 1, CV_64F);
  for (int i = 0; i < 4; ++i) {
    const double x = from[i].x, y = from[i].y;
    const double rows[2][8] = {{x, y, 1, 0, 0, 0, -x * to[i].x, -y * to[i].x},
                               {0, 0, 0, x, y, 1, -x * to[i].y, -y * to[i].y}};
    for (int r = 0; r < 2; ++r) {
      for (int c = 0; c < 8; ++c) left.at<double>(2 * i + r, c) = rows[r][c];
      right.at<double>(2 * i + r) = r == 0 ? to[i].x : to[i].y;
    }
  }
  cv::Mat solved;
  cv::solve(left, right, solved, cv::DECOMP_SVD);
  cv::Mat matrix = cv::Mat::ones(3, 3, CV_64F);
  for (int i = 0; i < 8; ++i) matrix.at<double>(i / 3, i % 3) = solved.at<double>(i);
  return matrix;
}

absl::Status Correct(const View& view, const Rectangle& document,
                     vision_proto::EncodedImage* corrected) {
  const auto& c = document.corners;
  const float across = std::max(Length(c[1] - c[0]), Length(c[2] - c[3]));
  const float down = std::max(Length(c[3] - c[0]), Length(c[2] - c[1]));
  const float scale = std::min(1.0F, kMaxCorrectedSide / std::max(across, down));
  const cv::Size size(std::max(1, static_cast<int>(std::lround(across * scale))),
                      std::max(1, static_cast<int>(std::lround(down * scale))));
  const cv::Mat pixels = view.pixels();
  absl::StatusOr<Image> image = Image::Make(size.width, size.height, pixels.channels());
  if (!image.ok()) return image.status();
  cv::Mat out(size, pixels.type(), image->data());
  cv::warpPerspective(pixels, out, PerspectiveTo(document.corners, size), size, cv::INTER_LINEAR,
                      cv::BORDER_REPLICATE);
  absl::StatusOr<std::string> png = EncodePng(*image);
  if (!png.ok()) return png.status();
  corrected->set_width(static_cast<uint32_t>(size.width));
  corrected->set_height(static_cast<uint32_t>(size.height));
  corrected->set_png(*std::move(png));
  return absl::OkStatus();
}

}  // namespace

vision_proto::Regions DetectRectangles(const View& view, const vision_proto::VisionRequest& request,
                                       const GoOn& go_on) {
  const vision_proto::DetectRectangles& options = request.detect_rectangles();
  Shape shape;
  if (options.min_aspect_ratio() > 0) shape.min_aspect = options.min_aspect_ratio();
  if (options.max_aspect_ratio() > 0) shape.max_aspect = options.max_aspect_ratio();
  if (options.min_size() > 0) shape.min_size = options.min_size();
  if (options.angle_tolerance_degrees() > 0) shape.tolerance = options.angle_tolerance_degrees();
  vision_proto::Regions regions;
  for (const Rectangle& found : FindRectangles(MakeSmall(view, kShapeSide), shape, go_on)) {
    Fill(found, view, regions.add_regions());
  }
  return regions;
}

absl::StatusOr<vision_proto::DocumentSegmentation> DetectDocument(
    const View& view, const vision_proto::DetectDocumentSegmentation& request, const GoOn& go_on) {
  vision_proto::DocumentSegmentation result;
  const Shape shape{.min_aspect = 0.2F, .max_aspect = 1, .min_size = 0.2F, .tolerance = 40};
  const auto whole = static_cast<float>(view.rect().area());
  const Rectangle* best = nullptr;
  const std::vector<Rectangle> found = FindRectangles(MakeSmall(view, kShapeSide), shape, go_on);
  for (const Rectangle& rectangle : found) {
    if (rectangle.area < kMinDocumentPart * whole) continue;
    if (best == nullptr || rectangle.area > best->area) best = &rectangle;
  }
  if (best == nullptr) return result;
  Fill(*best, view, result.mutable_document());
  if (request.correct_perspective() && go_on()) {
    const absl::Status status = Correct(view, *best, result.mutable_corrected());
    if (!status.ok()) return status;
  }
  return result;
}

vision_proto::Contours DetectContours(const View& view, const vision_proto::DetectContours& request,
                                      uint32_t max_results) {
  const int side = request.max_image_side() == 0 ? kDefaultContourSide
                                                 : static_cast<int>(request.max_image_side());
  const Small small = MakeSmall(view, side);
  cv::Mat mask;
  cv::GaussianBlur(small.grey, mask, cv::Size(3, 3), 0);
  cv::threshold(
      mask, mask, 0, 255,
      (request.light_on_dark() ? cv::THRESH_BINARY : cv::THRESH_BINARY_INV) | cv::THRESH_OTSU);
  std::vector<std::vector<cv::Point>> lines;
  std::vector<cv::Vec4i> tree;
  cv::findContours(mask, lines, tree, cv::RETR_TREE, cv::CHAIN_APPROX_TC89_L1);
  std::vector<std::pair<double, int>> order;
  for (int i = 0; i < static_cast<int>(lines.size()); ++i) {
    if (lines[i].size() >= 3) order.emplace_back(-cv::arcLength(lines[i], true), i);
  }
  std::sort(order.begin(), order.end());
  const size_t most = max_results == 0 ? kMaxContours : std::min<size_t>(max_results, kMaxContours);
  vision_proto::Contours contours;
  std::map<int, int> places;
  int points = 0;
  for (const auto& [length, index] : order) {
    points += static_cast<int>(lines[index].size());
    if (places.size() == most || points > kMaxContourPoints) break;
    places.emplace(index, contours.contours_size());
    vision_proto::Contour* const contour = contours.add_contours();
    for (const cv::Point& point : lines[index]) {
      view.SetPoint((cv::Point2f(point) + cv::Point2f(.5, .5)) * small.scale,
                    contour->add_points());
    }
  }
  for (const auto& [index, place] : places) {
    // The nearest ancestor that was kept.
    int parent = tree[index][3];
    while (parent >= 0 && !places.contains(parent)) parent = tree[parent][3];
    contours.mutable_contours(place)->set_parent(parent < 0 ? -1 : places[parent]);
  }
  return contours;
}

vision_proto::Horizon DetectHorizon(const View& view) {
  const Small small = MakeSmall(view, kShapeSide);
  cv::Mat edges;
  cv::GaussianBlur(small.grey, edges, cv::Size(5, 5), 0);
  cv::Canny(edges, edges, 40, 120);
  std::vector<cv::Vec4i> lines;
  const int longest = small.grey.cols;
  cv::HoughLinesP(edges, lines, 1, std::numbers::pi / 720, 40, longest / 6.0, longest / 40.0);
  // Each line votes for its slope with its length; neighbours half a degree away count too.
  constexpr int kBins = 361;  // quarter degrees from -45 to 45
  std::vector<float> votes(kBins, 0.0F);
  for (const cv::Vec4i& line : lines) {
    const float dx = static_cast<float>(line[2] - line[0]);
    const float dy = static_cast<float>(line[3] - line[1]);
    float degrees = std::atan2(dy, dx) * 180 / std::numbers::pi_v<float>;
    if (degrees > 90) degrees -= 180;
    if (degrees < -90) degrees += 180;
    if (std::abs(degrees) > 45) continue;
    const int bin = static_cast<int>(std::lround((degrees + 45) * 4));
    for (int i = std::max(0, bin - 2); i <= std::min(kBins - 1, bin + 2); ++i) {
      votes[i] += std::hypot(dx, dy) * (i == bin ? 1 : 0.5F);
    }
  }
  const auto best = std::max_element(votes.begin(), votes.end());
  vision_proto::Horizon horizon;
  // As much as one line over a third of the width.
  if (*best < static_cast<float>(longest) / 3) return horizon;
  horizon.set_found(true);
  horizon.set_angle_degrees(45 - static_cast<float>(best - votes.begin()) / 4);
  horizon.set_confidence(std::min(1.0F, *best / static_cast<float>(longest)));
  return horizon;
}

}  // namespace intelligenced

#include "runtime/engines/vision/tracker.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "runtime/base/reasons.h"
#include "runtime/engines/vision/tracking_shapes.h"

namespace intelligenced {
namespace {

using vision_proto::VisionRequest;

constexpr uint32_t kMinGridSide = 8;
constexpr uint32_t kMaxGridSide = 256;
// Sums of two floats that should be 1.
constexpr float kRounding = 1e-4F;
// Of a rectangle to follow, in pictures.
constexpr double kMinQuadArea = 1e-5;

absl::Status CheckBox(const vision_proto::TrackObject& request) {
  const vision_proto::Rect& box = request.box();
  // Written so that NaN fails.
  const bool inside = box.x() >= 0 && box.y() >= 0 && box.width() > 0 && box.height() > 0 &&
                      box.x() + box.width() <= 1 + kRounding &&
                      box.y() + box.height() <= 1 + kRounding;
  if (inside) return absl::OkStatus();
  return FieldError("track_object.box",
                    "The box must lie inside the picture (0 to 1) and have an extent.");
}

absl::Status CheckCorners(const vision_proto::TrackRectangle& request) {
  const Corners corners = CornersFrom(request.corners(), {1, 1});
  bool good = true;
  for (const cv::Point2d& corner : corners) {
    // Half a pixel of a picture of one pixel was taken off.
    good = good && corner.x >= -0.5 && corner.x <= 0.5 && corner.y >= -0.5 && corner.y <= 0.5;
  }
  if (good && IsClockwiseConvex(corners) && AreaOf(corners) >= kMinQuadArea) {
    return absl::OkStatus();
  }
  return FieldError("track_rectangle.corners",
                    "The corners must lie inside the picture (0 to 1), clockwise from the one at "
                    "the top left, and span a convex shape.");
}

}  // namespace

cv::Mat MakeTrackFrame(const Picture& picture) {
  const cv::Mat& pixels = picture.pixels();
  const double factor = static_cast<double>(kTrackSide) / std::max(pixels.cols, pixels.rows);
  cv::Mat small = pixels;
  if (factor < 1) {
    const cv::Size size(std::max(1, static_cast<int>(std::lround(pixels.cols * factor))),
                        std::max(1, static_cast<int>(std::lround(pixels.rows * factor))));
    cv::resize(pixels, small, size, 0, 0, cv::INTER_AREA);
  }
  cv::Mat grey;
  if (small.channels() == 1) return small.data == pixels.data ? pixels.clone() : small;
  cv::cvtColor(small, grey, cv::COLOR_RGB2GRAY);
  return grey;
}

bool IsTracking(const VisionRequest& request) {
  switch (request.kind_case()) {
    case VisionRequest::kTrackObject:
    case VisionRequest::kTrackRectangle:
    case VisionRequest::kTrackOpticalFlow:
    case VisionRequest::kTrackTranslationalImageRegistration:
    case VisionRequest::kTrackHomographicImageRegistration:
      return true;
    default:
      return false;
  }
}

absl::Status CheckTracking(const VisionRequest& request) {
  if (request.has_region_of_interest()) {
    return FieldError("region_of_interest", "Trackers look at the whole picture.");
  }
  if (request.has_track_object()) return CheckBox(request.track_object());
  if (request.has_track_rectangle()) return CheckCorners(request.track_rectangle());
  if (const uint32_t side = request.track_optical_flow().grid_side();
      side != 0 && (side < kMinGridSide || side > kMaxGridSide)) {
    return FieldError("track_optical_flow.grid_side", "must be from 8 to 256.");
  }
  return absl::OkStatus();
}

std::unique_ptr<Tracker> MakeTracker(const VisionRequest& request) {
  const float min_confidence = request.min_confidence();
  switch (request.kind_case()) {
    case VisionRequest::kTrackObject:
      return MakeObjectTracker(request.track_object(), min_confidence);
    case VisionRequest::kTrackRectangle:
      return MakeRectangleTracker(request.track_rectangle(), min_confidence);
    case VisionRequest::kTrackOpticalFlow:
      return MakeFlowTracker(request.track_optical_flow());
    case VisionRequest::kTrackTranslationalImageRegistration:
      return MakeTranslationTracker(min_confidence);
    default:
      return MakeHomographyTracker(min_confidence);
  }
}

}  // namespace intelligenced

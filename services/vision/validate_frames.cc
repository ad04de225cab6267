// The bounds of what a stream of frames is sent.
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/task_picture.h"
#include "services/vision/frame_task.h"
#include "services/vision/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr double kRounding = 1e-4;
constexpr uint32_t kMinGridSide = 8;
constexpr uint32_t kMaxGridSide = 256;

void CheckPoint(const std::string& field, const v1::Point& point, FieldChecker& check) {
  check.InRange(field + ".x", point.x(), 0, 1);
  check.InRange(field + ".y", point.y(), 0, 1);
}

void CheckCorners(const std::string& field, const v1::Quad& quad, FieldChecker& check) {
  CheckPoint(field + ".top_left", quad.top_left(), check);
  CheckPoint(field + ".top_right", quad.top_right(), check);
  CheckPoint(field + ".bottom_right", quad.bottom_right(), check);
  CheckPoint(field + ".bottom_left", quad.bottom_left(), check);
  const v1::Point* const corners[] = {&quad.top_left(), &quad.top_right(), &quad.bottom_right(),
                                      &quad.bottom_left()};
  for (int i = 0; i < 4; ++i) {
    const v1::Point &a = *corners[i], &b = *corners[(i + 1) % 4], &c = *corners[(i + 2) % 4];
    const double turn = (b.x() - a.x()) * (c.y() - b.y()) - (b.y() - a.y()) * (c.x() - b.x());
    if (!(turn > 0)) {
      check.Fail(field, "must go clockwise from the top left around a convex shape.");
    }
  }
}

void CheckTracking(const std::string& field, const v1::VisionRequest& request,
                   FieldChecker& check) {
  if (request.has_region_of_interest()) {
    check.Fail(field + ".region_of_interest", "is not for trackers: they look at the whole frame.");
  }
  if (request.has_track_object()) {
    const v1::Rect& box = request.track_object().box();
    const std::string name = field + ".track_object.box";
    check.InRange(name + ".x", box.x(), 0, 1);
    check.InRange(name + ".y", box.y(), 0, 1);
    check.InRange(name + ".width", box.width(), 0, 1 - box.x() + kRounding);
    check.InRange(name + ".height", box.height(), 0, 1 - box.y() + kRounding);
    if (box.width() == 0 || box.height() == 0) check.Fail(name, "has no extent.");
  } else if (request.has_track_rectangle()) {
    CheckCorners(field + ".track_rectangle.corners", request.track_rectangle().corners(), check);
  } else if (const uint32_t side = request.track_optical_flow().grid_side(); side != 0) {
    check.InRange(field + ".track_optical_flow.grid_side", side, kMinGridSide, kMaxGridSide);
  }
}

void CheckRequests(const std::string& list,
                   const google::protobuf::RepeatedPtrField<v1::VisionRequest>& requests,
                   FieldChecker& check) {
  if (requests.size() > kMaxVisionRequests) {
    check.Fail(list, absl::StrCat("has ", requests.size(), " requests; the most is ",
                                  kMaxVisionRequests, "."));
  }
  for (int i = 0; i < requests.size() && check.status().ok(); ++i) {
    const std::string field = absl::StrCat(list, "[", i, "]");
    CheckVisionRequest(field, requests.Get(i), check);
    if (IsTrackingRequest(requests.Get(i))) CheckTracking(field, requests.Get(i), check);
    if (requests.Get(i).has_describe_image()) {
      check.Fail(field, "asks for words about one picture (AnalyzeImage).");
    }
  }
}

}  // namespace

absl::Status Validate(const v1::AnalyzeFramesStart& start) {
  FieldChecker check;
  CheckRequests("start.requests", start.requests(), check);
  check.AtMost("start.max_pending_frames", start.max_pending_frames(), kMaxPendingFrames);
  if (start.has_max_frame_age()) {
    // The message has no smaller steps.
    check.Duration("start.max_frame_age", start.max_frame_age(), 1e-9,
                   absl::ToDoubleSeconds(kMaxFrameAge));
  }
  check.Options(start.options());
  return check.status();
}

absl::Status Validate(const v1::VideoFrame& frame) {
  return CheckPicture("frame.image", frame.image());
}

absl::Status Validate(const v1::ChangeRequests& change) {
  FieldChecker check;
  CheckRequests("change.add", change.add(), check);
  return check.status();
}

}  // namespace intelligenced
